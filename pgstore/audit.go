package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The rows of package audit, whose Sink a [Store] is: aliases of the same unnamed
// structs, so that this module need not import it.
type (
	auditRow = struct {
		Writer             string
		Seq                int64
		At                 int64
		Kind               string
		Session            string
		Principal, Address []byte
		Body, MAC          []byte
	}
	auditQuery = struct {
		Kind        string
		Session     string
		Principal   []byte
		Address     []byte
		Writer      string
		From        int64
		Until       int64
		Oldest      bool
		AfterAt     int64
		AfterWriter string
		AfterSeq    int64
		Limit       int
	}
	auditChain = struct {
		Writer string
		First  int64
		Last   int64
	}
	auditHead = struct {
		Writer string
		Seq    int64
		At     int64
		MAC    []byte
	}
	auditWrappedKey = struct {
		Owner []byte
		At    int64
		Key   []byte
	}
)

const (
	auditAppend = `insert into {schema}.audit (writer, seq, at, kind, session, principal, address, body, mac)
		select $1::text, seq, at, kind, nullif(session, ''), nullif(principal, ''), nullif(address, ''), body, mac
		from unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[])
			as r (seq, at, kind, session, principal, address, body, mac)`

	auditCut = `delete from {schema}.audit where writer = $1::text and seq in
		(select seq from {schema}.audit where writer = $1::text and seq <= $2::bigint order by seq limit $3::int)`

	auditKeyAdd = `insert into {schema}.audit_keys (owner, at, key)
		select owner, at, key from unnest($1::bytea[], $2::bigint[], $3::bytea[]) as k (owner, at, key) on conflict (owner) do nothing`

	auditKeyErase = `delete from {schema}.audit_keys where owner = any($1::bytea[])`

	auditKeysCut = `delete from {schema}.audit_keys where owner in
		(select owner from {schema}.audit_keys where at < $1::bigint order by at limit $2::int)`
)

// AppendAudit adds rows of the audit log, all or none, in one statement: see
// audit.Sink. They are durable as sessions are.
func (s *Store) AppendAudit(ctx context.Context, rows []auditRow) (added bool, err error) {
	if len(rows) == 0 {
		return true, nil
	}
	n := len(rows)
	seqs, ats, kinds, sessions := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	principals, addresses, bodies, macs := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	for i, r := range rows {
		seqs[i], ats[i], kinds[i], sessions[i] = r.Seq, r.At, r.Kind, r.Session
		principals[i], addresses[i], bodies[i], macs[i] = r.Principal, r.Address, notNil(r.Body), notNil(r.MAC)
	}
	err = s.do(ctx, "AppendAudit", func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, s.in(auditAppend), rows[0].Writer, seqs, ats, kinds, sessions, principals, addresses, bodies, macs)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" { // unique violation
		return false, nil
	}
	return err == nil, err
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// CutAudit removes the oldest rows of a writer: see audit.Sink.
func (s *Store) CutAudit(ctx context.Context, writer string, through int64, limit int) (int, error) {
	return s.affected(ctx, "CutAudit", auditCut, writer, through, limit)
}

// AddAuditKeys adds keys whose owner has none: see audit.Sink.
func (s *Store) AddAuditKeys(ctx context.Context, keys []auditWrappedKey) error {
	owners, ats, wrapped := make([][]byte, len(keys)), make([]int64, len(keys)), make([][]byte, len(keys))
	for i, k := range keys {
		owners[i], ats[i], wrapped[i] = k.Owner, k.At, notNil(k.Key)
	}
	_, err := s.affected(ctx, "AddAuditKeys", auditKeyAdd, owners, ats, wrapped)
	return err
}

// EraseAuditKeys removes keys: see audit.Sink. No query finds them from then on; in
// the server's files they are until it has vacuumed the table, which is asked for
// here, and in its write-ahead log for as long as that is kept.
func (s *Store) EraseAuditKeys(ctx context.Context, owners [][]byte) (int, error) {
	n, err := s.affected(ctx, "EraseAuditKeys", auditKeyErase, owners)
	if err != nil || n == 0 {
		return n, err
	}
	return n, s.do(ctx, "EraseAuditKeys", func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, s.in("vacuum {schema}.audit_keys"))
		return err
	})
}

// CutAuditKeys removes keys that were made before a time: see audit.Sink.
func (s *Store) CutAuditKeys(ctx context.Context, before int64, limit int) (int, error) {
	return s.affected(ctx, "CutAuditKeys", auditKeysCut, before, limit)
}

// affected runs a statement and returns how many rows it was about.
func (s *Store) affected(ctx context.Context, op, statement string, args ...any) (n int, err error) {
	err = s.do(ctx, op, func(ctx context.Context, conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, s.in(statement), args...)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}
