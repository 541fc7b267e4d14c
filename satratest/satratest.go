// Package satratest helps to test programs that use Satra: a manager on a store
// in memory with a clock of the test's own, and requests that have a session or
// somebody signed in, in one line.
//
//	app := satratest.New(t, nil)
//	handler := app.Handler(mux)
//	w := httptest.NewRecorder()
//	handler.ServeHTTP(w, app.SignedIn(httptest.NewRequest("GET", "/account", nil), "alice"))
//
// It goes the way that a program goes, through the public API of package satra,
// so nothing is possible in a test that is not possible in the program.
package satratest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// An App is a manager with its store and its clock.
type App struct {
	*satra.Manager
	Store *memstore.Store
	Clock *Clock

	t testing.TB
}

// New returns a manager with the options, nil for the defaults, that is closed
// with the test. Options.Now is the app's clock unless it is set. Nothing is
// swept unless SweepEvery is set.
func New(t testing.TB, o *satra.Options) *App {
	t.Helper()
	var options satra.Options
	if o != nil {
		options = *o
	}
	clock := NewClock()
	if options.Now == nil {
		options.Now = clock.Now
	}
	if options.SweepEvery == 0 {
		options.SweepEvery = satra.Never
	}
	store := memstore.New(&memstore.Options{Now: options.Now})
	m, err := satra.New(store, &options)
	if err != nil {
		t.Fatalf("satratest: %v", err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	return &App{Manager: m, Store: store, Clock: clock, t: t}
}

// SignedIn gives the request the cookie of a new session in which the principal
// is signed in, and returns it.
func (a *App) SignedIn(r *http.Request, principal string) *http.Request {
	a.t.Helper()
	return a.With(r, func(ctx context.Context) error {
		attempt, err := satra.BeginSignIn(ctx, principal)
		if err != nil {
			return err
		}
		return attempt.Complete(ctx, "satratest")
	})
}

// Started gives the request the cookie of a new anonymous session, and returns
// it.
func (a *App) Started(r *http.Request) *http.Request {
	a.t.Helper()
	return a.With(r, satra.Start)
}

// With carries out what f does to a session, in a request of its own that has
// the cookies of r, and gives r the cookie that came of it. Use it to set values
// before the request that is tested. An error of f fails the test.
func (a *App) With(r *http.Request, f func(ctx context.Context) error) *http.Request {
	a.t.Helper()
	var failed error
	own := httptest.NewRequest(http.MethodGet, r.URL.String(), nil)
	own.Header["Cookie"] = r.Header["Cookie"]
	w := httptest.NewRecorder()
	a.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failed = f(r.Context()); failed != nil {
			satra.WriteError(w, r, failed)
		}
	})).ServeHTTP(w, own)
	if failed != nil || w.Code >= 400 {
		a.t.Fatalf("satratest: %d %s (%v)", w.Code, w.Body, failed)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == a.CookieName() {
			replaceCookie(r, c)
		}
	}
	return r
}

// replaceCookie sets the cookie of that name; one that is deleted is left out.
func replaceCookie(r *http.Request, c *http.Cookie) {
	others := r.Cookies()
	r.Header.Del("Cookie")
	for _, other := range others {
		if other.Name != c.Name {
			r.AddCookie(other)
		}
	}
	if c.MaxAge >= 0 {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
}

// A Clock stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows a Tuesday morning in Mumbai.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, time.January, 6, 4, 0, 0, 0, time.UTC)}
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
