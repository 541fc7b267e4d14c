package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/satra-sessions/satra"
)

// chunk is how many records one transaction ends or removes, so that other changes
// get their turn in between.
const chunk = 500

// forgetAfter is how long the epoch of a principal is remembered at least:
// longer than any sign-in takes.
const forgetAfter = 24 * time.Hour

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Principal returns the epoch and whether the principal is disabled, as the
// file holds them.
func (s *Store) Principal(ctx context.Context, name string) (satra.PrincipalState, error) {
	if err := ctx.Err(); err != nil {
		return satra.PrincipalState{}, err
	}
	if s.isClosed() {
		return satra.PrincipalState{}, errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	var p satra.PrincipalState
	err := s.principal.QueryRowContext(ctx, []byte(name)).Scan(&p.Epoch.All, &p.Epoch.Own, &p.Disabled)
	if err != nil {
		return satra.PrincipalState{}, s.failed(ctx, "principal", err)
	}
	return p, nil
}

// EndAll ends the sessions of one principal in one transaction, or everybody's,
// some hundreds at a time. The epoch is raised first. What a crash leaves of an end
// of everybody goes on by itself: see endings.go.
func (s *Store) EndAll(ctx context.Context, e satra.Ending) ([]satra.Ended, error) {
	if e.Everybody {
		return s.endEverybody(ctx, e)
	}
	var ended []satra.Ended
	err := s.do(ctx, "end all", func(t *tx) error {
		ended = t.endAll(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// endAll raises the principal's epoch and ends its sessions.
func (t *tx) endAll(e satra.Ending) (ended []satra.Ended) {
	_, disabled := t.principal(e.Principal)
	disabled = e.Access == satra.AccessDeny || e.Access == satra.AccessKeep && disabled
	t.state.serial++
	t.exec(t.s.statements.setPrincipal, []byte(e.Principal), t.state.serial, e.At.UnixMicro(), disabled)
	if e.Access == satra.AccessAllow {
		return nil
	}
	for _, id := range t.members(e.Principal, e.At.UnixMicro()) {
		ended = append(ended, t.endOne(id, e)...)
	}
	return ended
}

// endOne ends a session that is not excepted, if it is live.
func (t *tx) endOne(id satra.ID, e satra.Ending) []satra.Ended {
	if id == e.Except {
		return nil
	}
	if _, err := t.change(id, &satra.Change{At: e.At, End: &e.End}); err != nil {
		return nil
	}
	return []satra.Ended{{ID: id, End: e.End}}
}

// Sweep removes at most limit records that were over before the instant, oldest
// first, some hundreds at a time, and forgets epochs that nobody can ask
// for any more.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	total := 0
	for {
		n, most := 0, min(limit-total, chunk)
		err := s.do(ctx, "sweep", func(t *tx) error {
			forget := s.options.Now().Add(-forgetAfter)
			if before.Before(forget) {
				forget = before
			}
			t.exec(s.statements.forget, forget.UnixMicro(), chunk)
			n = t.sweep(before.UnixMicro(), most)
			return nil
		})
		if err != nil {
			return total, err
		}
		if total += n; n < most || total >= limit {
			return total, nil
		}
	}
}

func (t *tx) sweep(before int64, most int) int {
	if most <= 0 {
		return 0
	}
	ids := t.ids(t.s.statements.over, before, most)
	for _, id := range ids {
		t.remove(id)
	}
	return len(ids)
}
