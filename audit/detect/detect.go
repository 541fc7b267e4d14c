// Package detect reads the entries of the audit log and says what looks wrong: which
// rule, whom it concerns, and the facts that a person can check.
//
//	d := detect.New(nil)
//	for _, finding := range d.Observe(entry) { … }
//
// A rule is a pure function of the entries: it takes the time from them, does nothing
// and asks nobody, so that a saved log gives the same findings again. What is to be
// done about a finding is a [Policy]'s to say.
//
// What is remembered is bounded, whatever the entries are: see [Options.Keys].
package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// Options of a [Detector]. The zero value is a good choice.
type Options struct {
	// Describe names a browser and its system. Default [satra.DescribeUserAgent].
	Describe func(userAgent string) (browser, system string)

	// Locate tells where an address is, in degrees, from a database of the
	// application's. nil: the rule of impossible travel is off.
	Locate func(netip.Addr) (latitude, longitude float64, ok bool)

	// Keys is how many sessions, principals or networks each rule remembers.
	// Default 10,000, some 2 MB for each of the dozen rules. Beyond it those that
	// were quiet for longest are forgotten.
	Keys int
}

// A Strength says how far a finding goes by itself.
type Strength string

// The strengths.
const (
	Info   Strength = "info"   // worth knowing
	Weak   Strength = "weak"   // honest people do it, too: two together mean something
	Strong Strength = "strong" // no honest life does this
)

// A Finding is something that looks wrong.
type Finding struct {
	Rule      Rule
	Strength  Strength
	At        time.Time // of the entry with which it was found
	Session   satra.ID  // zero if it is about none
	Principal string    // "" if it is about nobody
	Network   string    // of the address it came from: of IPv6 the /64; "" if it is about none
	Text      string    // the facts in a sentence
	Facts     []Fact
	Entry     audit.Entry // with which it was found

	// Entries name those that it is about, by which a person can look them up: the
	// first, some between, and as the last one that with which it was found. There are
	// 8 at most, however many were counted.
	Entries []EntryRef
}

// An EntryRef names an entry of the log.
type EntryRef struct {
	Writer string    `json:"writer"` // the chain
	Seq    int64     `json:"seq"`    // its place there
	At     time.Time `json:"at"`
}

// String returns "writer/seq".
func (r EntryRef) String() string { return audit.Plain(r.Writer) + "/" + strconv.FormatInt(r.Seq, 10) }

func refOf(e audit.Entry) EntryRef { return EntryRef{e.Writer, e.Seq, e.At} }

// A Fact is something that a person can check.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Rule names what a finding was found by.
type Rule string

// The rules.
const (
	ReusedToken       Rule = "reused_token"       // a token past its grace was shown: a copy lay still
	BrowserChanged    Rule = "browser_changed"    // a session went from one browser to another, or to that of another device
	SystemChanged     Rule = "system_changed"     // a session says another system, with the same browser: a phone does, for the page of a desktop
	TwoPlaces         Rule = "two_places"         // a session is used from two networks and two browsers in turn
	ImpossibleTravel  Rule = "impossible_travel"  // two sign-ins that nobody can have made by travelling
	GuessingAccount   Rule = "guessing_account"   // many refused sign-ins of one account
	GuessedPassword   Rule = "guessed_password"   // a sign-in from elsewhere, after somebody had guessed at the account
	GuessingNetwork   Rule = "guessing_network"   // many refused sign-ins from one network
	GuessingWide      Rule = "guessing_wide"      // refused sign-ins of many accounts
	NewDevice         Rule = "new_device"         // a sign-in with a browser and system not seen before
	TokenGuessing     Rule = "token_guessing"     // many unknown tokens from one network
	UnknownEverywhere Rule = "unknown_everywhere" // unknown tokens from many networks: a store was cleared or set back
	ManySessions      Rule = "many_sessions"      // one network begins very many sessions
	RefusedForms      Rule = "refused_forms"      // forms of one session are refused again and again
	UnusualActor      Rule = "unusual_actor"      // an administrator ends sessions of very many people
)

// A Detector holds the rules against entries as they come. It is for one goroutine.
type Detector struct {
	describe func(string) (string, string)
	rules    []func(audit.Entry, *found)
}

// New returns a detector that has seen nothing yet. nil options are the defaults.
func New(o *Options) *Detector {
	if o == nil {
		o = &Options{}
	}
	d := &Detector{describe: o.Describe}
	if d.describe == nil {
		d.describe = satra.DescribeUserAgent
	}
	keys := o.Keys
	if keys <= 0 {
		keys = 10_000
	}
	d.rules = append(d.sessionRules(keys), d.signInRules(keys, o.Locate)...)
	d.rules = append(d.rules, floodRules(keys)...)
	return d
}

// found collects the findings of one entry.
type found struct {
	e   audit.Entry
	all []Finding
}

// Observe takes in the next entry and returns what it gives rise to. Entries come
// about in the order of their time; those of several nodes may be some seconds
// out of it.
func (d *Detector) Observe(e audit.Entry) []Finding {
	if e.Doubt != "" || e.Erased || e.Outcome == audit.Intent {
		return nil
	}
	f := &found{e: e}
	for _, rule := range d.rules {
		rule(e, f)
	}
	return f.all
}

// maxRefs is how many entries a finding names.
const maxRefs = 8

// add adds a finding of this entry and of those before it that are named.
func (f *found) add(rule Rule, s Strength, about scope, before []EntryRef, text string, facts ...Fact) {
	e := f.e
	finding := Finding{Rule: rule, Strength: s, At: e.At, Text: text, Facts: facts, Entry: e}
	for _, r := range append(slices.Clip(before[:min(len(before), maxRefs-1)]), refOf(e)) {
		if !slices.Contains(finding.Entries, r) && r != (EntryRef{}) {
			finding.Entries = append(finding.Entries, r)
		}
	}
	if about&ofSession != 0 {
		finding.Session = e.Session
	}
	if about&ofPrincipal != 0 {
		finding.Principal = e.Principal
	}
	if about&ofNetwork != 0 {
		finding.Network = networkOf(e)
	}
	f.all = append(f.all, finding)
}

// A scope is what a finding is about.
type scope uint8

const (
	ofSession scope = 1 << iota
	ofPrincipal
	ofNetwork
)

// networkOf names an address as others are told from it: of IPv6 its /64.
func networkOf(e audit.Entry) string {
	switch a := e.Address; {
	case !a.IsValid():
		return ""
	case a.Is6():
		p, _ := a.Prefix(64)
		return p.String()
	default:
		return a.String()
	}
}

// browserOf is the family of the browser, or the name that a program gives itself; ""
// if there is none.
func (d *Detector) browserOf(e audit.Entry) string {
	browser, _ := d.describe(e.UserAgent)
	if browser == "" {
		browser, _, _ = strings.Cut(e.UserAgent, "/")
		browser = audit.Plain(browser[:min(len(browser), 40)])
	}
	return browser
}

// deviceOf is the browser and the system, or "" if nothing is known.
func (d *Detector) deviceOf(e audit.Entry) string {
	browser, system := d.browserOf(e), ""
	if _, system = d.describe(e.UserAgent); system != "" && browser != "" {
		return browser + " on " + system
	}
	return browser
}

func number(n int) string { return fmt.Sprint(n) }

// spell writes 10m0s as 10m.
func spell(d time.Duration) string {
	text := d.Abs().Round(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
