package detect

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

const (
	firefox  = "Mozilla/5.0 (Windows NT 10.0; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0"
	phone    = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
	chromeOn = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
)

var windows = fmt.Sprintf(firefox, 140)

// A life is entries as they come about.
type life struct {
	at  time.Time
	all []audit.Entry
}

func (l *life) add(after time.Duration, kind satra.Kind, who string, session byte, address, agent string) *audit.Entry {
	l.at = l.at.Add(after)
	e := audit.Entry{At: l.at, Kind: kind, Principal: who, UserAgent: agent, Count: 1, Writer: "w", Seq: int64(len(l.all) + 1)}
	if session != 0 {
		e.Session = satra.ID{session}
	}
	if address != "" {
		e.Address = netip.MustParseAddr(address)
	}
	l.all = append(l.all, e)
	return &l.all[len(l.all)-1]
}

func (l *life) signIn(who string, session byte, address, agent string) {
	l.add(time.Minute, satra.EventSignedIn, who, session, address, agent)
}

// uses has a session be used for hours.
func (l *life) uses(who string, session byte, hours int, address, agent string) {
	for range 2 * hours {
		l.add(30*time.Minute, satra.EventRenewed, who, session, address, agent)
	}
}

// many adds an entry for each of n, a moment apart.
func (l *life) many(n int, kind satra.Kind, f func(i int, e *audit.Entry)) {
	for i := range n {
		f(i, l.add(100*time.Millisecond, kind, "", 0, "", ""))
	}
}

func addr(format string, i int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf(format, i/250, i%250+1))
}

// A scenario is a life and what is to be found in it.
type scenario struct {
	name   string
	attack bool
	live   func(*life)
	want   map[Rule]int
}

