package satra

import (
	"context"
	"net/http"
	"time"
)

// Handler gives each request its session. It asks no store for it: the first
// use does, once. A request inside an inner manager's Handler has that one's
// session.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &state{Context: r.Context(), m: m}
		if m.options.RenewAfter != Never {
			s.came = m.now() // before a body that takes its time
		}
		s.w.state, s.w.under = s, w
		s.r = r.WithContext(s)
		returned := false
		defer func() { s.finish(returned) }()
		next.ServeHTTP(s.w.view(), s.r)
		returned = true
	})
}

// EnsureSession begins a session for a request that has none, as [Start] does,
// and answers with Start's error if it cannot.
func EnsureSession(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := Start(r.Context()); err != nil {
			WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// RequireSession answers 401 unless the request has a session. That is not
// authentication: see [RequireSignIn].
func RequireSession(next http.Handler) http.Handler {
	return require(next, func(*Manager, Session) error { return nil })
}

// RequireSignIn answers 401 unless somebody is signed in.
func RequireSignIn(next http.Handler) http.Handler { return require(next, signedIn) }

func signedIn(_ *Manager, s Session) error {
	if s.Principal == "" {
		return &Problem{Status: http.StatusUnauthorized, Code: CodeSignInRequired, Message: "Please sign in."}
	}
	return nil
}

func require(next http.Handler, check func(*Manager, Session) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := From(r.Context())
		if err == nil {
			err = check(mustState(r.Context()).m, s)
		}
		if err != nil {
			WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Background declares a route that nobody's presence can be read from: its
// requests never put off the idle timeout. It belongs inside [Manager.Handler].
func Background(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mustState(r.Context()).setBackground()
		next.ServeHTTP(w, r)
	})
}

type stateKey struct{}

// Value makes the state its own request's context value: one allocation
// instead of two.
func (s *state) Value(key any) any {
	if key == (stateKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// A commitContext is the request's context without its cancellation: what a
// request has begun to save is saved, also if its client has gone. The store
// owns the deadline.
type commitContext struct{ *state }

func (commitContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (commitContext) Done() <-chan struct{}       { return nil }
func (commitContext) Err() error                  { return nil }

func stateOf(ctx context.Context) *state {
	s, _ := ctx.Value(stateKey{}).(*state)
	return s
}

// mustState panics outside Handler: that is a bug in how the program is put
// together, and no request could ever work.
func mustState(ctx context.Context) *state {
	s := stateOf(ctx)
	if s == nil {
		panic("satra: the context is not of a request inside Manager.Handler")
	}
	return s
}
