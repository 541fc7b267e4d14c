package main

import (
	"context"
	"fmt"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/privatestore"
)

// signInAgain signs in once more to every principal, as a node does that was
// started after the kill, and looks that the limits are as exact as before and
// that nothing else has changed. It goes into the same log.
func (r *round) signInAgain(ctx context.Context, s *privatestore.Store) error {
	before, err := observe(ctx, s, r.h)
	if err != nil {
		return err
	}
	rec := &recorder{store: s, to: r.h.add, last: r.h.last()}
	var tries []try
	for n := range ordinary {
		t := try{principal: fmt.Sprintf(principalFmt, n, r.name), rule: ruleOf(n)}
		t.before, t.uncertain = r.h.standing(t.principal, before)
		if t.got, err = r.signIn(ctx, rec, t); err != nil {
			return err
		}
		tries = append(tries, t)
	}
	after, err := observe(ctx, s, r.h)
	if err != nil {
		return err
	}
	for _, t := range tries {
		t.after, _ = r.h.standing(t.principal, after)
		if text := t.fault(); text != "" {
			r.note(fault{wrong, text})
		}
	}
	r.note(check(r.h, after)...)
	return nil
}

func (r *round) signIn(ctx context.Context, rec *recorder, t try) (answer, error) {
	id := newID()
	if got, err := rec.do(ctx, &operation{Kind: create, ID: id}); err != nil || got != acknowledged {
		return got, err
	}
	state, err := rec.store.Principal(ctx, t.principal)
	if err != nil {
		return unknown, err
	}
	return rec.do(ctx, &operation{
		Kind: signIn, ID: id, N: 1, Principal: t.principal, Epoch: state.Epoch, Limit: t.rule.limit, EndOldest: t.rule.endOldest,
	})
}

// standing counts the live sessions of a principal, and the sign-ins of which it
// is unknown whether they hold a place: they may, until their lease ends.
func (h *history) standing(principal string, seen observation) (live, uncertain int) {
	c := &checking{h: h, seen: seen}
	all, pending := c.liveOf(principal)
	for id := range all {
		if !pending[id] {
			live++
		}
	}
	for _, d := range h.all {
		if d.Kind == signIn && d.Principal == principal && d.got == unknown {
			uncertain++
		}
	}
	return live, uncertain
}

// A try is a sign-in after the kill.
type try struct {
	principal     string
	rule          rule
	got           answer
	before, after int // live sessions
	uncertain     int // sign-ins that may hold a place
}

// fault says what is wrong with what it has led to, or "".
func (t try) fault() string {
	want := t.before + 1
	if t.rule.limit > 0 {
		want = min(want, t.rule.limit)
	}
	full := t.rule.limit > 0 && t.before+t.uncertain >= t.rule.limit
	switch {
	case t.got == refused(satra.ErrLimit) && full && !t.rule.endOldest:
		want = t.before
	case t.got != acknowledged:
		return fmt.Sprintf("%s: a sign-in with %d of %d live sessions: %s", t.principal, t.before, t.rule.limit, t.got)
	case t.rule.limit > 0 && !t.rule.endOldest && t.before >= t.rule.limit:
		return fmt.Sprintf("%s: a sign-in with %d of %d live sessions was not refused", t.principal, t.before, t.rule.limit)
	}
	if t.after > want || t.after < want-t.uncertain {
		return fmt.Sprintf("%s: %d live sessions after a sign-in with %d, want %d (%d sign-ins are uncertain)",
			t.principal, t.after, t.before, want, t.uncertain)
	}
	return ""
}
