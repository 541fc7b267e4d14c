package market

import (
	"errors"
	"fmt"
	"maps"
	"strconv"

	"github.com/satra-sessions/satra/cmd/dashboard/settings/strictjson"
)

// Parse reads a whole calendar. A file that is not exactly right is refused
// with every problem and its line: a mistyped holiday would otherwise show an
// open market on a day of rest.
//
// The form is that of the embedded nse.json: "market", "hours" and "years";
// each year with "year", "sources", "holidays" and, if there are any,
// "special" sessions, whose "hours" are null until they are announced.
func Parse(data []byte) (*Calendar, error) {
	return parse(data, nil)
}

// Override reads a file in the form that [Parse] takes and returns a calendar
// in which its years replace those of c or are added; c stays as it is. It may
// leave out "market" and "hours", which are then those of c.
func (c *Calendar) Override(data []byte) (*Calendar, error) {
	return parse(data, c)
}

func parse(data []byte, base *Calendar) (*Calendar, error) {
	root, err := strictjson.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("market calendar: %w", err)
	}
	r := &reader{years: map[int]*year{}}
	c := r.calendar(root, base)
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return c, nil
}

// A reader turns JSON into a calendar and collects what is wrong with it.
type reader struct {
	problems []error
	years    map[int]*year
}

func (r *reader) wrong(at strictjson.Pos, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("market calendar: %s: %s", at, fmt.Sprintf(format, args...)))
}

func (r *reader) calendar(root *strictjson.Value, base *Calendar) *Calendar {
	c := &Calendar{years: r.years}
	required := "market hours years"
	if base != nil {
		c.market, c.hours, required = base.market, base.hours, "years"
	}
	if !r.object(root, "the calendar", required, "market hours years") {
		return c
	}
	if v := root.Get("market"); v != nil {
		c.market = r.text(v, "the market")
	}
	if v := root.Get("hours"); v != nil {
		c.hours = r.hours(v)
	}
	if v := root.Get("years"); v != nil {
		for _, item := range r.list(v, "years") {
			r.year(item, c.hours)
		}
	}
	if base != nil {
		own := r.years
		c.years = maps.Clone(base.years)
		maps.Copy(c.years, own)
	}
	return c
}

func (r *reader) year(v *strictjson.Value, regular hours) {
	if !r.object(v, "a year", "year sources holidays", "year sources holidays special") {
		return
	}
	number, err := strconv.Atoi(v.Get("year").Text)
	if v.Get("year").Kind != strictjson.Number || err != nil || number < 1990 || number > 2199 {
		r.wrong(v.Get("year").Pos, "%s is not a year; right is 2027, say", written(v.Get("year")))
		return
	}
	if r.years[number] != nil {
		r.wrong(v.Get("year").Pos, "the year %d is given twice", number)
		return
	}
	y := &year{hours: regular, holidays: map[date]string{}, special: map[date][]session{}}
	r.years[number] = y
	for _, s := range r.list(v.Get("sources"), "sources") {
		y.sources = append(y.sources, r.text(s, "a source"))
	}
	for _, h := range r.list(v.Get("holidays"), "holidays") {
		r.holiday(h, number, y)
	}
	if special := v.Get("special"); special != nil {
		for _, s := range r.list(special, "special sessions") {
			r.special(s, number, y)
		}
	}
}

func (r *reader) holiday(v *strictjson.Value, number int, y *year) {
	if !r.object(v, "a holiday", "date name", "date name") {
		return
	}
	name := r.text(v.Get("name"), "the name")
	d, ok := r.date(v.Get("date"), number)
	if !ok {
		return
	}
	if other, twice := y.holidays[d]; twice {
		r.wrong(v.Get("date").Pos, "%s is given twice, before as %q", d, other)
		return
	}
	y.holidays[d] = name
}

func (r *reader) special(v *strictjson.Value, number int, y *year) {
	if !r.object(v, "a special session", "date name hours", "date name hours") {
		return
	}
	s := session{name: r.text(v.Get("name"), "the name")}
	if h := v.Get("hours"); h.Kind != strictjson.Null {
		s.hours = r.hours(h)
	}
	d, ok := r.date(v.Get("date"), number)
	if !ok {
		return
	}
	for _, other := range y.special[d] {
		if len(s.hours) == 0 || len(other.hours) == 0 {
			r.wrong(v.Get("date").Pos, "%s has two special sessions, and not the hours of both", d)
		} else if s.hours.overlap(other.hours) {
			r.wrong(v.Get("hours").Pos, "the hours of %q overlap those of %q on %s", s.name, other.name, d)
		}
	}
	y.special[d] = append(y.special[d], s)
}

func (h hours) overlap(o hours) bool {
	return h[0].from < o[len(o)-1].to && o[0].from < h[len(h)-1].to
}

// periodNames are the keys of "hours", in the order of the day.
var periodNames = []struct {
	key   string
	phase Phase
}{{"pre_open", PreOpen}, {"matching", Matching}, {"normal", Open}, {"post_close", PostClose}}

func (r *reader) hours(v *strictjson.Value) hours {
	if !r.object(v, "hours", "normal", "pre_open matching normal post_close") {
		return nil
	}
	var list hours
	for _, p := range periodNames {
		span := v.Get(p.key)
		if span == nil || !r.object(span, p.key, "from to", "from to") {
			continue
		}
		from, ok := r.clock(span.Get("from"))
		to, ok2 := r.clock(span.Get("to"))
		switch {
		case !ok || !ok2:
		case from >= to:
			r.wrong(span.Pos, "%s ends at %s, which is not after its begin at %s", p.key, to, from)
		case len(list) > 0 && from < list[len(list)-1].to:
			r.wrong(span.Pos, "%s begins at %s, before %s has ended at %s", p.key, from, list[len(list)-1].phase, list[len(list)-1].to)
		default:
			list = append(list, period{p.phase, from, to})
		}
	}
	return list
}
