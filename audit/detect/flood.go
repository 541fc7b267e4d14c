package detect

import (
	"fmt"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// The thresholds of what comes in numbers.
const (
	floodWindow   = 10 * time.Minute
	unknownTokens = 300  // from one network: a carrier's address has some, a restored backup of one company's many
	unknownFrom   = 200  // networks
	manySessions  = 1000 // begun from one network
	refusedForms  = 10   // of one session, or from one network where that is not known
	manyPeople    = 20   // whose sessions one actor ends
)

// floodRules count. Anybody can trip them, save the last.
func floodRules(keys int) []func(audit.Entry, *found) {
	tokens, begun := newMemory[string, tally](keys/4), newMemory[string, tally](keys)
	forms, actors := newMemory[string, tally](keys), newMemory[string, tally](keys)
	var everywhere tally
	return []func(audit.Entry, *found){func(e audit.Entry, f *found) {
		n, network := max(e.Count, 1), networkOf(e)
		switch e.Kind {
		case satra.EventUnknownToken:
			if network == "" {
				return
			}
			// Different ones: a page that polls shows the same one again and again.
			if t := tokens.of(network); t.addOne(e.At, floodWindow, e.Session.String(), unknownTokens) && !everywhere.told {
				f.add(TokenGuessing, Weak, ofNetwork, fmt.Sprintf("%d different unknown tokens or more came from %s within %s.", unknownTokens, network, spell(floodWindow)),
					Fact{"at least", number(unknownTokens)}, Fact{"network", network})
			}
			if everywhere.addOne(e.At, floodWindow, network, unknownFrom) {
				f.add(UnknownEverywhere, Info, 0, fmt.Sprintf("Unknown tokens came from %d networks or more within %s: a store was cleared or set back, perhaps.", unknownFrom, spell(floodWindow)),
					Fact{"networks", number(unknownFrom)})
			}
		case satra.EventCreated:
			if network == "" {
				return
			}
			if t := begun.of(network); t.add(e.At, floodWindow, n, manySessions) {
				f.add(ManySessions, Weak, ofNetwork, fmt.Sprintf("%d sessions were begun from %s within %s.", t.count, network, spell(floodWindow)),
					Fact{"sessions", number(t.count)}, Fact{"network", network})
			}
		case satra.EventCSRFRejected, satra.EventCrossOrigin:
			// What comes from elsewhere is refused before the session is known.
			of, scope := "session "+e.Session.String(), ofSession|ofPrincipal|ofNetwork
			if e.Session.IsZero() {
				of, scope = "network "+network, ofNetwork
			}
			if of == "network " {
				return
			}
			if t := forms.of(of); t.add(e.At, floodWindow, n, refusedForms) {
				f.add(RefusedForms, Weak, scope, fmt.Sprintf("%d forms of %s were refused within %s, because they came from elsewhere or without the session's token.", t.count, of, spell(floodWindow)),
					Fact{"refused", number(t.count)}, Fact{"of", of})
			}
		case satra.EventEnded, audit.KindErased:
			of := e.Principal
			if e.Kind == audit.KindErased {
				of = fmt.Sprint(e.Writer, e.Seq) // whose it was is not told any more
			}
			if e.Actor == "" || e.Actor == e.Principal || of == "" {
				return
			}
			if t := actors.of(e.Actor); t.addOne(e.At, floodWindow, of, manyPeople) {
				f.add(UnusualActor, Weak, 0, fmt.Sprintf("%s has ended the sessions, or erased the entries, of %d people or more within %s.", audit.Plain(e.Actor), manyPeople, spell(floodWindow)),
					Fact{"actor", audit.Plain(e.Actor)}, Fact{"at least", number(manyPeople)})
			}
		case satra.EventEndedAll:
			if e.Actor != "" && e.Principal == "" {
				f.add(UnusualActor, Weak, 0, fmt.Sprintf("%s has ended the sessions of everybody.", audit.Plain(e.Actor)), Fact{"actor", audit.Plain(e.Actor)})
			}
		}
	}}
}
