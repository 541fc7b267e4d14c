package sqlitestore

import (
	"context"
	"errors"

	"github.com/satra-sessions/satra"
)

// Import takes in a record from another store.
func (s *Store) Import(ctx context.Context, r *satra.Record) (bool, error) {
	if r.ID.IsZero() {
		return false, errors.New("sqlitestore: Import: a record has an ID")
	}
	if err := s.fits(r); err != nil {
		return false, err
	}
	var changed bool
	own := *r // whoever moves records may go on with the same one
	err := s.do(ctx, "import", func(t *tx) (err error) {
		changed, err = t.takeIn(&own)
		return err
	})
	if err != nil {
		return false, err
	}
	return changed, nil
}

// takeIn adds the record, or puts it over the one that is there.
func (t *tx) takeIn(r *satra.Record) (bool, error) {
	old := t.load(r.ID).now
	if old == nil {
		if err := t.makeRoom(kindOf(r), r.Seen); err != nil {
			return false, err
		}
		t.put(r)
		return true, nil
	}
	next, err := old.Merge(r)
	if err != nil || next == old {
		return false, err
	}
	t.put(next)
	return true, nil
}

const findDisabled = `SELECT name FROM principals WHERE disabled = 1 AND name > ? ORDER BY name LIMIT ?`

// Disabled lists the principals that are disabled.
func (s *Store) Disabled(ctx context.Context, after string, limit int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.isClosed() {
		return nil, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	rows, err := s.readerDB.QueryContext(ctx, findDisabled, []byte(after), min(max(limit, 1), 1000))
	if err != nil {
		return nil, s.failed(ctx, "disabled", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, s.failed(ctx, "disabled", err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return nil, s.failed(ctx, "disabled", err)
	}
	return names, nil
}
