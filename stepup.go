package satra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A StepUp is a demand of a fresh proof of who is there: something about a session
// has looked wrong, and not so wrong that it has to end.
type StepUp struct {
	At     time.Time // when it was demanded; set by the manager
	Reason Reason    // why, in the application's own words or those of audit/detect
	Actor  string    // who demanded it, "" for the program
}

// stepUpKey is the value that holds a session's StepUp, so that it is as durable, as
// sealed and as soon known to every node as any value is. No [Key] has such a name.
const stepUpKey = "$step-up"

// A storedStepUp is the form of a StepUp in the store.
type storedStepUp struct {
	At     time.Time `json:"at"`
	Reason Reason    `json:"reason"`
	Actor  string    `json:"actor,omitempty"`
}

// StepUp demands a fresh proof of a session: until [Reauthenticate], or a sign-in with
// the session, [RequireRecent] and [CheckRecent] find no proof of it recent, also
// where any proof would do ([Never]). The next request on any node knows, and
// Session.StepUp tells; the last demand counts. The session goes on otherwise: what
// is not to be seen without the proof has to ask for it. A program's token
// ([TransportBearer]) cannot give a proof, and is refused such routes until it ends.
//
// Errors: [ErrNotFound]; [ErrEnded]; [ErrNoSession] if nobody is signed in with it;
// [ErrConflict] if a condition does not hold; [ErrTooLarge] if the session's values
// leave no room; [ErrUnavailable]; that of [Options.Before].
func (m *Manager) StepUp(ctx context.Context, id ID, s StepUp, conditions ...Condition) error {
	if s.Reason == "" {
		return errors.New("satra: StepUp: a proof is never demanded without a reason")
	}
	rec, err := m.store.Find(ctx, id, Fresh)
	switch {
	case err != nil:
		return err
	case !rec.Live(m.now()):
		return ErrEnded
	case rec.Principal == "":
		return fmt.Errorf("satra: StepUp: nobody is signed in: %w", ErrNoSession)
	}
	generation, err := meet(rec, conditions)
	if err != nil {
		return fmt.Errorf("satra: StepUp: %w", err)
	}
	act := Act{Kind: EventStepUp, Session: id, Principal: rec.Principal, Reason: s.Reason, Actor: s.Actor}
	if err := m.before(ctx, act); err != nil {
		return err
	}
	now := m.now()
	data, err := json.Marshal(storedStepUp{At: now, Reason: s.Reason, Actor: s.Actor})
	if err != nil {
		return fmt.Errorf("satra: StepUp: %w", err)
	}
	_, err = m.store.Apply(context.WithoutCancel(ctx), id, &Change{
		At: now, IfPrincipal: &rec.Principal, IfGeneration: generation, Set: []Value{{Key: stepUpKey, Data: data}},
	})
	if err != nil {
		return err
	}
	m.observe(ctx, inRequest(ctx, Event{
		Kind: EventStepUp, At: now, Session: id, Principal: rec.Principal, Reason: s.Reason, Actor: s.Actor,
	}))
	return nil
}

// A Condition keeps an act from being done where what it is about has changed since it
// was decided on: the act is an [ErrConflict] then. The zero value always holds.
type Condition struct{ unproven time.Time }

// UnlessProven leaves alone a session whose principal has proved who they are, by a
// sign-in or by [Reauthenticate], after that time: what looked wrong before has been
// answered by that. It also holds against a proof that comes while the act is being
// done. The time is one of [Manager.Now], as events have it.
func UnlessProven(after time.Time) Condition { return Condition{after} }

// meet reports whether the conditions hold, and for which generation of the record: nil
// if there are none.
func meet(r *Record, conditions []Condition) (*uint32, error) {
	var generation *uint32
	for _, c := range conditions {
		if c.unproven.IsZero() || r.Principal == "" {
			continue
		}
		if r.AuthAt.After(c.unproven) {
			return nil, fmt.Errorf("who is there was proved at %s: %w", r.AuthAt.Format(time.RFC3339), ErrConflict)
		}
		generation = &r.Generation
	}
	return generation, nil
}

// stepUp returns the proof that is demanded of the session, or nil. One that cannot
// be read is demanded all the same.
func (r *Record) stepUp() *StepUp {
	v, ok := r.Value(stepUpKey)
	if !ok {
		return nil
	}
	var stored storedStepUp
	if json.Unmarshal(v.Data, &stored) != nil {
		return &StepUp{At: r.AuthAt}
	}
	return &StepUp{At: stored.At, Reason: stored.Reason, Actor: stored.Actor}
}
