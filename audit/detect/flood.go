package detect

import (
	"fmt"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// The thresholds of what comes in numbers.
const (
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
			t := tokens.of(network)
			if count := t.addName(e, e.Session.String(), unknownTokens); !everywhere.wasTold(e.At) && t.tell(count, unknownTokens) {
				f.add(TokenGuessing, Weak, ofNetwork, t.refs(), fmt.Sprintf("%d different unknown tokens or more came from %s within %s.", unknownTokens, network, t.within(e.At)),
					Fact{"at least", number(unknownTokens)}, Fact{"network", network}, Fact{"within", t.within(e.At)})
			}
			t = &everywhere
			if count := t.addName(e, network, unknownFrom); t.tell(count, unknownFrom) {
				f.add(UnknownEverywhere, Info, 0, t.refs(), fmt.Sprintf("Unknown tokens came from %d networks or more within %s: a store was cleared or set back, perhaps.", unknownFrom, t.within(e.At)),
					Fact{"networks", number(unknownFrom)}, Fact{"within", t.within(e.At)})
			}
		case satra.EventCreated:
			if network == "" {
				return
			}
			t := begun.of(network)
			if count := t.add(e, n); t.tell(count, manySessions) {
				f.add(ManySessions, Weak, ofNetwork, t.refs(), fmt.Sprintf("%d sessions were begun from %s within %s.", count, network, t.within(e.At)),
					Fact{"sessions", number(count)}, Fact{"network", network}, Fact{"within", t.within(e.At)})
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
			t := forms.of(of)
			if count := t.add(e, n); t.tell(count, refusedForms) {
				f.add(RefusedForms, Weak, scope, t.refs(), fmt.Sprintf("%d forms of %s were refused within %s, because they came from elsewhere or without the session's token.", count, of, t.within(e.At)),
					Fact{"refused", number(count)}, Fact{"of", of}, Fact{"within", t.within(e.At)})
			}
		case satra.EventEnded, satra.EventEndedAll, audit.KindErased:
			of := e.Principal
			if e.Kind == audit.KindErased {
				of = fmt.Sprint(e.Writer, e.Seq) // whose it was is not told any more
			}
			switch {
			case e.Actor == "" || e.Actor == e.Principal:
				return
			case of == "" && e.Kind == satra.EventEndedAll:
				f.add(UnusualActor, Weak, 0, nil, fmt.Sprintf("%s has ended the sessions of everybody.", audit.Plain(e.Actor)), Fact{"actor", audit.Plain(e.Actor)})
				return
			case of == "":
				return
			}
			t := actors.of(e.Actor)
			if count := t.addName(e, of, manyPeople); t.tell(count, manyPeople) {
				f.add(UnusualActor, Weak, 0, t.refs(), fmt.Sprintf("%s has ended the sessions, or erased the entries, of %d people or more within %s.", audit.Plain(e.Actor), manyPeople, t.within(e.At)),
					Fact{"actor", audit.Plain(e.Actor)}, Fact{"at least", number(manyPeople)}, Fact{"within", t.within(e.At)})
			}
		}
	}}
}
