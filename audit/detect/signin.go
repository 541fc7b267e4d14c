package detect

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// The thresholds of guessing. A person who has forgotten a password gives up, or asks
// for a new one, long before; an office behind one address has many of them.
const (
	guessAccount  = 10  // refused sign-ins of one account
	guessNetwork  = 50  // from one network
	guessAccounts = 20  // different accounts from one network, or
	guessAnywhere = 100 // from anywhere

	maxDevices = 20 // that are remembered of a principal, and as many networks

	guessedWithin = 30 * time.Minute // of guessing at an account, a sign-in may be its success

	// Faster than this over more than this is no travel; addresses are located by
	// some hundred kilometres, and carriers by their exchange.
	travelSpeed = 1000.0 // km/h
	travelLeast = 500.0  // km
)

// A person is what sign-ins have shown of a principal.
type person struct {
	devices  []string
	networks []string
	last     *seenAt
	guessed  EntryRef // the last of those that were too many refusals; zero if there were not
}

type seenAt struct {
	latitude, longitude float64
	network             string
	ref                 EntryRef
}

// signInRules look at sign-ins and refused ones. The guessing rules can be tripped by
// anybody against anybody.
func (d *Detector) signInRules(keys int, locate func(netip.Addr) (float64, float64, bool)) []func(audit.Entry, *found) {
	byAccount, byNetwork := newMemory[string, tally](keys), newMemory[string, wide](keys)
	people := newMemory[string, person](keys)
	var anywhere wide
	return []func(audit.Entry, *found){
		func(e audit.Entry, f *found) {
			network := networkOf(e)
			switch {
			case e.Kind == satra.EventSignedIn:
				anywhere.good.add(e, 1)
				if network != "" {
					byNetwork.of(network).good.add(e, 1)
				}
				return
			case e.Kind != satra.EventSignInRefused || e.Error != "": // by a limit or an epoch, after a right proof
				return
			}
			n := max(e.Count, 1)
			if e.Principal != "" {
				t := byAccount.of(e.Principal)
				count := t.add(e, n)
				if count >= guessAccount {
					people.of(e.Principal).guessed = refOf(e)
				}
				if t.tell(count, guessAccount) {
					f.add(GuessingAccount, Weak, ofPrincipal, t.refs(), fmt.Sprintf("%d sign-ins of one account were refused within %s.", count, t.within(e.At)),
						Fact{"refused", number(count)}, Fact{"last network", network}, Fact{"within", t.within(e.At)})
				}
			}
			if t := anywhere.refused(e, guessAnywhere); t != nil {
				f.add(GuessingWide, Weak, 0, t.refs(), fmt.Sprintf("Sign-ins of %d accounts or more, or from as many networks, were refused within %s.", guessAnywhere, t.within(e.At)),
					Fact{"at least", number(guessAnywhere)}, Fact{"within", t.within(e.At)})
			}
			if network == "" {
				return
			}
			w := byNetwork.of(network)
			t := &w.tries
			if count := t.add(e, n); !w.mostlySucceeds(e.At, count) && t.tell(count, guessNetwork) {
				f.add(GuessingNetwork, Weak, ofNetwork, t.refs(), fmt.Sprintf("%d sign-ins from %s were refused within %s.", count, network, t.within(e.At)),
					Fact{"refused", number(count)}, Fact{"network", network}, Fact{"within", t.within(e.At)})
			}
			if e.Principal == "" {
				return
			}
			if t := w.refused(e, guessAccounts); t != nil {
				f.add(GuessingWide, Weak, ofNetwork, t.refs(), fmt.Sprintf("Sign-ins of %d accounts or more from %s were refused within %s.", guessAccounts, network, t.within(e.At)),
					Fact{"at least", number(guessAccounts)}, Fact{"network", network}, Fact{"within", t.within(e.At)})
			}
		},
		func(e audit.Entry, f *found) {
			if e.Kind == satra.EventSignedIn && e.Principal != "" {
				p := people.of(e.Principal)
				d.guessed(p, e, f)
				d.device(p, e, f)
				travelled(p, locate, e, f)
			}
		},
	}
}

// A wide is what was tried from somewhere: how often, for whom, and with what success.
// Where many people are, many mistype; where somebody guesses, hardly anybody gets in.
type wide struct {
	tries, accounts, good tally
}