// scenarios are attacks, each with the rule that is there for it, and honest lives.
var scenarios = []scenario{
	{"a copied cookie that lay still", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.uses("asha", 1, 2, "203.0.113.7", windows)
		for range 3 {
			l.add(time.Minute, satra.EventReusedToken, "asha", 1, "198.51.100.9", windows)
		}
	}, map[Rule]int{ReusedToken: 2}}, // weak at first, strong at the third
	{"a copied cookie in curl", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(time.Minute, satra.EventReusedToken, "asha", 1, "198.51.100.9", "curl/8.1")
		l.add(time.Minute, satra.EventExtended, "asha", 1, "198.51.100.9", "evilclient/1.0")
	}, map[Rule]int{ReusedToken: 1, BrowserChanged: 1}},
	{"a stolen cookie in another browser", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.uses("asha", 1, 1, "203.0.113.7", windows)
		l.uses("asha", 1, 1, "198.51.100.9", chromeOn)
	}, map[Rule]int{BrowserChanged: 1}},
	{"a stolen cookie that only reads", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(time.Minute, satra.EventSeenElsewhere, "asha", 1, "198.51.100.9", chromeOn)
	}, map[Rule]int{BrowserChanged: 1}},
	{"a stolen cookie in the same browser on another system", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		for range 2 {
			l.add(2*time.Minute, satra.EventSeenElsewhere, "asha", 1, "198.51.100.9", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
			l.add(2*time.Minute, satra.EventSeenElsewhere, "asha", 1, "203.0.113.7", windows)
		}
	}, map[Rule]int{BrowserChanged: 1, TwoPlaces: 1}},
	{"a stolen cookie, shown to a node that has not seen its owner", true, func(l *life) {
		for range 2 {
			l.add(time.Minute, satra.EventSeenElsewhere, "asha", 1, "198.51.100.9", chromeOn).Detail = "after Firefox on Windows"
		}
	}, map[Rule]int{BrowserChanged: 1}},
	{"a stolen cookie, and the owner proves to be the owner", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(time.Minute, satra.EventSeenElsewhere, "asha", 1, "198.51.100.9", chromeOn)
		l.add(20*time.Minute, satra.EventReauthenticated, "asha", 1, "203.0.113.7", windows)
		l.uses("asha", 1, 1, "203.0.113.7", windows)
	}, map[Rule]int{BrowserChanged: 1}},
	{"a thief beside the owner", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		for range 3 {
			l.add(2*time.Minute, satra.EventExtended, "asha", 1, "203.0.113.7", windows)
			l.add(2*time.Minute, satra.EventExtended, "asha", 1, "198.51.100.9", chromeOn)
		}
	}, map[Rule]int{BrowserChanged: 1, TwoPlaces: 1}},
	{"a sign-in from the other side of the world", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(time.Hour, satra.EventSignedIn, "asha", 2, "198.51.100.9", windows)
	}, map[Rule]int{ImpossibleTravel: 1}},
	{"a stolen password on a new device", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(24*time.Hour, satra.EventSignedIn, "asha", 2, "203.0.113.8", chromeOn)
	}, map[Rule]int{NewDevice: 1}},
	{"guessing one password from many networks", true, func(l *life) {
		l.many(40, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Address = "asha", addr("198.51.%d.%d", i*250) })
	}, map[Rule]int{GuessingAccount: 1}},
	{"a password that was guessed", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.many(12, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Address = "asha", addr("198.51.%d.%d", i*250) })
		l.add(20*time.Minute, satra.EventSignedIn, "asha", 2, "192.0.2.1", windows)
	}, map[Rule]int{GuessingAccount: 1, GuessedPassword: 1}},
	{"guessing from one network", true, func(l *life) {
		l.many(60, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Address = netip.MustParseAddr("198.51.100.9") })
	}, map[Rule]int{GuessingNetwork: 1}},
	{"a guesser at night in an office that many have signed in from", true, func(l *life) {
		for i := range 200 {
			l.add(time.Second, satra.EventSignedIn, fmt.Sprint("p", i), 0, "203.0.113.7", windows)
		}
		l.at = l.at.Add(10 * time.Hour)
		l.many(60, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Address = netip.MustParseAddr("203.0.113.7") })
	}, map[Rule]int{GuessingNetwork: 1}},
	{"one password for many accounts", true, func(l *life) {
		l.many(30, satra.EventSignInRefused, func(i int, e *audit.Entry) {
			e.Principal, e.Address = fmt.Sprint("p", i), netip.MustParseAddr("198.51.100.9")
		})
	}, map[Rule]int{GuessingWide: 1}},
	{"one password for many accounts, from many networks", true, func(l *life) {
		l.many(150, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Address = fmt.Sprint("p", i), addr("198.51.%d.%d", i*250) })
	}, map[Rule]int{GuessingWide: 1}},
	{"guessing tokens", true, func(l *life) {
		l.many(400, satra.EventUnknownToken, func(i int, e *audit.Entry) { // one /64
			e.Address, e.Session = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)), satra.ID{byte(i), byte(i >> 8), 1}
		})
	}, map[Rule]int{TokenGuessing: 1}},
	{"filling the store", true, func(l *life) {
		l.many(1200, satra.EventCreated, func(i int, e *audit.Entry) { e.Address = netip.MustParseAddr("198.51.100.9") })
	}, map[Rule]int{ManySessions: 1}},
	{"forms from elsewhere", true, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(time.Second, satra.EventCrossOrigin, "asha", 1, "203.0.113.7", windows).Count = 12
	}, map[Rule]int{RefusedForms: 1}},
	{"an administrator ends everybody, one by one", true, func(l *life) {
		l.many(40, satra.EventEnded, func(i int, e *audit.Entry) {
			e.Principal, e.Actor, e.Reason, e.Session = fmt.Sprint("p", i), "operator", satra.ReasonAdministrator, satra.ID{byte(i + 1)}
		})
	}, map[Rule]int{UnusualActor: 1}},

	{"an administrator ends everybody at once", true, func(l *life) {
		l.add(time.Second, satra.EventEndedAll, "", 0, "", "").Actor = "operator"
	}, map[Rule]int{UnusualActor: 1}},
	{"an administrator disables very many who are not signed in", true, func(l *life) {
		l.many(25, satra.EventEndedAll, func(i int, e *audit.Entry) { e.Principal, e.Actor = fmt.Sprint("p", i), "operator" })
	}, map[Rule]int{UnusualActor: 1}},
	{"an administrator erases very many", true, func(l *life) {
		l.many(25, audit.KindErased, func(i int, e *audit.Entry) { e.Actor = "operator" })
	}, map[Rule]int{UnusualActor: 1}},
	{"names that nobody has, from many networks", true, func(l *life) {
		l.many(150, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Address = addr("198.51.%d.%d", i*250) })
	}, map[Rule]int{GuessingWide: 1}},

	{"a page for desktops on a phone", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", phone)
		l.add(time.Minute, satra.EventExtended, "asha", 1, "198.51.100.8", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15")
		l.add(time.Minute, satra.EventExtended, "asha", 1, "203.0.113.7", phone)
	}, map[Rule]int{SystemChanged: 2}},
	{"a browser that crashed and restored its cookies", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.uses("asha", 1, 2, "203.0.113.7", windows)
		l.add(time.Minute, satra.EventReusedToken, "asha", 1, "203.0.113.7", windows)
		l.add(time.Second, satra.EventReusedToken, "asha", 1, "203.0.113.7", windows)
	}, map[Rule]int{ReusedToken: 1}},
	{"a Monday in a large office", false, func(l *life) {
		for i := range 500 {
			l.add(time.Second, satra.EventSignedIn, fmt.Sprint("p", i), 0, "203.0.113.7", windows)
			if i%20 == 0 {
				l.add(time.Millisecond, satra.EventSignInRefused, fmt.Sprint("p", i), 0, "203.0.113.7", windows).Count = 2
			}
		}
	}, nil},
	{"a page that polls after the store was cleared", false, func(l *life) {
		l.many(900, satra.EventUnknownToken, func(i int, e *audit.Entry) { e.Address, e.Session = netip.MustParseAddr("203.0.113.7"), satra.ID{7} })
	}, nil},
	{"sign-ins beyond the limit of sessions", false, func(l *life) {
		l.many(30, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Error = "asha", "too many sessions" })
	}, nil},
	{"a commuter", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", phone)
		for i := range 20 {
			l.add(10*time.Minute, satra.EventExtended, "asha", 1, addr("198.51.%d.%d", i*10).String(), phone)
		}
	}, nil},
	{"a carrier's address", false, func(l *life) { // a thousand people behind it, a few of whom mistype
		l.many(900, satra.EventCreated, func(i int, e *audit.Entry) { e.Address = netip.MustParseAddr("198.51.100.9") })
		l.many(15, satra.EventSignInRefused, func(i int, e *audit.Entry) {
			e.Principal, e.Address, e.Count = fmt.Sprint("p", i), netip.MustParseAddr("198.51.100.9"), 2
		})
		l.add(time.Minute, satra.EventUnknownToken, "", 0, "198.51.100.9", "").Count = 100
	}, nil},
	{"an office's proxy", false, func(l *life) {
		for i := range byte(100) {
			l.signIn(fmt.Sprint("p", i), i+1, "203.0.113.7", windows)
			l.uses(fmt.Sprint("p", i), i+1, 1, "203.0.113.7", windows)
		}
	}, nil},
	{"a browser's upgrade", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.uses("asha", 1, 1, "203.0.113.7", fmt.Sprintf(firefox, 141))
		l.add(24*time.Hour, satra.EventSignedIn, "asha", 2, "203.0.113.7", fmt.Sprintf(firefox, 142))
	}, nil},
	{"a VPN that is switched on and off", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		for range 5 {
			l.add(2*time.Minute, satra.EventExtended, "asha", 1, "198.51.100.9", windows)
			l.add(2*time.Minute, satra.EventExtended, "asha", 1, "203.0.113.7", windows)
		}
	}, nil},
	{"a tablet that a family shares", false, func(l *life) {
		for i := range byte(8) {
			who := []string{"asha", "ravi"}[i%2]
			l.signIn(who, i+1, "203.0.113.7", phone)
			l.uses(who, i+1, 1, "203.0.113.7", phone)
			l.add(time.Minute, satra.EventEnded, who, i+1, "203.0.113.7", phone).Reason = satra.ReasonSignedOut
		}
	}, nil},
	{"a restored backup", false, func(l *life) { // everybody's cookie is unknown
		l.many(500, satra.EventUnknownToken, func(i int, e *audit.Entry) { e.Address = addr("198.51.%d.%d", i) })
	}, map[Rule]int{UnknownEverywhere: 1}},
	{"a store that was cleared, seen from one office", false, func(l *life) {
		l.add(time.Minute, satra.EventUnknownToken, "", 0, "203.0.113.7", "").Count = 250
	}, nil},
	{"a forgotten passphrase", false, func(l *life) {
		l.add(time.Minute, satra.EventSignInRefused, "asha", 0, "203.0.113.7", windows).Count = 7
		l.signIn("asha", 1, "203.0.113.7", windows)
	}, nil},
	{"an owner signs in as always while somebody guesses", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.many(12, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Address = "asha", addr("198.51.%d.%d", i*250) })
		l.signIn("asha", 2, "203.0.113.7", windows)
	}, map[Rule]int{GuessingAccount: 1}},
	{"an owner signs in on the train while somebody guesses", false, func(l *life) { // told, and asked for a proof at most
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.many(12, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Address = "asha", addr("198.51.%d.%d", i*250) })
		l.signIn("asha", 2, "192.0.2.1", windows)
	}, map[Rule]int{GuessingAccount: 1, GuessedPassword: 1}},
	{"an owner has a new phone while somebody guesses", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.many(12, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Address = "asha", addr("198.51.%d.%d", i*250) })
		l.signIn("asha", 2, "192.0.2.1", chromeOn)
	}, map[Rule]int{GuessingAccount: 1, GuessedPassword: 1, NewDevice: 1}},
	{"a new network, long after somebody guessed", false, func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.many(12, satra.EventSignInRefused, func(i int, e *audit.Entry) { e.Principal, e.Address = "asha", addr("198.51.%d.%d", i*250) })
		l.add(31*time.Minute, satra.EventSignedIn, "asha", 2, "192.0.2.1", windows)
	}, map[Rule]int{GuessingAccount: 1}},
	{"a passphrase that was mistyped ten times, before the first sign-in", false, func(l *life) {
		l.add(time.Minute, satra.EventSignInRefused, "asha", 0, "203.0.113.7", windows).Count = 12
		l.signIn("asha", 1, "203.0.113.7", windows)
	}, map[Rule]int{GuessingAccount: 1}},
	{"a phone besides the laptop", false, func(l *life) { // its first sign-in is told, and no more
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.signIn("asha", 2, "203.0.113.8", phone)
		for range 5 {
			l.add(time.Minute, satra.EventExtended, "asha", 1, "203.0.113.7", windows)
			l.add(time.Minute, satra.EventExtended, "asha", 2, "203.0.113.8", phone)
		}
	}, map[Rule]int{NewDevice: 1}},
}

