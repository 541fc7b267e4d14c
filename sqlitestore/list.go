package sqlitestore

import (
	"context"

	"github.com/satra-sessions/satra"
)

// List returns a page in the order of IDs. One of all sessions, or of the
// anonymous ones, passes over those that the query does not ask for; one of a
// principal looks at that principal's sessions only.
func (s *Store) List(ctx context.Context, q satra.Query) (satra.Page, error) {
	if err := ctx.Err(); err != nil {
		return satra.Page{}, err
	}
	q.Limit = min(max(q.Limit, 1), 1000)
	if s.cache.touches.Load() > 0 {
		// Whether a session is over is a column, which the touches that wait move.
		if err := s.do(ctx, "list", func(*tx) error { return nil }); err != nil {
			return satra.Page{}, err
		}
	}
	if s.isClosed() {
		return satra.Page{}, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	page, err := s.page(ctx, q)
	if err != nil {
		return satra.Page{}, s.failed(ctx, "list", err)
	}
	return page, nil
}

func (s *Store) page(ctx context.Context, q satra.Query) (page satra.Page, err error) {
	query, args := pageQuery(q)
	rows, err := s.readerDB.QueryContext(ctx, query, args...)
	if err != nil {
		return page, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return page, err
		}
		if len(page.Records) == q.Limit {
			page.Next = page.Records[q.Limit-1].ID
			break
		}
		r.Secret, r.Seed, r.Retired, r.Values = satra.Hash{}, satra.Seed{}, nil, nil
		page.Records = append(page.Records, r)
	}
	return page, rows.Err()
}

// pageQuery asks for one record more than the page holds.
func pageQuery(q satra.Query) (query string, args []any) {
	query, args = `SELECT id, principal, record FROM sessions WHERE id > ?`, []any{q.After[:]}
	if q.Ended {
		query += ` AND (ended > 0 OR over <= ?)`
	} else {
		query += ` AND ended = 0 AND over > ?`
	}
	args = append(args, q.At.UnixMicro())
	switch {
	case q.Principal == nil:
	case *q.Principal == "":
		query += ` AND +principal = x''`
	default:
		query += ` AND principal = ? AND principal <> x''`
		args = append(args, []byte(*q.Principal))
	}
	return query + ` ORDER BY id LIMIT ?`, append(args, q.Limit+1)
}