// refused counts a refusal by its account, or where there is none by its network, and
// returns the tally if there is to tell of it.
func (w *wide) refused(e audit.Entry, most int) *tally {
	name := "account " + e.Principal
	if e.Principal == "" {
		name = "network " + networkOf(e)
	}
	if count := w.accounts.addName(e, name, most); w.mostlySucceeds(e.At, most) || !w.accounts.tell(count, most) {
		return nil
	}
	return &w.accounts
}

func (w *wide) mostlySucceeds(at time.Time, refused int) bool {
	return w.good.count(stepOf(at)) > 2*refused
}

// guessed finds a sign-in after guessing at the account, with a browser and system or
// from a network that the principal was not seen with: a password that was guessed. The
// owner who signs in from elsewhere during an attack is found, too, and so it is weak,
// and no policy may end the session. With what is known of the owner, and at the very
// first, it is no finding.
func (d *Detector) guessed(p *person, e audit.Entry, f *found) {
	device, network := d.deviceOf(e), networkOf(e)
	known := len(p.devices)+len(p.networks) > 0
	elsewhere := device != "" && !slices.Contains(p.devices, device) || network != "" && !slices.Contains(p.networks, network)
	after := e.At.Sub(p.guessed.At)
	if known && elsewhere && p.guessed != (EntryRef{}) && after.Abs() <= guessedWithin {
		f.add(GuessedPassword, Weak, ofSession|ofPrincipal|ofNetwork, []EntryRef{p.guessed},
			fmt.Sprintf("A sign-in with %s, from %s, %s after many of the account were refused; the browser or the network is new to it.", orUnknown(device, "an unknown program"), orUnknown(network, unknownNetwork), spell(after)),
			Fact{"device", device}, Fact{"network", network}, Fact{"after", spell(after)})
	}
	if network != "" && !slices.Contains(p.networks, network) {
		if p.networks = append(p.networks, network); len(p.networks) > maxDevices {
			p.networks = p.networks[1:]
		}
	}
}

// device finds a sign-in with a browser and system that the principal was not seen
// with. The very first is no finding.
func (d *Detector) device(p *person, e audit.Entry, f *found) {
	device := d.deviceOf(e)
	if device == "" || slices.Contains(p.devices, device) {
		return
	}
	if len(p.devices) > 0 {
		f.add(NewDevice, Weak, ofSession|ofPrincipal|ofNetwork, nil, fmt.Sprintf("A sign-in with %s, which this account was not seen with before, from %s.", device, orUnknown(networkOf(e), unknownNetwork)),
			Fact{"device", device}, Fact{"network", networkOf(e)}, Fact{"known", number(len(p.devices))})
	}
	if p.devices = append(p.devices, device); len(p.devices) > maxDevices {
		p.devices = p.devices[1:]
	}
}

// travelled finds two sign-ins that are too far apart for the time between them. Uses of
// one session are not compared: with the same browser, far away is a VPN that was
// switched on, and another browser is found by itself, however far.
func travelled(p *person, locate func(netip.Addr) (float64, float64, bool), e audit.Entry, f *found) {
	if locate == nil || !e.Address.IsValid() {
		return
	}
	latitude, longitude, ok := locate(e.Address)
	if !ok {
		return
	}
	here := &seenAt{latitude, longitude, networkOf(e), refOf(e)}
	if last := p.last; last != nil && here.ref.At.After(last.ref.At) {
		far := distance(last, here)
		if hours := here.ref.At.Sub(last.ref.At).Hours(); far > travelLeast && far > travelSpeed*hours {
			f.add(ImpossibleTravel, Weak, ofSession|ofPrincipal|ofNetwork, []EntryRef{last.ref}, fmt.Sprintf("Two sign-ins are %.0f km apart, from %s and %s, with %s between them.", far, last.network, here.network, spell(here.ref.At.Sub(last.ref.At))),
				Fact{"km", fmt.Sprintf("%.0f", far)}, Fact{"from", last.network}, Fact{"to", here.network}, Fact{"between", spell(here.ref.At.Sub(last.ref.At))})
		}
	}
	if p.last == nil || here.ref.At.After(p.last.ref.At) {
		p.last = here
	}
}

// distance is that on a sphere (haversine), in kilometres.
func distance(a, b *seenAt) float64 {
	rad := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	sin := func(x float64) float64 { return math.Sin(x/2) * math.Sin(x/2) }
	h := sin(rad(b.latitude-a.latitude)) + math.Cos(rad(a.latitude))*math.Cos(rad(b.latitude))*sin(rad(b.longitude-a.longitude))
	return 2 * 6371 * math.Asin(math.Sqrt(min(h, 1)))
}