// places are where the addresses of the scenarios are: Mumbai, and for one network
// Frankfurt.
func places(a netip.Addr) (float64, float64, bool) {
	if a == netip.MustParseAddr("198.51.100.9") {
		return 50.1, 8.7, true
	}
	return 19.1, 72.9, true
}

func (s scenario) run(t *testing.T, p *Policy) *Summary {
	t.Helper()
	l := &life{at: time.Date(2027, 1, 5, 4, 0, 0, 0, time.UTC)}
	s.live(l)
	summary, err := Replay(func(yield func(audit.Entry, error) bool) {
		for _, e := range l.all {
			if !yield(e, nil) {
				return
			}
		}
	}, New(&Options{Locate: places}), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// greatest is the policy that does the most that is permitted.
func greatest() *Policy {
	nothing := func(context.Context, Decision) error { return nil }
	return must(NewPolicy(&PolicyOptions{Actions: Rules(), Enforce: true, OnStepUp: nothing, OnRevoke: nothing}))
}

// TestScenarios finds in each attack what is there for it.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		if got := s.run(t, greatest()); !maps.Equal(got.Rules, s.want) && len(got.Rules)+len(s.want) > 0 {
			t.Errorf("%s: got %v, want %v", s.name, got.Rules, s.want)
		}
	}
}

// TestNoHonestPersonIsSignedOut holds what each honest life gives rise to against
// every action that a rule may have, and against the greatest policy of all.
func TestNoHonestPersonIsSignedOut(t *testing.T) {
	policies := map[string]func() *Policy{"the greatest": func() *Policy { return greatest() }}
	for rule, most := range Rules() {
		for action := range most + 1 {
			o := &PolicyOptions{Actions: map[Rule]Action{rule: action}}
			policies[fmt.Sprintf("%s for %s", action, rule)] = func() *Policy { return must(NewPolicy(o)) }
		}
	}
	for _, s := range scenarios {
		if s.attack {
			continue
		}
		findings := s.run(t, greatest()).Decisions
		for name, policy := range policies {
			p := policy()
			for _, d := range findings {
				if got := p.Decide(d.Finding); got.Action >= Revoke {
					t.Errorf("%s, with %s: an honest person is signed out: %+v", s.name, name, got)
				}
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{10 * time.Minute: "10m", 30 * time.Second: "30s", 150 * time.Second: "2m30s", 0: "0s", time.Hour: "1h", -time.Minute: "1m"} {
		if got := spell(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}
