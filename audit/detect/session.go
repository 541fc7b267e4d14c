package detect

import (
	"fmt"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// turnsWithin is how far apart the uses of a session from two places may be to be at
// once.
const turnsWithin = 10 * time.Minute

// A use is the last that was seen of a session.
type use struct {
	device, network string
	before          *place // the other place it was used from, if it was
	at              time.Time
	told            time.Time // when it was found in two places
}

type place struct {
	device, network string
	at              time.Time
}

// sessionRules look at what happens within one session. Whoever trips them holds its
// secret, or a former one.
func (d *Detector) sessionRules(keys int) []func(audit.Entry, *found) {
	uses := newMemory[satra.ID, use](keys)
	return []func(audit.Entry, *found){
		func(e audit.Entry, f *found) {
			if e.Kind == satra.EventReusedToken {
				f.add(ReusedToken, Strong, ofSession|ofPrincipal|ofNetwork,
					fmt.Sprintf("A token that had been replaced was shown again, %s time(s), from %s.", number(max(e.Count, 1)), orUnknown(networkOf(e))),
					Fact{"session", e.Session.String()}, Fact{"network", networkOf(e)}, Fact{"device", d.deviceOf(e)}, Fact{"times", number(max(e.Count, 1))})
			}
		},
		func(e audit.Entry, f *found) { d.moved(uses, e, f) },
	}
}

// showsUse tells the kinds that only who holds the session's present secret causes.
func showsUse(e audit.Entry) bool {
	switch e.Kind {
	case satra.EventSignedIn, satra.EventReauthenticated, satra.EventRenewed, satra.EventExtended:
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
	device, network := d.deviceOf(e), networkOf(e)
	u := uses.of(e.Session, e.At)
	if e.Kind == satra.EventSignedIn { // a fresh proof: whoever gave it may be anywhere
		*u = use{device: device, network: network, at: e.At}
		return
	}
	if device != "" && u.device != "" && device != u.device {
		b := u.before
		switch inTurn := b != nil && b.device == device && b.network == network && u.network != network && e.At.Sub(b.at) <= turnsWithin; {
		case !u.told.IsZero() && e.At.Sub(u.told) <= turnsWithin: // it is known
		case inTurn:
			u.told = e.At
			f.add(TwoPlaces, Strong, ofSession|ofPrincipal, fmt.Sprintf("One session is used in turn by %s from %s and by %s from %s, within %s.",
				u.device, u.network, device, network, spell(e.At.Sub(b.at))),
				Fact{"session", e.Session.String()}, Fact{"one", u.device + ", " + u.network}, Fact{"other", device + ", " + network})
		default:
			f.add(BrowserChanged, Strong, ofSession|ofPrincipal, fmt.Sprintf("A session that was used by %s is used by %s, from %s.", u.device, device, orUnknown(network)),
				Fact{"session", e.Session.String()}, Fact{"before", u.device}, Fact{"now", device}, Fact{"network", network})
		}
		u.before = &place{u.device, u.network, u.at}
	}
	if device != "" {
		u.device = device
	}
	u.network, u.at = network, e.At
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown network"
	}
	return s
}
