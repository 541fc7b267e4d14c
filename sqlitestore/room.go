package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/satra-sessions/satra"
)

// What makes room for others: the queries take the oldest from the beginning of
// an index, so that none costs more for more records.
const (
	findOver                = `SELECT id FROM sessions WHERE over < ? ORDER BY over LIMIT ?`
	findLeastUsed           = `SELECT id FROM sessions WHERE ended = 0 AND principal = x'' ORDER BY seen LIMIT ?`
	findAnonymousTombstones = `SELECT id FROM sessions WHERE ended > 0 AND principal = x'' ORDER BY ended LIMIT ?`
	findTombstones          = `SELECT id FROM sessions WHERE ended > 0 ORDER BY ended LIMIT ?`
)

const (
	// evictAtOnce bounds how many sessions one new one lets go, so that a file
	// with more records than its capacity, which was higher once, shrinks step
	// by step.
	evictAtOnce = 16

	// unwritten is how long a touch of another process may be known to that
	// process alone: what has expired for less than that may be live.
	unwritten = 5 * time.Second
)

// makeRoom lets go what a new session of that kind may take the place of.
func (t *tx) makeRoom(k kind, now time.Time) error {
	capacity := t.s.options.Capacity
	gone := 0
	if most := max(1, capacity/2); k == anonymous && t.state.anonymous >= most {
		gone += t.evict(t.s.statements.leastUsed, min(t.state.anonymous-most+1, evictAtOnce))
	}
	if t.state.records >= capacity {
		most := min(t.state.records-capacity+1, evictAtOnce)
		before := now.Add(-unwritten).UnixMicro()
		if gone += t.evict(t.s.statements.over, most, before); gone < most {
			gone += t.evict(t.s.statements.leastUsed, most-gone)
		}
		if gone == 0 && t.err == nil {
			return fmt.Errorf("sqlitestore: %s holds %d records: %w", t.s.path, t.state.records, satra.ErrFull)
		}
	}
	return nil
}

// boundTombstones removes those that are too many: the anonymous ones first, and
// those that ended first.
func (t *tx) boundTombstones() {
	if most := min(t.state.tombstones-max(1, t.s.options.Capacity/4), chunk); most > 0 {
		gone := t.evict(t.s.statements.anonymousTombstones, most)
		t.evict(t.s.statements.tombstones, most-gone)
	}
}

// evict removes at most so many of the records that a query finds, and returns
// how many.
func (t *tx) evict(stmt *sql.Stmt, most int, args ...any) int {
	if most <= 0 {
		return 0
	}
	found := t.ids(stmt, append(args, most)...)
	for _, id := range found {
		t.remove(id)
	}
	return len(found)
}

// Stats counts what the file holds.
type Stats struct {
	Records    int // tombstones and expired ones included
	Anonymous  int // of these, without a principal and not ended
	Tombstones int // of these, ended
	Capacity   int // that of the options
}

// Stats returns the present counts, which cost next to nothing.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	if s.isClosed() {
		return Stats{}, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	var st state
	if err := s.readerDB.QueryRowContext(ctx, getState).Scan(st.columns()...); err != nil {
		return Stats{}, s.failed(ctx, "stats", err)
	}
	return Stats{st.records, st.anonymous, st.tombstones, s.options.Capacity}, nil
}
