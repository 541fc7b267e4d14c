package detect

import (
	"iter"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// A Summary is what a log would have given rise to.
type Summary struct {
	Entries     int
	First, Last time.Time
	Rules       map[Rule]int
	Decisions   []Decision // the first thousand
	Actions     map[Action]int
	Sessions    map[Action]int // sessions by the most that would be done to them
}

const maxDecisions = 1000

// Replay holds a saved log, in the order of time, against the rules and the policy,
// and does nothing. progress, if not nil, is told now and then how many entries it has
// seen.
//
// Errors: those of the log.
func Replay(entries iter.Seq2[audit.Entry, error], d *Detector, p *Policy, progress func(int)) (*Summary, error) {
	s := &Summary{Rules: map[Rule]int{}, Actions: map[Action]int{}, Sessions: map[Action]int{}}
	most := map[satra.ID]Action{}
	defer func() {
		for _, action := range most {
			s.Sessions[action]++
		}
	}()
	for e, err := range entries {
		if err != nil {
			return s, err
		}
		if s.Entries++; s.First.IsZero() {
			s.First = e.At
		}
		s.Last = e.At
		for _, f := range d.Observe(e) {
			decision := p.Decide(f)
			s.Rules[f.Rule]++
			s.Actions[decision.Action]++
			if !f.Session.IsZero() {
				most[f.Session] = max(most[f.Session], decision.Action)
			}
			if len(s.Decisions) < maxDecisions {
				s.Decisions = append(s.Decisions, decision)
			}
		}
		if progress != nil && s.Entries%1000 == 0 {
			progress(s.Entries)
		}
	}
	return s, nil
}
