package detect

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// counting lists the rules that count, with what counts.
var counting = map[Rule]struct {
	most int
	kind satra.Kind
	set  func(i int, e *audit.Entry)
}{
	GuessingAccount: {guessAccount, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal = "asha" }},
	GuessingNetwork: {guessNetwork, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Address = netip.MustParseAddr("192.0.2.1") }},
	GuessingWide:    {guessAnywhere, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal = fmt.Sprint(i) }},
	TokenGuessing: {unknownTokens, satra.EventUnknownToken, func(i int, e *audit.Entry) {
		e.Address, e.Session = netip.MustParseAddr("192.0.2.1"), satra.ID{byte(i), byte(i >> 8), 1}
	}},
	UnknownEverywhere: {unknownFrom, satra.EventUnknownToken, func(i int, e *audit.Entry) { e.Address = addr("198.51.%d.%d", i) }},
	ManySessions:      {manySessions, satra.EventCreated, func(i int, e *audit.Entry) { e.Address = netip.MustParseAddr("192.0.2.1") }},
	RefusedForms:      {refusedForms, satra.EventCSRFRejected, func(i int, e *audit.Entry) { e.Session = satra.ID{1} }},
	UnusualActor:      {manyPeople, satra.EventEnded, func(i int, e *audit.Entry) { e.Principal, e.Actor = fmt.Sprint(i), "operator" }},
}

// spread has n entries come, the first so far after a step's border, and each so far
// after the one before it, and returns what is found.
func spread(rule Rule, n int, offset, apart time.Duration) (all []Finding) {
	c, d := counting[rule], New(nil)
	l := &life{at: time.Date(2027, 1, 5, 4, 0, 0, 0, time.UTC).Add(offset - apart)}
	for i := range n {
		e := l.add(apart, c.kind, "", 0, "", "")
		c.set(i, e)
		all = append(all, d.Observe(*e)...)
	}
	return all
}

// TestThresholds holds each counting rule at its threshold and one below it, wherever
// the window's borders are, and over twice the window.
func TestThresholds(t *testing.T) {
	for rule, c := range counting {
		for offset := time.Duration(0); offset < window; offset += 50 * time.Second {
			within := (window - time.Second) / time.Duration(c.most-1)
			for n, want := range map[int]int{c.most - 1: 0, c.most: 1} {
				if got := spread(rule, n, offset, within); len(got) != want || want == 1 && got[0].Rule != rule {
					t.Errorf("%s, %d within %v, %v after a border: got %+v, want %d", rule, n, window, offset, got, want)
				}
			}
			if got := spread(rule, 2*c.most-1, offset, time.Millisecond); len(got) != 1 {
				t.Errorf("%s, nearly twice as many: found %d times, want once", rule, len(got))
			}
			if got := spread(rule, c.most, offset, 2*window/time.Duration(c.most)+time.Millisecond); len(got) != 0 {
				t.Errorf("%s, spread over twice the window, %v after a border: got %+v", rule, offset, got)
			}
		}
	}
}

// TestAFloodThatGoesOnIsToldAgain has a rule speak at its threshold and at ten times of
// it, and once for a window while it lasts.
func TestAFloodThatGoesOnIsToldAgain(t *testing.T) {
	got := spread(GuessingAccount, 250, 0, time.Second)
	if len(got) != 2 || got[0].Text != "10 sign-ins of one account were refused within 1m." || got[1].Text != "100 sign-ins of one account were refused within 2m." {
		t.Errorf("got %+v, want it at 10 and at 100", got)
	}
	hour := spread(GuessingAccount, 60, 0, time.Minute) // one a minute, for an hour
	if len(hour) != 5 {
		t.Errorf("within an hour of guessing: told %d times, want once for each window", len(hour))
	}
}

