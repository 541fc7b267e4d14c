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
// [ErrTooLarge] if the session's values leave no room; [ErrUnavailable]; that of
// [Options.Before].
func (m *Manager) StepUp(ctx context.Context, id ID, s StepUp) error {
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
		At: now, IfPrincipal: &rec.Principal, Set: []Value{{Key: stepUpKey, Data: data}},
	})
	if err != nil {
		return err
	}
	m.observe(ctx, inRequest(ctx, Event{
		Kind: EventStepUp, At: now, Session: id, Principal: rec.Principal, Reason: s.Reason, Actor: s.Actor,
	}))
	return nil
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
