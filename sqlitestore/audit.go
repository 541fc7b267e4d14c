package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	auditLast     = `SELECT max(seq) FROM audit WHERE writer = ? AND seq BETWEEN ? AND ?`
	auditAdd      = `INSERT INTO audit (writer, seq, at, kind, session, principal, address, body, mac) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	auditCut      = `DELETE FROM audit WHERE writer = ?1 AND seq IN (SELECT seq FROM audit WHERE writer = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)`
	auditKeyAdd   = `INSERT INTO audit_keys (owner, at, key) VALUES (?, ?, ?) ON CONFLICT (owner) DO NOTHING`
	auditKeyErase = `DELETE FROM audit_keys WHERE owner = ?`
	auditKeysCut  = `DELETE FROM audit_keys WHERE owner IN (SELECT owner FROM audit_keys WHERE at < ? ORDER BY at LIMIT ?)`
)

// AppendAudit adds rows of the audit log, all or none: see audit.Sink. They are
// durable as sessions are.
func (s *Store) AppendAudit(ctx context.Context, rows []auditRow) (added bool, err error) {
	if len(rows) == 0 {
		return true, nil
	}
	err = s.do(ctx, "audit", func(t *tx) error {
		writer, first, last := rows[0].Writer, rows[0].Seq, rows[len(rows)-1].Seq
		var there sql.NullInt64
		if t.fail(t.s.statements.auditLast.QueryRowContext(context.Background(), writer, first, last).Scan(&there)) || there.Valid {
			return nil
		}
		for _, r := range rows {
			t.exec(t.s.statements.auditAdd, r.Writer, r.Seq, r.At, r.Kind, orNull(r.Session), orNull(r.Principal), orNull(r.Address), notNil(r.Body), notNil(r.MAC))
		}
		added = t.err == nil
		return nil
	})
	if err != nil {
		return false, err // added may still be written to
	}
	return added, nil
}

func orNull[T string | []byte](v T) any {
	if len(v) == 0 {
		return nil
	}
	return v
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// CutAudit removes the oldest rows of a writer: see audit.Sink.
func (s *Store) CutAudit(ctx context.Context, writer string, through int64, limit int) (int, error) {
	return s.counted(ctx, func(t *tx) int { return t.exec(t.s.statements.auditCut, writer, through, limit) })
}

// AddAuditKeys adds keys whose owner has none: see audit.Sink.
func (s *Store) AddAuditKeys(ctx context.Context, keys []auditWrappedKey) error {
	_, err := s.counted(ctx, func(t *tx) (n int) {
		for _, k := range keys {
			n += t.exec(t.s.statements.auditKey, k.Owner, k.At, notNil(k.Key))
		}
		return n
	})
	return err
}

// EraseAuditKeys removes keys, so that neither the file nor its log of writes has
// them any more: see audit.Sink. A copy that was made before has them still.
func (s *Store) EraseAuditKeys(ctx context.Context, owners [][]byte) (int, error) {
	n, err := s.counted(ctx, func(t *tx) (n int) {
		for _, o := range owners {
			n += t.exec(t.s.statements.auditKeyErase, o)
		}
		return n
	})
	if err != nil {
		return 0, err
	}
	return n, s.truncateLog(ctx)
}

// CutAuditKeys removes keys that were made before a time: see audit.Sink.
func (s *Store) CutAuditKeys(ctx context.Context, before int64, limit int) (int, error) {
	return s.counted(ctx, func(t *tx) int { return t.exec(t.s.statements.auditKeysCut, before, limit) })
}

// counted has the writer run a change that returns how many rows it was about.
func (s *Store) counted(ctx context.Context, run func(*tx) int) (n int, err error) {
	done := 0
	if err := s.do(ctx, "audit", func(t *tx) error { done = run(t); return nil }); err != nil {
		return 0, err // done may still be written to
	}
	return done, nil
}

// truncateLog moves what the write-ahead log holds to the file, where secure_delete
// has overwritten what was removed, and empties it.
func (s *Store) truncateLog(ctx context.Context) error {
	db, err := sql.Open("sqlite", dsn(s.path, "rw", s.options.Timeout))
	if err != nil {
		return err
	}
	defer db.Close()
	for range 100 { // readers of the old state hold it up, for as long as a query takes
		var busy, frames, moved int
		if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
			return s.failed(ctx, "audit", err)
		}
		if busy == 0 {
			return nil
		}
	}
	return fmt.Errorf("sqlitestore: %s: the keys are erased, and the log of writes still has them: %w", s.path, unavailable("checkpoint", errors.New("others are reading")))
}
