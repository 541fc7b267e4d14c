package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	satramem "github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/ratelimit"
	"github.com/satra-sessions/satra/seal"
)

// BenchmarkOptions measures what each option of a manager, and each package that
// goes around it, adds to a request that reads or sets one value of a session
// which is signed in. The first line is what they add to; an option that is off
// is not there at all.
func BenchmarkOptions(b *testing.B) {
	limiter, err := ratelimit.New(nil, nil)
	must(err)
	end, err := satra.ParseDailyEnd("06:00 Asia/Kolkata")
	must(err)
	ring, err := audit.NewRing(audit.NewKey())
	must(err)
	log, err := audit.Open(b.Context(), audit.NewMemory(1<<20), &audit.Options{Keys: ring})
	must(err)
	b.Cleanup(func() { log.Close(context.Background()) })
	for _, o := range []struct {
		name    string
		options satra.Options
		seal    bool
		around  func(http.Handler) http.Handler
	}{
		{name: "none"},
		{name: "RenewAfter", options: satra.Options{RenewAfter: 30 * time.Minute}},
		{name: "DailyEnd", options: satra.Options{DailyEnd: end}},
		{name: "Bearer", options: satra.Options{Bearer: true}},
		{name: "RequireSignIn", around: satra.RequireSignIn},
		{name: "RequireRecent", around: satra.RequireRecent(time.Hour)},
		{name: "ratelimit", around: limiter.PerSession("bench", ratelimit.Limit{Count: 1e7, Per: 100 * time.Second})},
		{name: "audit", options: satra.Options{Observers: []func(context.Context, satra.Event){log.Observe}, Before: log.Before}},
		{name: "seal", seal: true},
	} {
		b.Run(o.name, func(b *testing.B) {
			store := satra.Store(satramem.New(nil))
			if o.seal {
				store = sealedStore(b, store)
			}
			m, err := satra.New(store, &o.options)
			must(err)
			b.Cleanup(func() { m.Close(b.Context()) })
			serve := func(f http.HandlerFunc) http.Handler {
				if o.around == nil {
					return m.Handler(f)
				}
				return m.Handler(o.around(f))
			}
			cookie := signedInCookie(m)
			b.Run("read", func(b *testing.B) {
				run(b, serve(func(w http.ResponseWriter, r *http.Request) {
					got, err := value.Get(r.Context())
					must(err)
					use(got)
				}), newRequest("GET", cookie))
			})
			b.Run("write", func(b *testing.B) {
				run(b, serve(func(w http.ResponseWriter, r *http.Request) { must(value.Set(r.Context(), text)) }), newRequest("POST", cookie))
			})
		})
	}
}

// signedInCookie signs somebody in and sets the value.
func signedInCookie(m *satra.Manager) string {
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		must(err)
		must(attempt.Complete(r.Context(), "password"))
		must(value.Set(r.Context(), text))
	})).ServeHTTP(w, httptest.NewRequest("POST", "https://dash.example/", nil))
	c := w.Result().Cookies()[0]
	return c.Name + "=" + c.Value
}

func sealedStore(b *testing.B, store satra.Store) satra.Store {
	path := filepath.Join(b.TempDir(), "keys.json")
	_, err := seal.AddKey(path, time.Now(), 0)
	must(err)
	ring, err := seal.Open(b.Context(), seal.File(path), nil)
	must(err)
	b.Cleanup(ring.Close)
	sealed, err := seal.New(store, ring, nil)
	must(err)
	return sealed
}
