package market

import (
	"slices"
	"time"
)

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
