// Package market knows when the Indian stock market trades, and what trades
// there. It has no prices: there is no feed, and it pretends none.
//
//	calendar := market.NSE()
//	now := calendar.At(time.Now())
//	fmt.Println(now.Phase.Label(), now.Name)              // Holiday Christmas
//	fmt.Println(now.Opens.At.Format("Mon 2 Jan, 15:04"))  // Mon 28 Dec, 09:15
//
//	market.Search("bajaj", 5)                             // BAJAJ-AUTO, BAJAJFINSV, …
//
// The exchange tells each year's holidays in the December before, and the
// hours of a Muhurat session some days ahead. So the embedded calendar covers
// whole years and no others: outside them the answer is [Unknown], never
// [Open]. An operator adds a year with a file, see [Calendar.Override].
package market

import (
	_ "embed"
	"fmt"
	"slices"
	"time"
)

// IST is Indian Standard Time. It is a fixed zone and not the time zone
// database's Asia/Kolkata: India has kept UTC+05:30 without summer time since
// 1945, so that both agree on every day that a calendar of ours can cover, and
// this one needs neither a database on the machine nor 450 kB of it inside the
// program, and cannot fail to load.
var IST = time.FixedZone("IST", 5*60*60+30*60)

//go:embed nse.json
var nse []byte

// NSE returns the embedded calendar of the National Stock Exchange's cash
// market.
func NSE() *Calendar {
	c, err := Parse(nse)
	if err != nil {
		panic("market: the embedded calendar: " + err.Error()) // a test reads it
	}
	return c
}

// A Calendar holds the years that it covers. It does not change, so it may be
// used from several goroutines.
type Calendar struct {
	market string
	hours  hours // of a regular trading day, for years that an override adds
	years  map[int]*year
}

// A year is what the exchange announced for it.
type year struct {
	sources  []string
	hours    hours
	holidays map[date]string
	special  map[date][]session
}

// A session is a special one: on its day nothing else is traded.
type session struct {
	name  string
	hours hours // empty: to be announced
}

// A NamedDay is a day with the name of its occasion.
type NamedDay struct {
	Date time.Time // its first moment, in IST
	Name string
}

// Market names the market and the segment.
func (c *Calendar) Market() string { return c.market }

// Covers reports whether the calendar knows that year.
func (c *Calendar) Covers(year int) bool { return c.years[year] != nil }

// Years lists the years that the calendar covers, in order.
func (c *Calendar) Years() []int {
	var years []int
	for y := range c.years {
		years = append(years, y)
	}
	slices.Sort(years)
	return years
}

// Sources says where the calendar of that year comes from.
func (c *Calendar) Sources(year int) []string {
	if y := c.years[year]; y != nil {
		return slices.Clone(y.sources)
	}
	return nil
}

// A Period is a part of a regular trading day, with its times as people write
// them.
type Period struct {
	Phase    Phase
	From, To string // "09:15"
}

// Hours lists the periods of a regular trading day of that year, in order.
func (c *Calendar) Hours(year int) []Period {
	y := c.years[year]
	if y == nil {
		return nil
	}
	var list []Period
	for _, p := range y.hours {
		list = append(list, Period{p.phase, p.from.String(), p.to.String()})
	}
	return list
}

// Holidays lists the holidays of that year, in order.
func (c *Calendar) Holidays(year int) []NamedDay {
	y := c.years[year]
	if y == nil {
		return nil
	}
	var list []NamedDay
	for d, name := range y.holidays {
		list = append(list, NamedDay{d.at(0), name})
	}
	slices.SortFunc(list, func(a, b NamedDay) int { return a.Date.Compare(b.Date) })
	return list
}

// A date is a day in IST.
type date struct {
	year  int
	month time.Month
	day   int
}

func dateOf(t time.Time) date {
	y, m, d := t.In(IST).Date()
	return date{y, m, d}
}

// at returns the moment that many minutes after the day's midnight.
func (d date) at(m minute) time.Time {
	return time.Date(d.year, d.month, d.day, 0, int(m), 0, 0, IST)
}

func (d date) add(days int) date {
	return dateOf(time.Date(d.year, d.month, d.day+days, 0, 0, 0, 0, IST))
}

func (d date) weekend() bool {
	w := d.at(0).Weekday()
	return w == time.Saturday || w == time.Sunday
}

func (d date) String() string { return d.at(0).Format(time.DateOnly) }

// A minute of the day.
type minute int

const endOfDay minute = 24 * 60

func (m minute) String() string { return fmt.Sprintf("%02d:%02d", int(m)/60, int(m)%60) }

// hours are the periods of a trading day, in order and without overlap.
type hours []period

type period struct {
	phase    Phase
	from, to minute
}
