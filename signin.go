package satra

import (
	"context"
	"errors"
	"strings"
	"time"
)

// maxPrincipal bounds a principal's length, in bytes.
const maxPrincipal = 1024

// An Attempt is a sign-in that began before the credentials were checked. It
// knows the principal's epoch of that moment, so that a sign-in which overlaps
// with "end all my sessions" is refused.
//
// An attempt lasts an hour at most; a store need not remember epochs for ever.
type Attempt struct {
	principal string
	epoch     Epoch
	begun     time.Time
	remember  bool
}

const attemptLasts = time.Hour

// BeginSignIn begins the sign-in of a principal: an opaque name of 1 to 1024
// bytes. It is called before the credentials are checked.
//
// Errors: [ErrDisabled], which a page should not tell apart from a wrong
// password; a 400 [Problem] for a name of another length; [ErrUnavailable].
func BeginSignIn(ctx context.Context, principal string) (Attempt, error) {
	s := mustState(ctx)
	if principal == "" || len(principal) > maxPrincipal {
		return Attempt{}, &Problem{Status: 400, Code: CodeBadRequest, Message: "The name is missing or too long."}
	}
	principal = strings.Clone(principal) // it may be a part of a long request
	state, err := s.m.store.Principal(ctx, principal)
	if err != nil {
		return Attempt{}, storeError(err)
	}
	if state.Disabled {
		s.observe(Event{Kind: EventSignInRefused, Principal: principal, Err: ErrDisabled})
		return Attempt{}, ErrDisabled
	}
	return Attempt{principal: principal, epoch: state.Epoch, begun: s.m.now()}, nil
}

// Remembered returns the attempt as one of a person who asked to be remembered:
// the cookie survives the end of the browser, and the session has the idle
// timeout and lifetime of [Options.RememberIdle] and [Options.RememberLifetime].
// Such a session is weaker: for [RequireRecent] a proof is recent no longer than
// Options.IdleTimeout, whatever it asks for.
func (a Attempt) Remembered() Attempt {
	a.remember = true
	return a
}

// Complete signs the principal in, at once, after the application has checked
// the credentials. method says how, for the record. The session gets a new
// token and new CSRF tokens, and every older one is dead. An anonymous session
// keeps its ID and the values of [Options.Surviving]; the session of another
// principal is ended after the new one stands; without a session, or with one
// that is over, it begins one.
//
// Errors: [ErrEpoch] if all sessions of the principal were ended meanwhile, or
// more than an hour has passed;
// [ErrDisabled], [ErrLimit], [ErrElsewhere], [ErrBearer], [ErrCommitted],
// [ErrUnavailable], and that of [Options.Before].
func (a Attempt) Complete(ctx context.Context, method string) error {
	if a.principal == "" {
		panic("satra: Complete of an Attempt that BeginSignIn did not return")
	}
	s := mustState(ctx)
	act := Act{Kind: EventSignedIn, Principal: a.principal, Actor: a.principal, Client: ClientOf(s.r)}
	if err := s.m.before(ctx, act); err != nil {
		return err
	}
	s.lock()
	defer s.unlock()
	if err := s.load(); err != nil && !errors.Is(err, ErrRetry) && !isEnded(err) {
		return err
	}
	if err := s.mayIssue(); err != nil {
		return err
	}
	err := ErrEpoch
	if s.m.now().Sub(a.begun) <= attemptLasts {
		err = s.signIn(a, method)
	}
	if err != nil {
		s.note(Event{Kind: EventSignInRefused, Principal: a.principal, Err: err})
	}
	return err
}

// signIn binds the request's record, or a new one, to the principal.
func (s *state) signIn(a Attempt, method string) error {
	sticky := s.sticky
	if s.standing == live && !s.fresh && (s.rec.Principal == "" || s.rec.Principal == a.principal) {
		err := s.bind(a, method)
		if !errors.Is(err, ErrRetry) && !isEnded(err) && !errors.Is(err, ErrNoSession) {
			return err
		}
		// Another request has signed in with this record, or ended it: this
		// one gets a record of its own.
		s.sticky = sticky
	}
	var former *Record
	if s.standing == live && s.rec.Principal != "" && s.rec.Principal != a.principal {
		former = s.rec
	}
	if err := s.signInAnew(a, method); err != nil {
		return err
	}
	if former != nil {
		s.endReplaced(former)
	}
	return nil
}

// signInAnew binds a record that nobody has seen before. If that is refused,
// the record goes, and the request stays with what it had.
func (s *state) signInAnew(a Attempt, method string) error {
	standing, rec, end, fresh, touch, writes, cookie := s.standing, s.rec, s.end, s.fresh, s.touch, s.writes, s.cookie
	if s.standing != live || !s.fresh {
		if s.standing == live && s.rec.Principal != "" {
			s.writes = nil // they were meant for the other principal
		}
		if err := s.begin(); err != nil {
			return err
		}
	}
	waiting := s.writes
	s.writes = nil
	err := s.create()
	if err == nil {
		s.writes = waiting
		if err = s.bind(a, method); err != nil {
			s.abandon()
		}
	}
	if err != nil {
		s.standing, s.rec, s.end, s.fresh, s.touch, s.writes, s.cookie = standing, rec, end, fresh, touch, writes, cookie
		if fresh { // its ID is used up: the session that had begun begins again
			if again := s.begin(); again != nil {
				return again
			}
		}
	}
	return err
}

