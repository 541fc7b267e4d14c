package satra

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// ErrBearer: the call sets a cookie, and the request came with a bearer token.
var ErrBearer = errors.New("satra: a request with a bearer token has no cookie to set")

// HasBearerToken reports whether the request carries a token of the form of
// ours in its Authorization header; inside [Manager.Handler], and [Options.Bearer]
// is off, it never does. Such a request has no session but the token's, whatever
// cookie comes, so that it needs no CSRF token: no site can make a browser send
// that header. One that carries a session's cookie as well is refused.
func HasBearerToken(r *http.Request) bool {
	if s := stateOf(r.Context()); s != nil {
		return s.hasBearer()
	}
	_, ok := bearerToken(r)
	return ok
}

// hasBearer reports whether the request's session is that of a bearer token.
func (s *state) hasBearer() bool {
	if !s.m.options.Bearer || len(s.r.Header["Authorization"]) == 0 {
		return false
	}
	_, ok := bearerToken(s.r)
	return ok
}

func bearerToken(r *http.Request) (p presented, ok bool) {
	lines := r.Header["Authorization"]
	if len(lines) != 1 {
		return presented{}, false
	}
	scheme, text, found := strings.Cut(lines[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return presented{}, false
	}
	id, secret, ok := parseToken(strings.TrimLeft(text, " "))
	return presented{id, secret}, ok
}

// lookBearer judges the bearer token.
func (s *state) lookBearer() {
	p, _ := bearerToken(s.r)
	s.bearer = true
	var shown [3]presented
	if presentedTokens(s.r, s.m.options.CookieName, &shown) > 0 {
		s.note(Event{Kind: EventAmbiguous, Detail: "a cookie and a bearer token"})
		s.fail(ErrAmbiguous)
		return
	}
	s.find(p)
}

// IssueToken completes a sign-in of a program instead of a browser: the token
// that it returns, 64 characters, is to be sent as "Authorization: Bearer …" and
// kept like a password. It has a session of its own, which counts, is listed and
// is ended like any other; the request's own session and cookie are left alone.
// If that one is the oldest and [Options.SessionLimit] is reached, it ends, and what it
// has not saved is dropped.
// The token is never renewed by age. The response that tells it is never cached, and
// must not have begun. [Options.Bearer] has to be on.
//
// Errors: those of [Attempt.Complete], save those of cookies.
func (a Attempt) IssueToken(ctx context.Context, method string) (string, error) {
	if a.principal == "" {
		panic("satra: IssueToken of an Attempt that BeginSignIn did not return")
	}
	s := mustState(ctx)
	if !s.m.options.Bearer {
		return "", errors.New("satra: IssueToken: Options.Bearer is off")
	}
	if err := s.m.before(ctx, Act{Kind: EventSignedIn, Principal: a.principal, Actor: a.principal, Client: ClientOf(s.r)}); err != nil {
		return "", err
	}
	s.lock()
	defer s.unlock()
	switch s.phase {
	case done:
		return "", ErrEnded
	case committed:
		return "", ErrCommitted // it may be on its way into somebody's cache
	}
	err := ErrEpoch
	var t token
	if s.m.now().Sub(a.begun) <= attemptLasts {
		t, err = s.issue(a, method)
	}
	if err != nil {
		s.note(Event{Kind: EventSignInRefused, Principal: a.principal, Err: err})
		return "", err
	}
	s.tells = true
	return t.cookieValue(), nil
}

// issue makes a record that is signed in and travels by bearer token.
func (s *state) issue(a Attempt, method string) (token, error) {
	rec := s.newRecord()
	rec.Transport = TransportBearer
	if err := s.m.store.Create(commitContext{s}, rec); err != nil {
		err = storeError(err)
		s.note(Event{Kind: EventStoreFailed, Detail: "create", Err: err})
		return token{}, err
	}
	t := newToken(rec.ID)
	c := s.signInChange(rec, s.binding(a, method, t))
	c.SignIn.Transport = TransportBearer
	result, err := s.m.store.Apply(commitContext{s}, rec.ID, c)
	s.noteLimit(result, a.principal)
	if err != nil {
		end := End{At: c.At, Reason: ReasonIncomplete}
		_, _ = s.m.store.Apply(commitContext{s}, rec.ID, &Change{At: c.At, End: &end})
		return token{}, storeError(err)
	}
	s.yield(result)
	s.note(Event{Kind: EventCreated, Session: rec.ID, Principal: a.principal})
	s.note(Event{Kind: EventSignedIn, Session: rec.ID, Principal: a.principal, Detail: method + ", bearer token"})
	return t, nil
}

// yield lets the response tell the token although the sign-in of the program has
// ended the request's own session, as the oldest.
func (s *state) yield(result Result) {
	for _, e := range result.Ended {
		if s.standing == live && e.ID == s.rec.ID {
			s.standing, s.end = over, &EndedError{Session: e.ID, End: e.End, Idle: s.rec.Idle}
			s.touch, s.writes, s.renew, s.firstShown = false, nil, renewNothing, nil
		}
	}
}
