package audit

import "context"

// A Sink keeps the rows of the audit log, of all nodes. A store's module
// implements it beside its sessions; package audittest is the contract as a
// suite of tests, sentence by sentence.
//
// Methods are safe for concurrent use, also by several processes. They own
// their deadline: a sink that cannot be reached returns an error in bounded
// time, and then it is unknown whether a change was made. Any error is taken
// for that, and the call is repeated later. Neither side changes the slices that
// it has handed to the other.
//
// A sink removes nothing by itself, and never changes a row.
type Sink interface {
	// AppendAudit adds all rows or none, and they are durable when it returns:
	// they survive a power cut if anything in the sink does. The rows, 1 to 256,
	// are of one writer, in the order of Seq and without a gap. It returns false
	// without an error if a row of that Writer and Seq was there already, and
	// has then added none.
	AppendAudit(ctx context.Context, rows []Row) (added bool, err error)

	// AuditRows returns a page of rows in the order of time, as [Query] says. A
	// page takes as long with ten million rows as with ten thousand: there is an
	// index in that order for all rows, and for those of one Principal,
	// Address, Session, and Kind. Where several are asked for, the sink uses the
	// first of them in this order, and filters by the others.
	AuditRows(ctx context.Context, q Query) ([]Row, error)

	// AuditChain returns the rows of one writer whose Seq is higher than after,
	// in the order of Seq, at most limit, 1 to 1000. This is what verification
	// reads: it trusts no other order.
	AuditChain(ctx context.Context, writer string, after int64, limit int) ([]Row, error)

	// AuditChains lists the writers that have rows and come after the one
	// given, in the order of their bytes, at most limit, 1 to 1000. "" is before
	// all. It tells what the rows say: a table beside them that somebody has
	// changed must not hide a chain. Its cost grows with the chains, not with
	// their rows.
	AuditChains(ctx context.Context, after string, limit int) ([]Chain, error)

	// AuditHeads returns the last row of each chain whose last row is of that
	// time or later (At ≥ since), the latest first, at most limit, 1 to 1000.
	// It is asked every minute or so by each node, and may answer from a table
	// that every append keeps.
	AuditHeads(ctx context.Context, since int64, limit int) ([]Head, error)

	// CutAudit removes rows of the writer up to and including that Seq, the
	// lowest first, at most limit, 1 to 10000, and returns how many. With 0
	// nothing is left to be removed. A chain without rows is no chain.
	CutAudit(ctx context.Context, writer string, through int64, limit int) (int, error)

	// AuditKeys returns the keys of those owners, 1 to 256 different ones, that
	// have one, in any order.
	AuditKeys(ctx context.Context, owners [][]byte) ([]WrappedKey, error)

	// AddAuditKeys adds keys, 1 to 256, each whose owner has none, and leaves
	// the others as they are: of several that add a key for one owner, the first
	// has done it. The keys are as durable as rows.
	AddAuditKeys(ctx context.Context, keys []WrappedKey) error

	// EraseAuditKeys removes the keys of those owners, 1 to 256, so that nothing
	// is left of them, and returns how many there were. The removal is durable
	// when it returns.
	EraseAuditKeys(ctx context.Context, owners [][]byte) (int, error)

	// CutAuditKeys removes keys that were made before that time, at most limit,
	// 1 to 10000, and returns how many. With 0 nothing is left to be removed.
	CutAuditKeys(ctx context.Context, before int64, limit int) (int, error)
}
