package redisstore

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// An application with the store: a request with what cookies there are.
type application struct {
	*testing.T
	http.Handler
	cookie string
}

func newApplication(t *testing.T, s *Store) *application {
	t.Helper()
	m, err := satra.New(s, &satra.Options{SweepEvery: satra.Never})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { m.Close(context.WithoutCancel(t.Context())) })
	mux := http.NewServeMux()
	on := func(path string, f func(context.Context) error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if err := f(r.Context()); err != nil {
				satra.WriteError(w, r, err)
			}
		})
	}
	on("/in", func(ctx context.Context) error {
		attempt, err := satra.BeginSignIn(ctx, "alice")
		if err != nil {
			return err
		}
		return attempt.Complete(ctx, "test")
	})
	on("/out", satra.SignOut)
	on("/extend", satra.Extend)
	mux.Handle("/page", satra.FromCache(satra.RequireSignIn(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))))
	return &application{T: t, Handler: m.Handler(mux)}
}

// want requests a path, and keeps the cookie that comes.
func (a *application) want(path string, status int) {
	a.Helper()
	r := httptest.NewRequest("GET", "https://dash.example"+path, nil)
	if a.cookie != "" {
		r.Header.Set("Cookie", a.cookie)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 {
			a.cookie = c.Name + "=" + c.Value
		}
	}
	if w.Code != status {
		a.Errorf("%s: got status %d, want %d", path, w.Code, status)
	}
}

func TestARouteIsServedFromTheCache(t *testing.T) {
	line := testserver.StartRedis(t, false).Line()
	k := newCacheKit(t, line.URL(), Options{})
	here, there := newApplication(t, k.Store), newApplication(t, k.node().Store)
	here.want("/page", 401)
	here.want("/in", 200)
	here.want("/page", 200)
	before := line.Commands()
	for range 100 {
		here.want("/page", 200)
	}
	if n := line.Commands() - before; n != 0 {
		t.Errorf("100 pages took %d commands", n)
	}
	there.cookie = here.cookie
	there.want("/out", 200)
	k.heard()
	here.want("/page", 401)
	here.want("/extend", 401)

	here.cookie = ""
	here.want("/in", 200)
	here.want("/page", 200)
	k.deaf(true)
	here.want("/in", 200) // another secret
	here.want("/page", 200)
	former := here.cookie
	here.want("/out", 200)
	here.cookie = former
	here.want("/page", 401)
}
