package main

import (
	"fmt"
	"slices"

	"github.com/satra-sessions/satra"
)

// A history is what a log tells, for the check.
type history struct {
	all      []*done // in the order in which they began
	byOp     map[int]*done
	byActor  map[string]*done
	sessions map[satra.ID]*story
	ids      []satra.ID // of the sessions, in the order of their creation
	lines    int
}

// A done is an operation and what became of it.
type done struct {
	operation
	got   answer
	ended []satra.ID
	begun int // the line at which it began
	over  int // the line at which it was answered, or after them all
}

// A story is what was asked of one session, in the order in which it was.
type story struct {
	asked []*done
	ends  []*done // acknowledged operations that say they have ended it
}

const never = int(^uint(0) >> 1)

func newHistory() *history {
	return &history{byOp: map[int]*done{}, byActor: map[string]*done{}, sessions: map[satra.ID]*story{}}
}

// add takes in the next line.
func (h *history) add(l line) error {
	h.lines++
	if l.Begun != nil {
		d := &done{operation: *l.Begun, got: unknown, begun: h.lines, over: never}
		h.all = append(h.all, d)
		h.byOp[d.Op], h.byActor[d.actor()] = d, d
		if !d.ID.IsZero() {
			h.story(d.ID).asked = append(h.story(d.ID).asked, d)
		}
		return nil
	}
	d := h.byOp[l.Over.Of]
	if d == nil {
		return fmt.Errorf("the log tells the end of operation %d, which has not begun", l.Over.Of)
	}
	d.got, d.ended, d.over = l.Over.Got, l.Over.Ended, h.lines
	for _, id := range d.ended {
		h.story(id).ends = append(h.story(id).ends, d)
	}
	if d.Kind == end && d.got == acknowledged {
		h.story(d.ID).ends = append(h.story(d.ID).ends, d)
	}
	return nil
}

func (h *history) story(id satra.ID) *story {
	if h.sessions[id] == nil {
		h.sessions[id] = &story{}
		h.ids = append(h.ids, id)
	}
	return h.sessions[id]
}

// count counts the operations with that answer.
func (h *history) count(got answer) (n int) {
	for _, d := range h.all {
		if d.got == got {
			n++
		}
	}
	return n
}

// last is the highest number of an operation.
func (h *history) last() (n int) {
	for op := range h.byOp {
		n = max(n, op)
	}
	return n
}

// principals are those of sign-ins and of ends of all, in order.
func (h *history) principals() []string {
	seen := map[string]bool{}
	for _, d := range h.all {
		if d.Principal != "" {
			seen[d.Principal] = true
		}
	}
	all := make([]string, 0, len(seen))
	for p := range seen {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// isCounted reports whether many count in it: then the order of what was asked
// is not that of what was done.
func (s *story) isCounted() bool {
	return slices.ContainsFunc(s.asked, func(d *done) bool { return d.Kind == count })
}

// creation is the operation that created the session, or nil.
func (s *story) creation() *done {
	if len(s.asked) == 0 || s.asked[0].Kind != create {
		return nil
	}
	return s.asked[0]
}

// of returns the operations of that kind.
func (s *story) of(k kind) (all []*done) {
	for _, d := range s.asked {
		if d.Kind == k {
			all = append(all, d)
		}
	}
	return all
}