// TestWhatWasToldDoesNotCountAgain has one more come when the window is over but the
// step in which it was told is not past.
func TestWhatWasToldDoesNotCountAgain(t *testing.T) {
	d := New(nil)
	l := &life{at: time.Date(2027, 1, 5, 4, 0, 30, 0, time.UTC)}
	found := 0
	for i := range 40 {
		after := time.Duration(0)
		if i >= 10 {
			after = time.Minute + 30*time.Second // 8 within a window
		}
		found += len(d.Observe(*l.add(after, satra.EventSignInRefused, "asha", 0, "", "")))
	}
	if found != 1 {
		t.Errorf("found %d times, want once", found)
	}
}

// TestAClockThatWasWrong has one entry come from a year ahead, and then others at once, or
// over an hour.
func TestAClockThatWasWrong(t *testing.T) {
	for apart, want := range map[time.Duration]int{time.Second: 1, 3 * time.Minute: 0} {
		d := New(nil)
		l := &life{at: time.Date(2028, 1, 5, 4, 0, 0, 0, time.UTC)}
		d.Observe(*l.add(0, satra.EventSignInRefused, "asha", 0, "", ""))
		l.at = l.at.AddDate(-1, 0, 0)
		found := 0
		for range 2 * guessAccount {
			found += len(d.Observe(*l.add(apart, satra.EventSignInRefused, "asha", 0, "", "")))
		}
		if found != want {
			t.Errorf("one in %v: found %d times, want %d", apart, found, want)
		}
	}
}

// TestNodesTakeTurns has the entries of a node come some seconds late, over a border.
func TestNodesTakeTurns(t *testing.T) {
	d := New(nil)
	l := &life{at: time.Date(2027, 1, 5, 4, 1, 59, 0, time.UTC)}
	found := 0
	for i := range guessAccount {
		after := 4 * time.Second
		if i%2 == 1 {
			after = -3 * time.Second
		}
		found += len(d.Observe(*l.add(after, satra.EventSignInRefused, "asha", 0, "", "")))
	}
	if found != 1 {
		t.Errorf("found %d times, want once", found)
	}
}

// TestAFindingNamesItsEntries looks up the first and the last of a flood, and that
// there are not more between them than can be looked at.
func TestAFindingNamesItsEntries(t *testing.T) {
	for rule, c := range counting {
		for _, apart := range []time.Duration{time.Millisecond, (window - time.Second) / time.Duration(c.most-1)} {
			got := spread(rule, c.most, time.Second, apart)
			if len(got) != 1 {
				t.Fatalf("%s: got %+v", rule, got)
			}
			refs := got[0].Entries
			if n := len(refs); n < 2 || n > maxRefs || refs[0].String() != "w/1" || refs[n-1].Seq != int64(c.most) || refs[n-1].At != got[0].At {
				t.Errorf("%s: got %v, want the first and the last of %d", rule, refs, c.most)
			}
		}
	}
	var names []string
	s := scenario{live: func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(time.Hour, satra.EventSignedIn, "asha", 2, "198.51.100.9", windows)
		l.add(time.Minute, satra.EventExtended, "asha", 2, "203.0.113.7", chromeOn)
		l.add(time.Minute, satra.EventExtended, "asha", 2, "198.51.100.9", windows)
	}}
	for _, d := range s.run(t, must(NewPolicy(nil))).Decisions {
		names = append(names, fmt.Sprint(d.Finding.Rule, d.Finding.Entries))
	}
	want := "[impossible_travel[w/1 w/2] browser_changed[w/2 w/3] two_places[w/2 w/3 w/4]]"
	if got := fmt.Sprint(names); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWhatIsRememberedIsBounded has a million networks and principals come by.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	m := newMemory[int, tally](100)
	e := audit.Entry{At: time.Date(2027, 1, 5, 4, 0, 0, 0, time.UTC)}
	for i := range 1_000_000 {
		m.of(i).addName(e, "x", 10)
	}
	if len(m.all) > 100 {
		t.Errorf("%d are remembered, want at most 100", len(m.all))
	}
	if m.all[999_999] == nil {
		t.Error("the last is forgotten")
	}
}
