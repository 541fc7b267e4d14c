package main

import (
	"slices"
	"time"

	"github.com/satra-sessions/satra"
)

// principal judges what the store tells of one: its list, its limit, its epoch,
// and whether it is disabled.
func (c *checking) principal(name string) {
	live, pending := c.liveOf(name)
	for id := range live {
		if !c.seen.listed[name][id] && !pending[id] {
			c.add(wrong, "%s: session %s lives, and is not in the list", name, id)
		}
	}
	for id := range c.seen.listed[name] {
		if !live[id] {
			c.add(wrong, "%s: session %s is in the list, and no live one of this principal", name, id)
		}
	}
	most := 0
	for _, d := range c.h.all {
		if d.Kind == signIn && d.Principal == name {
			most = d.Limit
		}
	}
	if most > 0 && len(live) > most {
		c.add(wrong, "%s has %d live sessions, at most %d are allowed", name, len(live), most)
	}
	c.epoch(name)
	c.access(name)
}

// lease bounds for how long a sign-in that was not answered may be under way for a
// store. Meanwhile its session may be bound and in no list: nobody has its token.
// Afterwards it is in the list, or is ended by whoever asks for the list.
const lease = 10 * time.Second

// liveOf returns the live sessions of a principal by what was found of each, and
// those of them whose sign-in may be under way.
func (c *checking) liveOf(name string) (live, pending map[satra.ID]bool) {
	live, pending = map[satra.ID]bool{}, map[satra.ID]bool{}
	for id, r := range c.seen.records {
		if r.Principal == name && r.Live(c.seen.at) {
			live[id] = true
			pending[id] = slices.ContainsFunc(c.h.sessions[id].of(signIn), func(d *done) bool {
				return d.got == unknown && c.seen.at.Before(d.at().Add(lease))
			})
		}
	}
	return live, pending
}

// epoch finds one that stood before an end of all and has come back: a sign-in
// that began then would be let in.
func (c *checking) epoch(name string) {
	raised := -1 // the line at which the last acknowledged end of all began
	for _, d := range c.h.all {
		if d.Kind == endAll && d.Principal == name && d.got == acknowledged {
			raised = max(raised, d.begun)
		}
	}
	for _, d := range c.h.all {
		if d.Kind == signIn && d.Principal == name && d.begun < raised && d.Epoch == c.seen.states[name].Epoch {
			c.add(revived, "%s has the epoch again that stood before its sessions were ended", name)
			return
		}
	}
}

// access judges whether it is disabled: as the last acknowledged end of all left
// it, or as one of those did that are unknown and came after. One goroutine asks.
func (c *checking) access(name string) {
	may := []bool{false}
	for _, d := range c.h.all {
		if d.Kind != endAll || d.Principal != name || d.Access == satra.AccessKeep {
			continue
		}
		disabled := d.Access == satra.AccessDeny
		switch d.got {
		case acknowledged:
			may = []bool{disabled}
		case unknown:
			may = append(may, disabled)
		}
	}
	if got := c.seen.states[name].Disabled; !slices.Contains(may, got) {
		c.add(lost, "%s is disabled: %v, and the opposite was acknowledged", name, got)
	}
}
