package detect

import (
	"fmt"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// turnsWithin is how far apart the uses of a session from two places may be to be at
// once.
const turnsWithin = 10 * time.Minute

// A use is the last that was seen of a session.
type use struct {
	browser, device, network string // the device is the browser and its system
	system                   string // as package satra names it
	before                   *place // the other place it was used from, if it was
	ref                      EntryRef
	told                     time.Time // when it was found in two places
}

type place struct {
	device, network string
	ref             EntryRef
}

// sessionRules look at what happens within one session. Whoever trips them holds its
// secret, or a former one.
func (d *Detector) sessionRules(keys int) []func(audit.Entry, *found) {
	uses, reused := newMemory[satra.ID, use](keys), newMemory[satra.ID, tally](keys)
	return []func(audit.Entry, *found){
		func(e audit.Entry, f *found) { d.moved(uses, e, f) },
		func(e audit.Entry, f *found) { d.reused(uses, reused, e, f) },
	}
}

// reusedOften is how many times a token past its grace means a copy: a browser that has
// crashed and restored an older cookie shows it once or twice.
const reusedOften = 3

// reused finds a token that was shown after it had been replaced.
func (d *Detector) reused(uses *memory[satra.ID, use], shown *memory[satra.ID, tally], e audit.Entry, f *found) {
	if e.Kind != satra.EventReusedToken || e.Session.IsZero() {
		return
	}
	t, u := shown.of(e.Session), uses.of(e.Session)
	browser := d.browserOf(e)
	elsewhere := u.browser != "" && browser != "" && browser != u.browser
	n := max(e.Count, 1)
	count, strength := t.add(e, n), Weak
	switch {
	case elsewhere, count >= reusedOften:
		if !t.tell(max(count, reusedOften), reusedOften) {
			return
		}
		strength = Strong
	case count > n: // it is known
		return
	}
	f.add(ReusedToken, strength, ofSession|ofPrincipal|ofNetwork, t.refs(),
		fmt.Sprintf("A token that had been replaced was shown again, %d time(s), by %s from %s.", count, orUnknown(d.deviceOf(e), "an unknown program"), orUnknown(networkOf(e), unknownNetwork)),
		Fact{"session", e.Session.String()}, Fact{"network", networkOf(e)}, Fact{"device", d.deviceOf(e)}, Fact{"times", number(count)})
}

// showsUse tells the kinds that only who holds the session's present secret causes.
func showsUse(e audit.Entry) bool {
	switch e.Kind {
	case satra.EventSignedIn, satra.EventReauthenticated, satra.EventRenewed, satra.EventExtended, satra.EventSeenElsewhere:
	case satra.EventEnded:
		return e.Reason == satra.ReasonSignedOut
	default:
		return false
	}
	return e.Actor == "" || e.Actor == e.Principal
}

// moved finds a session that goes from one browser to another, or to and fro between
// two places. A network alone moves honestly: a train, a VPN, an office.
func (d *Detector) moved(uses *memory[satra.ID, use], e audit.Entry, f *found) {
	if e.Session.IsZero() || !showsUse(e) {
		return
	}
	browser, device, network := d.browserOf(e), d.deviceOf(e), networkOf(e)
	_, system := satra.DescribeUserAgent(e.UserAgent)
	u := uses.of(e.Session)
	if e.Kind == satra.EventSignedIn || e.Kind == satra.EventReauthenticated { // a fresh proof: whoever gave it may be anywhere
		*u = use{browser: browser, device: device, system: system, network: network, ref: refOf(e)}
		return
	}
	if e.Kind == satra.EventSeenElsewhere && u.browser == "" { // by what another node has seen, or this one before its start
		u.told = e.At
		f.add(BrowserChanged, Strong, ofSession|ofPrincipal, nil, fmt.Sprintf("A session is used by %s, from %s, %s.", orUnknown(device, "an unknown program"), orUnknown(network, unknownNetwork), orUnknown(audit.Plain(e.Detail), "after another browser")),
			Fact{"session", e.Session.String()}, Fact{"before", strings.TrimPrefix(audit.Plain(e.Detail), "after ")}, Fact{"now", device}, Fact{"network", network})
	}
	if browser != "" && u.browser != "" && device != u.device {
		b := u.before
		another := browser != u.browser || !satra.SameSystem(system, u.system)
		inTurn := b != nil && b.device == device && another && b.network == network && u.network != network && e.At.Sub(b.ref.At) <= turnsWithin
		facts := []Fact{{"session", e.Session.String()}, {"before", u.device}, {"now", device}, {"network", network}}
		switch {
		case !u.told.IsZero() && e.At.Sub(u.told).Abs() <= turnsWithin: // it is known
		case inTurn:
			u.told = e.At
			f.add(TwoPlaces, Strong, ofSession|ofPrincipal, []EntryRef{b.ref, u.ref}, fmt.Sprintf("One session is used in turn by %s from %s and by %s from %s, within %s.",
				u.device, u.network, device, network, spell(e.At.Sub(b.ref.At))), facts...)
		case another:
			f.add(BrowserChanged, Strong, ofSession|ofPrincipal, []EntryRef{u.ref}, fmt.Sprintf("A session that was used by %s is used by %s, from %s.", u.device, device, orUnknown(network, unknownNetwork)), facts...)
		default: // a phone that asks for the page of a desktop says that it is one
			f.add(SystemChanged, Weak, ofSession|ofPrincipal, []EntryRef{u.ref}, fmt.Sprintf("A session that was used by %s is used by %s, from %s.", u.device, device, orUnknown(network, unknownNetwork)), facts...)
		}
		u.before = &place{u.device, u.network, u.ref}
	}
	if browser != "" {
		u.browser, u.device, u.system = browser, device, system
	}
	u.network, u.ref = network, refOf(e)
}

const unknownNetwork = "an unknown network"

func orUnknown(s, unknown string) string {
	if s == "" {
		return unknown
	}
	return s
}
