package market

import (
	"slices"
	"time"
)

// A Phase is what the market is doing. Its text is meant for programs and
// style sheets; people read its [Phase.Label].
type Phase string

// The phases. Only in [Open] and [Special] shares are traded continuously.
const (
	// Unknown: the calendar does not cover the year. Nothing is guessed: a
	// market that is shown open while it rests is the costlier mistake.
	Unknown Phase = "unknown"

	// Closed: outside the hours, nights, weekends and the pause between the
	// close and the post-close session included.
	Closed Phase = "closed"

	// Holiday: the exchange rests, from midnight to midnight.
	Holiday Phase = "holiday"

	// PreOpen: orders for the opening auction are taken. The exchange ends it
	// at random within its last minute.
	PreOpen Phase = "pre-open"

	// Matching: the opening auction is held; no orders are taken.
	Matching Phase = "matching"

	// Open: the normal session.
	Open Phase = "open"

	// PostClose: orders at the closing price.
	PostClose Phase = "post-close"

	// Special: the normal session of a special day, Muhurat trading say.
	Special Phase = "special"

	// Unscheduled: a special session is held on this day, and the calendar
	// does not have its hours yet.
	Unscheduled Phase = "unscheduled"
)

// Trading reports whether shares are traded continuously.
func (p Phase) Trading() bool { return p == Open || p == Special }

// Label is the phase in words for people.
func (p Phase) Label() string {
	switch p {
	case Closed:
		return "Closed"
	case Holiday:
		return "Holiday"
	case PreOpen:
		return "Pre-open"
	case Matching:
		return "Pre-open, matching orders"
	case Open:
		return "Open"
	case PostClose:
		return "Post-close"
	case Special:
		return "Special session"
	case Unscheduled:
		return "Special session, time to be announced"
	}
	return "Calendar unknown"
}

// A Status is the state of the market at a moment. All times are in [IST].
type Status struct {
	At    time.Time // the moment
	Phase Phase
	Name  string    // of the holiday or the special session, else ""
	Since time.Time // when this began; zero if nobody knows

	// Next is the next change of phase, with At zero if the calendar ends
	// before. A page is out of date from then on.
	Next Change

	// Opens is when trading begins next after the moment, weekends and
	// holidays passed over. Its phase is Open or Special; or Unscheduled or
	// Unknown, at the midnight from which the calendar cannot tell; or At is
	// zero, if it is Unknown with no later year to look at.
	Opens Change
}

// A Change is a moment and what the market is doing from then on.
type Change struct {
	At    time.Time
	Phase Phase
	Name  string
}

// Known reports whether there is such a moment.
func (c Change) Known() bool { return !c.At.IsZero() }

// At returns the state of the market at t. It depends on nothing else.
func (c *Calendar) At(t time.Time) Status {
	d, here := c.find(t)
	s := Status{At: t.In(IST), Phase: here.phase, Name: here.name}
	s.Since = c.since(d, here)
	s.Next = c.next(d, here)
	s.Opens = s.Next
	for s.Opens.Known() && !s.Opens.Phase.opening() {
		d, here = c.find(s.Opens.At)
		s.Opens = c.next(d, here)
	}
	return s
}

// opening reports whether a search for the next trading ends here: because
// there is trading, or because it cannot be told.
func (p Phase) opening() bool { return p.Trading() || p == Unscheduled || p == Unknown }

// A segment is a part of a day in which nothing changes.
type segment struct {
	from, to minute
	phase    Phase
	name     string
}

func (s segment) same(o segment) bool { return s.phase == o.phase && s.name == o.name }

// day cuts a date into segments that fill it from midnight to midnight.
func (c *Calendar) day(d date) []segment {
	y := c.years[d.year]
	if y == nil {
		return []segment{{0, endOfDay, Unknown, ""}}
	}
	rest := segment{0, endOfDay, Closed, ""}
	if name, ok := y.holidays[d]; ok {
		rest.phase, rest.name = Holiday, name
	}
	if sessions := y.special[d]; len(sessions) > 0 {
		return special(rest, sessions)
	}
	if rest.phase == Holiday || d.weekend() {
		return []segment{rest}
	}
	return fill(rest, y.hours.segments(""))
}

// special cuts a day with special sessions. While the hours of one are open,
// the whole day is: it could begin at any minute.
func special(rest segment, sessions []session) []segment {
	var busy []segment
	for _, s := range sessions {
		if len(s.hours) == 0 {
			return []segment{{0, endOfDay, Unscheduled, s.name}}
		}
		for _, b := range s.hours.segments(s.name) {
			if b.phase == Open {
				b.phase = Special
			}
			busy = append(busy, b)
		}
	}
	slices.SortFunc(busy, func(a, b segment) int { return int(a.from - b.from) })
	return fill(rest, busy)
}

func (h hours) segments(name string) []segment {
	var list []segment
	for _, p := range h {
		list = append(list, segment{p.from, p.to, p.phase, name})
	}
	return list
}

// fill puts rest before, between and after the busy segments.
func fill(rest segment, busy []segment) []segment {
	var list []segment
	var done minute
	for _, b := range append(busy, segment{from: endOfDay}) {
		if done < b.from {
			list = append(list, segment{done, b.from, rest.phase, rest.name})
		}
		if b.from < b.to {
			list = append(list, b)
		}
		done = b.to
	}
	return list
}

// find returns the day and the segment that t is in.
func (c *Calendar) find(t time.Time) (date, segment) {
	local := t.In(IST)
	now := minute(local.Hour()*60 + local.Minute())
	d := dateOf(local)
	segments := c.day(d)
	i := slices.IndexFunc(segments, func(s segment) bool { return now < s.to })
	return d, segments[i]
}

// next returns the first change after a segment of that day. What is not
// covered is passed over by years, the rest by days.
func (c *Calendar) next(d date, here segment) Change {
	for from := here.to; ; from = 0 {
		for _, s := range c.day(d) {
			if s.from >= from && !s.same(here) {
				return Change{d.at(s.from), s.phase, s.name}
			}
		}
		if here.phase != Unknown {
			d = d.add(1)
			continue
		}
		_, after := c.around(d.year)
		if after == 0 {
			return Change{}
		}
		d = date{after, time.January, 1}
	}
}

// since returns when the state that a segment of that day is in began.
func (c *Calendar) since(d date, here segment) time.Time {
	if here.phase == Unknown {
		before, _ := c.around(d.year)
		if before == 0 {
			return time.Time{}
		}
		return date{before + 1, time.January, 1}.at(0)
	}
	began := d.at(here.from)
	for to := here.from; ; to = endOfDay {
		for _, s := range slices.Backward(c.day(d)) {
			if s.to > to {
				continue
			}
			if !s.same(here) {
				return began
			}
			began = d.at(s.from)
		}
		d = d.add(-1)
	}
}

// around returns the covered years next to one that is not covered; 0: none.
func (c *Calendar) around(year int) (before, after int) {
	for _, y := range c.Years() {
		if y < year {
			before = y
		} else if after == 0 {
			after = y
		}
	}
	return before, after
}
