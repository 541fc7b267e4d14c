package market

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// stamp is how the tests write a moment in IST.
const stamp = "2006-01-02 15:04:05"

func at(t *testing.T, s string) time.Time {
	t.Helper()
	moment, err := time.ParseInLocation(stamp, s, IST)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// withMuhurat is the embedded calendar after the Muhurat circular.
func withMuhurat(t *testing.T) *Calendar {
	t.Helper()
	c, err := Parse([]byte(`{"market": "test", "hours": {
		"pre_open": {"from": "09:00", "to": "09:08"}, "matching": {"from": "09:08", "to": "09:15"},
		"normal": {"from": "09:15", "to": "15:30"}, "post_close": {"from": "15:40", "to": "16:00"}},
		"years": [{"year": 2026, "sources": ["a test"], "holidays": [
			{"date": "2026-11-10", "name": "Balipratipada"}, {"date": "2026-11-11", "name": "Another"}], "special": [
			{"date": "2026-11-08", "name": "Muhurat", "hours": {
				"pre_open": {"from": "17:45", "to": "18:00"}, "normal": {"from": "18:00", "to": "19:00"}}},
			{"date": "2026-11-10", "name": "Drill", "hours": {"normal": {"from": "10:00", "to": "11:00"}}},
			{"date": "2026-11-10", "name": "Drill 2", "hours": {"normal": {"from": "11:30", "to": "12:30"}}},
			{"date": "2026-11-12", "name": "Short day", "hours": {"normal": {"from": "00:00", "to": "12:00"}}}]},
		{"year": 2029, "sources": ["a test"], "holidays": [{"date": "2029-01-01", "name": "New Year"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every edge, seen from one second before, at, and one second after: the phase
// changes exactly there, and was announced.
func TestEdges(t *testing.T) {
	embedded, muhurat := NSE(), withMuhurat(t)
	for _, c := range []struct {
		calendar      *Calendar
		edge          string
		before, after string // phase and name
	}{
		{embedded, "2026-11-23 09:00:00", "closed", "pre-open"},
		{embedded, "2026-11-23 09:08:00", "pre-open", "matching"},
		{embedded, "2026-11-23 09:15:00", "matching", "open"},
		{embedded, "2026-11-23 15:30:00", "open", "closed"},
		{embedded, "2026-11-23 15:40:00", "closed", "post-close"},
		{embedded, "2026-11-23 16:00:00", "post-close", "closed"},
		{embedded, "2026-11-24 00:00:00", "closed", "holiday Guru Nanak Jayanti"},
		{embedded, "2026-11-25 00:00:00", "holiday Guru Nanak Jayanti", "closed"},
		{embedded, "2026-12-25 00:00:00", "closed", "holiday Christmas"},
		{embedded, "2026-12-26 00:00:00", "holiday Christmas", "closed"},
		{embedded, "2026-11-08 00:00:00", "closed", "unscheduled Muhurat trading (Diwali Laxmi Pujan)"},
		{embedded, "2026-11-09 00:00:00", "unscheduled Muhurat trading (Diwali Laxmi Pujan)", "closed"},
		{embedded, "2026-01-01 00:00:00", "unknown", "closed"},
		{embedded, "2027-01-01 00:00:00", "closed", "unknown"},

		{muhurat, "2026-11-08 17:45:00", "closed", "pre-open Muhurat"},
		{muhurat, "2026-11-08 18:00:00", "pre-open Muhurat", "special Muhurat"},
		{muhurat, "2026-11-08 19:00:00", "special Muhurat", "closed"},
		{muhurat, "2026-11-10 10:00:00", "holiday Balipratipada", "special Drill"},
		{muhurat, "2026-11-10 11:00:00", "special Drill", "holiday Balipratipada"},
		{muhurat, "2026-11-10 11:30:00", "holiday Balipratipada", "special Drill 2"},
		{muhurat, "2026-11-10 12:30:00", "special Drill 2", "holiday Balipratipada"},
		{muhurat, "2026-11-11 00:00:00", "holiday Balipratipada", "holiday Another"},
		{muhurat, "2026-11-12 00:00:00", "holiday Another", "special Short day"},
		{muhurat, "2026-11-12 12:00:00", "special Short day", "closed"},
		{muhurat, "2029-01-01 00:00:00", "unknown", "holiday New Year"},
		{muhurat, "2030-01-01 00:00:00", "closed", "unknown"},
	} {
		edge := at(t, c.edge)
		before, on, after := c.calendar.At(edge.Add(-time.Second)), c.calendar.At(edge), c.calendar.At(edge.Add(time.Second))
		if got := describe(before.Phase, before.Name); got != c.before {
			t.Errorf("%s: a second before, got %q, want %q", c.edge, got, c.before)
		}
		if got := describe(on.Phase, on.Name); got != c.after {
			t.Errorf("%s: got %q, want %q", c.edge, got, c.after)
		}
		if got := describe(after.Phase, after.Name); got != c.after {
			t.Errorf("%s: a second after, got %q, want %q", c.edge, got, c.after)
		}
		if got := before.Next; !got.At.Equal(edge) || describe(got.Phase, got.Name) != c.after {
			t.Errorf("%s: a second before, got the next change %v, want %q then", c.edge, got, c.after)
		}
		if !on.Since.Equal(edge) || !after.Since.Equal(edge) {
			t.Errorf("%s: got since %v and, a second after, since %v, want the edge", c.edge, on.Since, after.Since)
		}
	}
}

func TestStatus(t *testing.T) {
	embedded, muhurat := NSE(), withMuhurat(t)
	const tba = "unscheduled Muhurat trading (Diwali Laxmi Pujan)"
	for _, c := range []struct {
		calendar          *Calendar
		at                string
		phase             string
		since             string
		next, opens       string
		nextIs, opensWith string
	}{
		{embedded, "2026-11-18 12:00:00", "open", "2026-11-18 09:15:00", "2026-11-18 15:30:00", "2026-11-19 09:15:00", "closed", "open"},
		{embedded, "2026-11-18 15:35:00", "closed", "2026-11-18 15:30:00", "2026-11-18 15:40:00", "2026-11-19 09:15:00", "post-close", "open"},
		{embedded, "2026-11-18 20:00:00", "closed", "2026-11-18 16:00:00", "2026-11-19 09:00:00", "2026-11-19 09:15:00", "pre-open", "open"},
		{embedded, "2026-11-18 09:01:00", "pre-open", "2026-11-18 09:00:00", "2026-11-18 09:08:00", "2026-11-18 09:15:00", "matching", "open"},
		// Saturday, between Friday's end and Monday.
		{embedded, "2026-11-14 11:00:00", "closed", "2026-11-13 16:00:00", "2026-11-16 09:00:00", "2026-11-16 09:15:00", "pre-open", "open"},
		// A Friday that is a holiday, and the weekend behind it.
		{embedded, "2026-12-24 16:30:00", "closed", "2026-12-24 16:00:00", "2026-12-25 00:00:00", "2026-12-28 09:15:00", "holiday Christmas", "open"},
		{embedded, "2026-12-25 12:00:00", "holiday Christmas", "2026-12-25 00:00:00", "2026-12-26 00:00:00", "2026-12-28 09:15:00", "closed", "open"},
		{embedded, "2026-12-26 12:00:00", "closed", "2026-12-26 00:00:00", "2026-12-28 09:00:00", "2026-12-28 09:15:00", "pre-open", "open"},
		// The Sunday of Muhurat, without and with its hours.
		{embedded, "2026-11-07 12:00:00", "closed", "2026-11-06 16:00:00", "2026-11-08 00:00:00", "2026-11-08 00:00:00", tba, tba},
		{embedded, "2026-11-08 18:30:00", tba, "2026-11-08 00:00:00", "2026-11-09 00:00:00", "2026-11-09 09:15:00", "closed", "open"},
		{muhurat, "2026-11-07 12:00:00", "closed", "2026-11-06 16:00:00", "2026-11-08 17:45:00", "2026-11-08 18:00:00", "pre-open Muhurat", "special Muhurat"},
		{muhurat, "2026-11-08 18:30:00", "special Muhurat", "2026-11-08 18:00:00", "2026-11-08 19:00:00", "2026-11-09 09:15:00", "closed", "open"},
		// The end of what is known.
		{embedded, "2026-12-31 15:00:00", "open", "2026-12-31 09:15:00", "2026-12-31 15:30:00", "2027-01-01 00:00:00", "closed", "unknown"},
		{embedded, "2026-12-31 23:00:00", "closed", "2026-12-31 16:00:00", "2027-01-01 00:00:00", "2027-01-01 00:00:00", "unknown", "unknown"},
		{embedded, "2027-01-04 10:00:00", "unknown", "2027-01-01 00:00:00", "", "", "", ""},
		{embedded, "2025-06-02 10:00:00", "unknown", "", "2026-01-01 00:00:00", "2026-01-01 09:15:00", "closed", "open"},
		{muhurat, "2028-06-02 10:00:00", "unknown", "2027-01-01 00:00:00", "2029-01-01 00:00:00", "2029-01-02 09:15:00", "holiday New Year", "open"},
	} {
		s := c.calendar.At(at(t, c.at))
		if got := describe(s.Phase, s.Name); got != c.phase {
			t.Errorf("%s: got %q, want %q", c.at, got, c.phase)
		}
		if got := clock(s.Since); got != c.since {
			t.Errorf("%s: got since %q, want %q", c.at, got, c.since)
		}
		if got, want := clock(s.Next.At)+" "+describe(s.Next.Phase, s.Next.Name), c.next+" "+c.nextIs; got != want {
			t.Errorf("%s: got next %q, want %q", c.at, got, want)
		}
		if got, want := clock(s.Opens.At)+" "+describe(s.Opens.Phase, s.Opens.Name), c.opens+" "+c.opensWith; got != want {
			t.Errorf("%s: got opens %q, want %q", c.at, got, want)
		}
	}
}

// The zone of the argument does not matter, nor that of the machine.
func TestStatusInOtherZones(t *testing.T) {
	moment := time.Date(2026, 11, 18, 3, 45, 0, 0, time.UTC) // 09:15 in India
	for _, zone := range []*time.Location{time.UTC, IST, time.FixedZone("west", -11*60*60), time.FixedZone("east", 14*60*60)} {
		s := NSE().At(moment.In(zone))
		if s.Phase != Open || s.At.Location() != IST || s.At.Format(stamp) != "2026-11-18 09:15:00" {
			t.Errorf("in %v: got %s at %v, want open at 09:15 IST", zone, s.Phase, s.At)
		}
	}
}

// For any moment: the next change comes after it, nothing changes before, and
// it is what was announced; the same backwards for Since; and trading begins
// at Opens and not before.
func TestStatusHoldsAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(2026, 11))
	begin, end := at(t, "2025-12-01 00:00:00"), at(t, "2030-02-01 00:00:00")
	for _, c := range []*Calendar{NSE(), withMuhurat(t)} {
		for range 3000 {
			moment := begin.Add(time.Duration(random.Int64N(int64(end.Sub(begin)))))
			s := c.At(moment)
			if s.Phase == Unknown == c.Covers(s.At.Year()) {
				t.Fatalf("%v: got %s, want unknown exactly where the year is not covered", moment, s.Phase)
			}
			checkNext(t, c, s, random)
			checkSince(t, c, s, random)
			checkOpens(t, c, s, random)
		}
	}
}

func checkNext(t *testing.T, c *Calendar, s Status, random *rand.Rand) {
	t.Helper()
	if !s.Next.Known() {
		if s.Phase != Unknown {
			t.Fatalf("%v: got no next change while %s, want one", s.At, s.Phase)
		}
		return
	}
	if !s.Next.At.After(s.At) {
		t.Fatalf("%v: got the next change at %v, want it after", s.At, s.Next.At)
	}
	then := c.At(s.Next.At)
	if then.Phase != s.Next.Phase || then.Name != s.Next.Name || then.Phase == s.Phase && then.Name == s.Name {
		t.Fatalf("%v: got %q at the next change, want the announced %v, other than %q", s.At, describe(then.Phase, then.Name), s.Next, describe(s.Phase, s.Name))
	}
	for range 5 {
		between := c.At(s.At.Add(time.Duration(random.Int64N(int64(s.Next.At.Sub(s.At))))))
		if between.Phase != s.Phase || between.Name != s.Name || between.Next != s.Next || between.Since != s.Since {
			t.Fatalf("%v: got %+v on the way to the next change, want %+v", between.At, between, s)
		}
	}
}

func checkSince(t *testing.T, c *Calendar, s Status, random *rand.Rand) {
	t.Helper()
	if s.Since.IsZero() {
		return
	}
	if s.Since.After(s.At) {
		t.Fatalf("%v: got since %v, want it not after", s.At, s.Since)
	}
	before := c.At(s.Since.Add(-1 - time.Duration(random.Int64N(int64(time.Second)))))
	if before.Phase == s.Phase && before.Name == s.Name {
		t.Fatalf("%v: got since %v, want the begin of %q: it was so before", s.At, s.Since, describe(s.Phase, s.Name))
	}
}

func checkOpens(t *testing.T, c *Calendar, s Status, random *rand.Rand) {
	t.Helper()
	if !s.Opens.Known() {
		return
	}
	if then := c.At(s.Opens.At); then.Phase != s.Opens.Phase || !then.Phase.opening() {
		t.Fatalf("%v: got %s when it opens, want %s, which ends the waiting", s.At, then.Phase, s.Opens.Phase)
	}
	from, ours := s.At, s.Phase
	if ours.opening() {
		from = s.Next.At // what is now is not the next opening
	}
	if wait := s.Opens.At.Sub(from); wait > 0 {
		between := c.At(from.Add(time.Duration(random.Int64N(int64(wait)))))
		if between.Phase.opening() {
			t.Fatalf("%v: got %s at %v, want nothing open before %v", s.At, between.Phase, between.At, s.Opens.At)
		}
	}
}

func TestLabelsAreForPeople(t *testing.T) {
	seen := map[string]Phase{}
	for _, p := range []Phase{Unknown, Closed, Holiday, PreOpen, Matching, Open, PostClose, Special, Unscheduled} {
		if other, twice := seen[p.Label()]; twice || p.Label() == "" {
			t.Errorf("got the label %q for %s and %s, want each its own", p.Label(), p, other)
		}
		seen[p.Label()] = p
		if got, want := p.Trading(), p == Open || p == Special; got != want {
			t.Errorf("%s: got trading %v, want %v", p, got, want)
		}
	}
	if got := Phase("").Label(); got != Unknown.Label() {
		t.Errorf("got the label %q for no phase, want %q", got, Unknown.Label())
	}
}

func describe(p Phase, name string) string {
	if name == "" {
		return string(p)
	}
	return fmt.Sprintf("%s %s", p, name)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(stamp)
}

func BenchmarkAt(b *testing.B) {
	c, moment := NSE(), time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		c.At(moment)
	}
}
