package satra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Session returns a session by its ID, for an administrator. One that is over
// has Ended set until it is swept; then it is an [ErrNotFound].
func (m *Manager) Session(ctx context.Context, id ID) (Session, error) {
	rec, err := m.store.Find(ctx, id, Fresh)
	if err != nil {
		return Session{}, err
	}
	return rec.session(m.now()), nil
}

// Sessions returns a page of sessions in the order of their IDs, and the ID
// after which the next page begins: zero if this was the last. A page that is not
// the last may be short, or empty, where few of many sessions are asked for. Query.At
// is set by the manager; Query.Limit is 100 unless it is between 1 and 1000.
func (m *Manager) Sessions(ctx context.Context, q Query) ([]Session, ID, error) {
	q.At = m.now()
	if q.Limit < 1 || q.Limit > 1000 {
		q.Limit = 100
	}
	page, err := m.store.List(ctx, q)
	if err != nil {
		return nil, ID{}, err
	}
	sessions := make([]Session, len(page.Records))
	for i, rec := range page.Records {
		sessions[i] = rec.session(q.At)
	}
	return sessions, page.Next, nil
}

// End ends a session for whatever reason the administrator gives; e.At is set
// by the manager. [ErrNotFound] and [ErrEnded] tell that there was nothing to
// end, [ErrConflict] that a condition does not hold.
func (m *Manager) End(ctx context.Context, id ID, e End, conditions ...Condition) error {
	rec, err := m.store.Find(ctx, id, Fresh) // whose it is: an end tells
	if err != nil {
		return err
	}
	generation, err := meet(rec, conditions)
	if err != nil {
		return fmt.Errorf("satra: End: %w", err)
	}
	act := Act{Kind: EventEnded, Session: id, Principal: rec.Principal, Reason: e.Reason, Actor: e.Actor}
	return m.end(ctx, act, Change{IfGeneration: generation})
}

// EndAll ends all sessions of the principal except one (the zero ID: none),
// and every sign-in of the principal that is under way. It returns how many
// sessions it ended.
func (m *Manager) EndAll(ctx context.Context, principal string, except ID, e End) (int, error) {
	if principal == "" {
		return 0, errors.New("satra: EndAll: no principal; EndEverybody ends all sessions there are")
	}
	return m.endAll(ctx, Act{Kind: EventEndedAll, Principal: principal, Reason: e.Reason, Actor: e.Actor},
		Ending{Principal: principal, Except: except})
}

// EndEverybody ends every session there is, and every sign-in under way.
func (m *Manager) EndEverybody(ctx context.Context, e End) (int, error) {
	return m.endAll(ctx, Act{Kind: EventEndedAll, Reason: e.Reason, Actor: e.Actor}, Ending{Everybody: true})
}

// Disable ends all sessions of the principal and refuses it new ones until
// [Manager.Enable].
func (m *Manager) Disable(ctx context.Context, principal, actor string) (int, error) {
	return m.endAll(ctx, Act{Kind: EventEndedAll, Principal: principal, Reason: ReasonDisabled, Actor: actor},
		Ending{Principal: principal, Access: AccessDeny})
}

// Enable lets a disabled principal sign in again.
func (m *Manager) Enable(ctx context.Context, principal, actor string) error {
	_, err := m.endAll(ctx, Act{Kind: EventEndedAll, Principal: principal, Reason: ReasonAdministrator, Actor: actor},
		Ending{Principal: principal, Access: AccessAllow})
	return err
}

// end carries out an act on one session, if it meets the conditions of c.
func (m *Manager) end(ctx context.Context, act Act, c Change) error {
	if act.Reason == "" {
		return errors.New("satra: End: a session is never ended without a reason")
	}
	if err := m.before(ctx, act); err != nil {
		return err
	}
	now := m.now()
	end := End{At: now, Reason: act.Reason, Actor: act.Actor}
	c.At, c.End = now, &end
	_, err := m.store.Apply(context.WithoutCancel(ctx), act.Session, &c)
	if c.IfPrincipal != nil && (errors.Is(err, ErrConflict) || errors.Is(err, ErrEnded)) {
		return ErrNotFound // another's, or over: the same answer as for none
	}
	if err != nil {
		return err
	}
	m.observe(ctx, inRequest(ctx, Event{
		Kind: EventEnded, At: now, Session: act.Session, Principal: act.Principal,
		Reason: act.Reason, Actor: act.Actor, Client: act.Client,
	}))
	return nil
}

// endAll carries out an act on many sessions.
func (m *Manager) endAll(ctx context.Context, act Act, e Ending) (int, error) {
	if act.Reason == "" {
		return 0, errors.New("satra: EndAll: sessions are never ended without a reason")
	}
	if err := m.before(ctx, act); err != nil {
		return 0, err
	}
	e.At = m.now()
	e.End = End{At: e.At, Reason: act.Reason, Actor: act.Actor}
	ended, err := m.store.EndAll(context.WithoutCancel(ctx), e)
	for _, x := range ended {
		m.observe(ctx, inRequest(ctx, Event{
			Kind: EventEnded, At: e.At, Session: x.ID, Principal: act.Principal,
			Reason: x.End.Reason, Actor: x.End.Actor, Client: act.Client,
		}))
	}
	if err != nil {
		return len(ended), fmt.Errorf("satra: ending sessions: %w", err)
	}
	m.observe(ctx, inRequest(ctx, Event{
		Kind: EventEndedAll, At: e.At, Principal: act.Principal, Reason: act.Reason, Actor: act.Actor,
		Client: act.Client, Detail: fmt.Sprintf("%d sessions", len(ended)),
	}))
	return len(ended), nil
}

// VisibleValues returns the values that [Options.Visible] tells the client, as
// JSON by key; those that cannot be read are left out.
func VisibleValues(ctx context.Context) (map[string]json.RawMessage, error) {
	s := mustState(ctx)
	s.lock()
	defer s.unlock()
	values := map[string]json.RawMessage{}
	for name := range s.m.visible {
		v, err := s.value(name)
		if err != nil {
			return nil, err
		}
		if v.Data == nil {
			continue
		}
		if !json.Valid(v.Data) {
			s.note(Event{Kind: EventUnreadable, Detail: "key " + name})
			continue
		}
		values[name] = json.RawMessage(bytes.Clone(v.Data)) // the store keeps the others
	}
	return values, nil
}
