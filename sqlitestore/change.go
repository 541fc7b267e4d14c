package sqlitestore

import (
	"context"
	"slices"

	"github.com/satra-sessions/satra"
)

// change applies c to one record, but for what a sign-in needs to know of the
// principal.
func (t *tx) change(id satra.ID, c *satra.Change) (satra.Result, error) {
	rec, next, err := t.judge(id, c)
	if err != nil {
		return satra.Result{Record: rec}, err
	}
	if c.TouchOnly() && next.Seen.Equal(rec.Seen) {
		next = rec // an older touch: nothing to write
	} else {
		t.put(next)
	}
	if c.Return || c.Refused != nil && next.Ended != nil {
		return satra.Result{Record: next}, nil
	}
	return satra.Result{}, nil
}

// judge returns the record before and after c, or why c does not apply and the
// record that goes with that answer.
func (t *tx) judge(id satra.ID, c *satra.Change) (rec, next *satra.Record, err error) {
	if rec = t.load(id).now; rec == nil {
		return nil, nil, satra.ErrNotFound
	}
	next, err = rec.With(c)
	if err == nil && len(c.Set) > 0 {
		err = t.s.fits(next)
	}
	if err != nil && c.TouchOnly() && !c.Return {
		rec = nil
	}
	return rec, next, err
}

// signIn binds a record to a principal.
func (t *tx) signIn(id satra.ID, c *satra.Change) (result satra.Result, err error) {
	b := c.SignIn
	own, disabled := t.principal(b.Principal)
	switch {
	case disabled:
		return result, satra.ErrDisabled
	case b.Epoch != satra.Epoch{Own: own, All: t.state.everybody}:
		return result, satra.ErrEpoch
	}
	over, err := t.overLimit(id, c)
	if err != nil {
		return result, err
	}
	if rec, _, err := t.judge(id, c); err != nil {
		return satra.Result{Record: rec}, err // and ends nobody
	}
	for _, old := range over {
		if _, err := t.change(old, &satra.Change{At: c.At, End: &b.LimitEnd}); err == nil {
			result.Ended = append(result.Ended, satra.Ended{ID: old, End: b.LimitEnd})
		}
	}
	changed, err := t.change(id, c)
	result.Record = changed.Record
	return result, err
}

// overLimit returns the principal's sessions that have to end for one more:
// those that began first.
func (t *tx) overLimit(id satra.ID, c *satra.Change) ([]satra.ID, error) {
	b := c.SignIn
	if b.Limit <= 0 {
		return nil, nil
	}
	live := slices.DeleteFunc(t.members(b.Principal, c.At.UnixMicro()), func(other satra.ID) bool { return other == id })
	excess := len(live) + 1 - b.Limit
	if excess <= 0 || t.err != nil {
		return nil, nil
	}
	if !b.EndOldest {
		return nil, satra.ErrLimit
	}
	slices.SortStableFunc(live, func(x, y satra.ID) int { return t.load(x).now.Begun.Compare(t.load(y).now.Begun) })
	return live[:excess], nil
}

// members returns the principal's live sessions.
func (t *tx) members(principal string, at int64) []satra.ID {
	ids := t.ids(t.s.statements.members, []byte(principal), at)
	return slices.DeleteFunc(ids, func(id satra.ID) bool { return t.load(id).now == nil })
}

// principal returns the epoch of a principal and whether it is disabled.
func (t *tx) principal(name string) (epoch uint64, disabled bool) {
	if t.err != nil {
		return 0, false
	}
	err := t.s.statements.principal.QueryRowContext(context.Background(), []byte(name)).Scan(&epoch, &disabled)
	if isNoRows(err) {
		return 0, false
	}
	t.fail(err)
	return epoch, disabled
}
