package sqlitestore

import (
	"context"
	"database/sql"
	"strings"
)

// AuditRows returns a page of rows in the order of time: see audit.Sink.
func (s *Store) AuditRows(ctx context.Context, q auditQuery) ([]auditRow, error) {
	query, args := auditPage(q)
	return auditRead(ctx, s, scanAudit, query, args...)
}

const auditColumns = `SELECT writer, seq, at, kind, coalesce(session, ''), principal, address, body, mac FROM audit `

// auditPage is a query by the first index that serves, in its order: the rest
// filters.
func auditPage(q auditQuery) (query string, args []any) {
	var where []string
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	index := "audit_by_time"
	by := func(given bool, column string, value any) {
		if !given {
			return
		}
		if add(column+" = ?", value); index == "audit_by_time" {
			index = "audit_by_" + column
		}
	}
	by(len(q.Principal) > 0, "principal", q.Principal)
	by(len(q.Address) > 0, "address", q.Address)
	by(q.Session != "", "session", q.Session)
	by(q.Kind != "", "kind", q.Kind)
	if q.Writer != "" {
		add("+writer = ?", q.Writer)
	}
	if q.From != 0 {
		add("at >= ?", q.From)
	}
	if q.Until != 0 {
		add("at < ?", q.Until)
	}
	than, direction := "<", " DESC"
	if q.Oldest {
		than, direction = ">", ""
	}
	if q.AfterWriter != "" {
		add("(at, writer, seq) "+than+" (?, ?, ?)", q.AfterAt, q.AfterWriter, q.AfterSeq)
	}
	query = auditColumns + "INDEXED BY " + index
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY at" + direction + ", writer" + direction + ", seq" + direction + " LIMIT ?"
	return query, append(args, q.Limit)
}

// AuditChain returns rows of a writer in the order of Seq: see audit.Sink.
func (s *Store) AuditChain(ctx context.Context, writer string, after int64, limit int) ([]auditRow, error) {
	return auditRead(ctx, s, scanAudit, auditColumns+`WHERE writer = ? AND seq > ? ORDER BY seq LIMIT ?`, writer, after, limit)
}

// auditWriters goes from one writer to the next by the primary key: it costs a look
// for each chain, and none for each row.
const auditWriters = `WITH RECURSIVE writers (writer) AS (
		SELECT min(writer) FROM audit WHERE writer > ?1
		UNION ALL
		SELECT (SELECT min(writer) FROM audit WHERE audit.writer > writers.writer) FROM writers WHERE writer IS NOT NULL
	)`

const auditChains = auditWriters + ` SELECT writer, (SELECT min(seq) FROM audit a WHERE a.writer = w.writer),
	(SELECT max(seq) FROM audit a WHERE a.writer = w.writer) FROM writers w WHERE writer IS NOT NULL LIMIT ?2`

// AuditChains lists the writers that have rows: see audit.Sink.
func (s *Store) AuditChains(ctx context.Context, after string, limit int) ([]auditChain, error) {
	scan := func(rows *sql.Rows) (c auditChain, err error) {
		return c, rows.Scan(&c.Writer, &c.First, &c.Last)
	}
	return auditRead(ctx, s, scan, auditChains, after, limit)
}

const auditHeads = auditWriters + ` SELECT a.writer, a.seq, a.at, a.mac FROM writers w CROSS JOIN audit a
	ON a.writer = w.writer AND a.seq = (SELECT max(seq) FROM audit b WHERE b.writer = w.writer)
	WHERE a.at >= ?2 ORDER BY a.at DESC, a.writer LIMIT ?3`

// AuditHeads returns the last row of each chain that has moved since: see
// audit.Sink.
func (s *Store) AuditHeads(ctx context.Context, since int64, limit int) ([]auditHead, error) {
	scan := func(rows *sql.Rows) (h auditHead, err error) {
		return h, rows.Scan(&h.Writer, &h.Seq, &h.At, &h.MAC)
	}
	return auditRead(ctx, s, scan, auditHeads, "", since, limit)
}

// AuditKeys returns the keys of those owners that have one: see audit.Sink.
func (s *Store) AuditKeys(ctx context.Context, owners [][]byte) ([]auditWrappedKey, error) {
	if len(owners) == 0 {
		return nil, nil
	}
	scan := func(rows *sql.Rows) (k auditWrappedKey, err error) {
		return k, rows.Scan(&k.Owner, &k.At, &k.Key)
	}
	args := make([]any, len(owners))
	for i, o := range owners {
		args[i] = o
	}
	return auditRead(ctx, s, scan, `SELECT owner, at, key FROM audit_keys WHERE owner IN (?`+strings.Repeat(", ?", len(owners)-1)+`)`, args...)
}

// auditRead asks a reader.
func auditRead[T any](ctx context.Context, s *Store, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.isClosed() {
		return nil, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	rows, err := s.readerDB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.failed(ctx, "audit", err)
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, s.failed(ctx, "audit", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, s.failed(ctx, "audit", err)
	}
	return all, nil
}

func scanAudit(rows *sql.Rows) (r auditRow, err error) {
	return r, rows.Scan(&r.Writer, &r.Seq, &r.At, &r.Kind, &r.Session, &r.Principal, &r.Address, &r.Body, &r.MAC)
}