// bind applies the sign-in to s.rec, which the store has.
func (s *state) bind(a Attempt, method string) error {
	t := newToken(s.rec.ID)
	return s.rebind(t, s.binding(a, method, t), EventSignedIn)
}

// binding is the sign-in of an attempt.
func (s *state) binding(a Attempt, method string, t token) *Binding {
	b := &Binding{
		Principal: a.principal, Method: method, Epoch: a.epoch,
		Secret: t.hash(), Seed: newSeed(), Keep: s.m.survivingNames, Persistent: a.remember,
	}
	if limit := s.m.options.SessionLimit; limit != Unlimited {
		b.Limit, b.EndOldest = limit, s.m.options.AtLimit == EndOldest
		b.LimitEnd = End{At: s.m.now(), Reason: ReasonLimit, Actor: a.principal}
	}
	return b
}

// signInChange is a sign-in or a fresh proof, with the limits in time that the
// session has from then on.
func (s *state) signInChange(rec *Record, b *Binding) *Change {
	idle, lifetime := s.m.options.IdleTimeout, s.m.options.Lifetime
	if b.Persistent {
		idle, lifetime = s.m.options.RememberIdle, s.m.options.RememberLifetime
	}
	now := s.m.now()
	c := &Change{At: now, SignIn: b, Return: true, NotAfter: s.m.options.DailyEnd.Next(now)}
	if d := deviceOf(s.r); d != rec.LastDevice { // whoever proves who they are is who uses it
		c.Seen, c.Device = now, &d
	}
	if rec.Idle != idle {
		c.Idle = idle
	}
	if rec.Lifetime != lifetime {
		c.Lifetime = lifetime
	}
	if rec.stepUp() != nil { // one that is demanded meanwhile is not given by this proof
		c.Delete = []string{stepUpKey}
	}
	return c
}

// rebind applies a sign-in or a fresh proof to s.rec.
func (s *state) rebind(t token, b *Binding, kind Kind) error {
	result, err := s.apply(s.signInChange(s.rec, b))
	s.noteLimit(result, b.Principal)
	if err != nil {
		return err
	}
	s.cookie = s.m.setCookie(t, s.rec)
	s.m.streams.signedIn(s.rec)
	s.note(Event{Kind: kind, Detail: b.Method})
	return nil
}

// noteLimit reports the sessions that a sign-in has ended.
func (s *state) noteLimit(result Result, principal string) {
	for _, ended := range result.Ended {
		s.note(Event{Kind: EventEnded, Session: ended.ID, Principal: principal, Reason: ended.End.Reason, Actor: ended.End.Actor})
	}
}

// abandon ends the record of a sign-in that was refused. If that fails, the
// record is left to expire: nobody has its secret.
func (s *state) abandon() {
	if s.rec == nil {
		return
	}
	now := s.m.now()
	end := End{At: now, Reason: ReasonIncomplete}
	_, _ = s.m.store.Apply(commitContext{s}, s.rec.ID, &Change{At: now, End: &end})
}

// endReplaced ends the session of the principal who was here before.
func (s *state) endReplaced(former *Record) {
	now := s.m.now()
	end := End{At: now, Reason: ReasonReplaced, Actor: s.rec.Principal}
	_, err := s.m.store.Apply(commitContext{s}, former.ID, &Change{At: now, End: &end})
	switch {
	case err == nil:
		s.note(Event{Kind: EventEnded, Session: former.ID, Principal: former.Principal, Reason: ReasonReplaced, Actor: s.rec.Principal})
	case !errors.Is(err, ErrEnded) && !errors.Is(err, ErrNotFound):
		s.sticky = storeError(err)
		s.note(Event{Kind: EventStoreFailed, Detail: "end of the replaced session", Err: err})
	}
}

// Reauthenticate notes that the signed-in principal has proved again who they
// are: a new token, new CSRF tokens, and a lifetime that begins anew. All
// values stay.
//
// Errors: [ErrNoSession] unless somebody is signed in, [EndedError],
// [ErrRetry], [ErrElsewhere], [ErrBearer], [ErrCommitted], [ErrUnavailable], and
// that of [Options.Before].
func Reauthenticate(ctx context.Context, method string) error {
	s := mustState(ctx)
	act, err := s.ownAct(EventReauthenticated, "")
	if err != nil {
		return err
	}
	if act.Principal == "" {
		return ErrNoSession
	}
	if err := s.m.before(ctx, act); err != nil {
		return err
	}
	s.lock()
	defer s.unlock()
	if err := s.settled(); err != nil {
		return err
	}
	if err := s.mayIssue(); err != nil {
		return err
	}
	if s.rec.ID != act.Session || s.rec.Principal != act.Principal {
		return ErrRetry // somebody else has signed in since the guard was asked
	}
	t := newToken(s.rec.ID)
	return s.rebind(t, &Binding{
		Principal: s.rec.Principal, Method: method, Again: true,
		Secret: t.hash(), Seed: newSeed(), Persistent: s.rec.Persistent, Transport: s.rec.Transport,
	}, EventReauthenticated)
}
