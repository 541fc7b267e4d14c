package main

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
)

// The states that a session may be in, or was in before.
type states struct {
	after  []*satra.Record // one of them it has to be in
	before []*satra.Record // older ones: if it is in one, something is lost
	// refused are those that a sign-in would have led to that was refused: a store
	// that has bound the session already may only end it then.
	refused []*satra.Record
}

// states applies what was acknowledged, one after the other: a session has one
// goroutine that works on it, which stops when it is unknown what became of a
// change. That change was made or not. Touches are left out, since they may be
// lost.
func (s *story) states() (states, error) {
	var all states
	now := s.creation().record()
	for _, d := range s.asked[1:] {
		if d.Kind == touch {
			continue
		}
		next, err := now.With(d.change())
		if d.got == acknowledged {
			if err != nil {
				return all, fmt.Errorf("a %s was acknowledged that should have been refused: %w", d.Kind, err)
			}
			all.before = append(all.before, now)
			now = next
		} else if err == nil {
			switch {
			case d.got == unknown:
				all.after = append(all.after, next)
			case d.Kind == signIn:
				all.refused = append(all.refused, next)
			}
		}
	}
	all.after = append(all.after, now)
	return all, nil
}

// compare finds the state that the session is in.
func (c *checking) compare(id satra.ID, s *story, found *satra.Record, all states) {
	is := func(want *satra.Record) bool { return same(s, found, want) }
	switch {
	case slices.ContainsFunc(all.after, is):
	case found.Ended != nil && slices.ContainsFunc(all.refused, is):
	case slices.ContainsFunc(all.before, is):
		c.add(lost, "session %s is in an older state, of version %d; of version %d it was acknowledged",
			id, found.Version, all.after[len(all.after)-1].Version)
	default:
		c.add(half, "session %s is in no state that was asked for: %s", id, difference(found, all.after[len(all.after)-1]))
	}
}

// same compares records but for last-seen, which has to be a time at which
// somebody was, and not earlier than what was acknowledged with more than a touch.
func same(s *story, found, want *satra.Record) bool {
	return difference(found, want) == "" && !found.Seen.Before(want.Seen) &&
		(found.Seen.Equal(want.Seen) || slices.ContainsFunc(s.asked, func(d *done) bool { return found.Seen.Equal(d.at()) }))
}

// difference names the fields that differ.
func difference(found, want *satra.Record) string {
	a, b := reflect.ValueOf(normal(found)), reflect.ValueOf(normal(want))
	var names []string
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, a.Type().Field(i).Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprint("other ", names)
}

// normal is a record in which what means the same is the same. Secrets that a
// sign-in retired a store need not keep.
func normal(r *satra.Record) satra.Record {
	n := *r
	n.Seen = time.Time{}
	for _, t := range []*time.Time{&n.Created, &n.Begun, &n.NotAfter, &n.AuthAt} {
		*t = t.UTC()
	}
	n.Values, n.Retired = nil, nil
	for _, v := range r.Values {
		n.Values = append(n.Values, satra.Value{Key: v.Key, Data: append([]byte{}, v.Data...), Rev: v.Rev})
	}
	for _, old := range r.Retired {
		if old.Successor != nil {
			n.Retired = append(n.Retired, satra.Retired{Secret: old.Secret, At: old.At.UTC(), Successor: old.Successor})
		}
	}
	if r.Ended != nil {
		e := *r.Ended
		e.At = e.At.UTC()
		n.Ended = &e
	}
	return n
}
