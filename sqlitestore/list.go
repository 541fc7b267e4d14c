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

// pageQuery asks for one record more than the page holds. What was ended and what
// was not are in different indexes.
func pageQuery(q satra.Query) (query string, args []any) {
	const columns = `SELECT id, principal, record FROM sessions WHERE `
	live, over, owner := `ended = 0 AND over > ?2`, `ended = 0 AND over <= ?2`, ``
	args = []any{q.After[:], q.At.UnixMicro(), q.Limit + 1}
	switch {
	case q.Principal == nil:
		over = `(ended > 0 OR over <= ?2)`
	case *q.Principal == "":
		over, owner = `(ended > 0 OR over <= ?2)`, ` AND +principal = x''`
	default:
		owner = ` AND principal = ?4 AND principal <> x''`
		args = append(args, []byte(*q.Principal))
	}
	const id, end = ` AND id > ?1`, ` ORDER BY id LIMIT ?3`
	switch {
	case !q.Ended:
		return columns + live + owner + id + end, args
	case len(args) == 3:
		return columns + over + owner + id + end, args
	}
	return columns + over + owner + id + ` UNION ALL ` + columns + `ended > 0` + owner + id + end, args
}
