package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/satra-sessions/satra"
)

// A fault is something that is not as the log says it has to be.
type fault struct {
	what fate
	text string
}

// A fate is what became of an acknowledged change, or of one that was not.
type fate string

const (
	lost    fate = "lost"    // it was acknowledged, and is not there
	revived fate = "revived" // its end was acknowledged, and it lives
	half    fate = "half"    // it is neither as it was before a change nor as it was after
	wrong   fate = "wrong"   // the rest: an index that disagrees, a limit that is passed, what nobody asked for
)

// check holds what was seen against the log. It knows nothing of the store: what
// a change means is what [satra.Record.With] says.
func check(h *history, seen observation) []fault {
	c := &checking{h: h, seen: seen}
	for _, id := range h.ids {
		c.session(id, h.sessions[id])
	}
	for _, principal := range h.principals() {
		c.principal(principal)
	}
	return c.faults
}

type checking struct {
	h      *history
	seen   observation
	faults []fault
}

func (c *checking) add(what fate, format string, args ...any) {
	c.faults = append(c.faults, fault{what, fmt.Sprintf(format, args...)})
}

func (c *checking) session(id satra.ID, s *story) {
	created := s.creation()
	if created == nil {
		c.add(wrong, "session %s was told of, and nobody has created it", id)
		return
	}
	c.answers(id, s)
	found := c.seen.records[id]
	switch {
	case found == nil && created.got == acknowledged:
		c.add(lost, "session %s was created, and is not there", id)
	case found == nil:
	case created.got != acknowledged && created.got != unknown:
		c.add(wrong, "session %s was refused, and is there", id)
	case s.isCounted():
		c.counted(id, s, found)
	case found.Ended == nil:
		c.living(id, s, found)
	default:
		c.ended(id, s, found)
	}
}

// answers judges what the store said while the load ran.
func (c *checking) answers(id satra.ID, s *story) {
	ending := never // the line from which it was over
	for _, e := range s.ends {
		ending = min(ending, e.over)
	}
	created := s.creation()
	for _, d := range s.asked[1:] {
		switch {
		case d.got == acknowledged && d.begun > ending:
			c.add(revived, "session %s: a %s was acknowledged after its end was", id, d.Kind)
		case d.got == refused(satra.ErrNotFound) && created.got == acknowledged && d.begun > created.over:
			c.add(lost, "session %s was created, and a %s did not find it", id, d.Kind)
		case !slices.Contains(mayAnswer[d.Kind], d.got):
			c.add(wrong, "session %s: the answer to a %s: %s", id, d.Kind, d.got)
		}
	}
}

// mayAnswer are the answers that the load has to expect.
var mayAnswer = map[kind][]answer{
	commit: {acknowledged, unknown, refused(satra.ErrEnded)},
	touch:  {acknowledged, unknown, refused(satra.ErrEnded)},
	renew:  {acknowledged, unknown, refused(satra.ErrEnded)},
	end:    {acknowledged, unknown, refused(satra.ErrEnded)},
	count:  {acknowledged, unknown, refused(satra.ErrConflict)},
	signIn: {acknowledged, unknown, refused(satra.ErrEnded), refused(satra.ErrLimit), refused(satra.ErrEpoch)},
}

// living judges a session that nobody has ended.
func (c *checking) living(id satra.ID, s *story, found *satra.Record) {
	if len(s.ends) > 0 {
		c.add(revived, "session %s was ended by %s %d, and lives", id, s.ends[0].Kind, s.ends[0].Op)
		return
	}
	if e := c.endedAllBy(s, found); e != nil {
		c.add(revived, "session %s lives, and %s %d came after its sign-in", id, e.Kind, e.Op)
		return
	}
	states, err := s.states()
	if err != nil {
		c.add(revived, "session %s: %v", id, err)
		return
	}
	c.compare(id, s, found, states)
}

// endedAllBy returns the end of all sessions of its principal that was asked for
// and acknowledged after its sign-in was acknowledged.
func (c *checking) endedAllBy(s *story, found *satra.Record) *done {
	for _, in := range s.of(signIn) {
		for _, e := range c.h.all {
			if e.Kind == endAll && e.got == acknowledged && e.Principal == found.Principal &&
				in.got == acknowledged && in.over < e.begun {
				return e
			}
		}
	}
	return nil
}

// ended judges a tombstone: somebody has asked for it, and up to there everything
// is as it was.
func (c *checking) ended(id satra.ID, s *story, found *satra.Record) {
	if !c.asked(s, found) {
		c.add(wrong, "session %s has an end that nobody asked for: %s", id, found.Ended.Reason)
		return
	}
	states, err := s.states()
	if err != nil {
		c.add(revived, "session %s: %v", id, err)
		return
	}
	for _, some := range [][]*satra.Record{states.after, states.before, states.refused} {
		for i, state := range some {
			some[i] = withEnd(state, *found.Ended)
		}
	}
	c.compare(id, s, found, states)
}

func withEnd(r *satra.Record, e satra.End) *satra.Record {
	if next, err := r.With(&satra.Change{At: e.At, End: &e}); err == nil {
		return next
	}
	return r // it ended so itself
}

// asked reports whether the end is one that was asked for, of this session.
func (c *checking) asked(s *story, found *satra.Record) bool {
	e := found.Ended
	if e.Reason == satra.ReasonIncomplete { // of a sign-in that nobody has the token of
		return slices.ContainsFunc(s.of(signIn), func(d *done) bool { return d.got != acknowledged })
	}
	by := c.h.byActor[e.Actor]
	if by == nil || !e.At.Equal(by.at()) {
		return false
	}
	switch e.Reason {
	case satra.ReasonSignedOut:
		return by.Kind == end && by.ID == found.ID && (by.got == acknowledged || by.got == unknown)
	case satra.ReasonElsewhere:
		return by.Kind == endAll && by.Principal == found.Principal
	case satra.ReasonLimit:
		return by.Kind == signIn && by.Principal == found.Principal && by.EndOldest
	}
	return false
}

// counted judges a session that many have counted in: each acknowledged
// increment is there, and none but those that were asked for.
func (c *checking) counted(id satra.ID, s *story, found *satra.Record) {
	if found.Ended != nil {
		c.add(wrong, "session %s has an end that nobody asked for: %s", id, found.Ended.Reason)
		return
	}
	a, _ := found.Value(left)
	b, _ := found.Value(right)
	if string(a.Data) != string(b.Data) {
		c.add(half, "session %s: %q and %q were written together", id, a.Data, b.Data)
		return
	}
	value, _ := strconv.Atoi(string(a.Data))
	highest, sure, possible := 0, 0, 0
	by := map[int]int{}
	for _, d := range s.of(count) {
		if d.got == acknowledged {
			sure++
			highest = max(highest, d.N)
			by[d.N]++
		}
		if d.got == acknowledged || d.got == unknown {
			possible++
		}
	}
	for n, times := range by {
		if times > 1 {
			c.add(lost, "session %s: %d increments to %d were acknowledged", id, times, n)
		}
	}
	switch {
	case value < highest || value < sure:
		c.add(lost, "session %s counts to %d, and %d increments to %d at most were acknowledged", id, value, sure, highest)
	case value > possible:
		c.add(wrong, "session %s counts to %d, and %d increments were asked for", id, value, possible)
	case found.Version != uint64(1+value):
		c.add(half, "session %s counts to %d in its version %d", id, value, found.Version)
	}
}
