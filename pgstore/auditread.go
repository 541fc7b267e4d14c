package pgstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// AuditRows returns a page of rows in the order of time: see audit.Sink.
func (s *Store) AuditRows(ctx context.Context, q auditQuery) ([]auditRow, error) {
	query, args := auditPage(q)
	return auditRead(ctx, s, "AuditRows", scanAudit, query, args...)
}

const auditColumns = `select writer, seq, at, kind, coalesce(session, ''), principal, address, body, mac from {schema}.audit a`

// auditPage is a query by the first index that serves, in its order. The others
// cannot serve: their columns are hidden in expressions, which filter.
func auditPage(q auditQuery) (query string, args []any) {
	var where []string
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where = append(where, condition)
	}
	at := "(at + 0)"
	by := func(given bool, column, nothing string, value any) {
		switch {
		case !given:
		case at == "at":
			add("("+column+" || "+nothing+") = ?", value)
		default:
			at = "at"
			add(column+" = ?", value)
		}
	}
	by(len(q.Principal) > 0, "principal", "''::bytea", q.Principal)
	by(len(q.Address) > 0, "address", "''::bytea", q.Address)
	by(q.Session != "", "session", "''", q.Session)
	by(q.Kind != "", "kind", "''", q.Kind)
	if q.Writer != "" {
		add("(writer || '') = ?", q.Writer)
	}
	if q.From != 0 {
		add(at+" >= ?::bigint", q.From)
	}
	if q.Until != 0 {
		add(at+" < ?::bigint", q.Until)
	}
	than, direction := "<", " desc"
	if q.Oldest {
		than, direction = ">", ""
	}
	if q.AfterWriter != "" {
		add("("+at+", writer, seq) "+than+" (?::bigint, ?::text, ?::bigint)", q.AfterAt, q.AfterWriter, q.AfterSeq)
	}
	query = auditColumns
	if len(where) > 0 {
		query += " where " + strings.Join(where, " and ")
	}
	args = append(args, q.Limit)
	return query + fmt.Sprintf(" order by %s%s, writer%[2]s, seq%[2]s limit $%d::int", at, direction, len(args)), args
}

// AuditChain returns rows of a writer in the order of Seq: see audit.Sink.
func (s *Store) AuditChain(ctx context.Context, writer string, after int64, limit int) ([]auditRow, error) {
	return auditRead(ctx, s, "AuditChain", scanAudit, auditColumns+` where writer = $1::text and seq > $2::bigint order by seq limit $3::int`, writer, after, limit)
}

// auditWriters goes from one writer to the next by the primary key: it costs a look
// for each chain, and none for each row.
const auditWriters = `with recursive writers as (
		(select writer from {schema}.audit where writer > $1::text order by writer limit 1)
		union all
		select (select a.writer from {schema}.audit a where a.writer > w.writer order by a.writer limit 1) from writers w where w.writer is not null
	)`

const auditChains = auditWriters + ` select w.writer, (select seq from {schema}.audit a where a.writer = w.writer order by seq limit 1),
	(select seq from {schema}.audit a where a.writer = w.writer order by seq desc limit 1) from writers w where w.writer is not null limit $2::int`

// AuditChains lists the writers that have rows: see audit.Sink.
func (s *Store) AuditChains(ctx context.Context, after string, limit int) ([]auditChain, error) {
	scan := func(row pgx.CollectableRow) (c auditChain, err error) {
		return c, row.Scan(&c.Writer, &c.First, &c.Last)
	}
	return auditRead(ctx, s, "AuditChains", scan, auditChains, after, limit)
}

const auditHeads = auditWriters + ` select h.* from writers w cross join lateral
	(select writer, seq, at, mac from {schema}.audit a where a.writer = w.writer order by seq desc limit 1) h
	where h.at >= $2::bigint order by h.at desc, h.writer limit $3::int`

// AuditHeads returns the last row of each chain that has moved since: see
// audit.Sink.
func (s *Store) AuditHeads(ctx context.Context, since int64, limit int) ([]auditHead, error) {
	scan := func(row pgx.CollectableRow) (h auditHead, err error) {
		return h, row.Scan(&h.Writer, &h.Seq, &h.At, &h.MAC)
	}
	return auditRead(ctx, s, "AuditHeads", scan, auditHeads, "", since, limit)
}

// AuditKeys returns the keys of those owners that have one: see audit.Sink.
func (s *Store) AuditKeys(ctx context.Context, owners [][]byte) ([]auditWrappedKey, error) {
	scan := func(row pgx.CollectableRow) (k auditWrappedKey, err error) {
		return k, row.Scan(&k.Owner, &k.At, &k.Key)
	}
	return auditRead(ctx, s, "AuditKeys", scan, `select owner, at, key from {schema}.audit_keys where owner = any($1::bytea[])`, owners)
}

func auditRead[T any](ctx context.Context, s *Store, op string, scan func(pgx.CollectableRow) (T, error), query string, args ...any) (all []T, err error) {
	err = s.read(ctx, op, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, s.in(query), args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, scan)
		return err
	})
	return all, err
}

func scanAudit(row pgx.CollectableRow) (r auditRow, err error) {
	return r, row.Scan(&r.Writer, &r.Seq, &r.At, &r.Kind, &r.Session, &r.Principal, &r.Address, &r.Body, &r.MAC)
}
