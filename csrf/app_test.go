package csrf_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
)

// A store in memory that can be out of reach, and counts what it is asked.
type store struct {
	satra.Store
	down  atomic.Bool
	finds atomic.Int64
}

func (s *store) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	s.finds.Add(1)
	if s.down.Load() {
		return nil, satra.ErrUnavailable
	}
	return s.Store.Find(ctx, id, f)
}

// An app is a manager, a protection and routes. POST /do and its like tell
// whether they had a session, and then sign out: that deletes the cookie of
// whoever may change it.
type app struct {
	t      testing.TB
	p      *csrf.Protection
	m      *satra.Manager
	store  *store
	mux    *http.ServeMux
	now    atomic.Pointer[time.Time]
	mu     sync.Mutex
	events []satra.Event
}

func newApp(t testing.TB, o csrf.Options) *app {
	t.Helper()
	a := &app{t: t, store: &store{Store: memstore.New(nil)}, mux: http.NewServeMux()}
	start := time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)
	a.now.Store(&start)
	m, err := satra.New(a.store, &satra.Options{
		SweepEvery: satra.Never,
		Now:        func() time.Time { return *a.now.Load() },
		Observers:  []func(context.Context, satra.Event){func(_ context.Context, e satra.Event) { a.note(e) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	if a.m = m; o.Observe == nil {
		o.Observe = func(_ *http.Request, e satra.Event) { a.note(e) }
	}
	if a.p, err = csrf.New(&o); err != nil {
		t.Fatal(err)
	}
	a.mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		err := satra.Start(r.Context())
		token := ""
		if err == nil {
			token, err = csrf.StableToken(r.Context())
		}
		if err != nil {
			satra.WriteError(w, r, err)
			return
		}
		fmt.Fprint(w, token)
	})
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		had := "no session"
		if _, err := satra.From(r.Context()); err == nil {
			had = "session"
		}
		satra.SignOut(r.Context())
		fmt.Fprint(w, had)
	})
	return a
}

func (a *app) note(e satra.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// took returns the events of refusals since the last call.
func (a *app) took() (refusals []satra.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.events {
		if e.Kind == satra.EventCSRFRejected || e.Kind == satra.EventCrossOrigin {
			refusals = append(refusals, e)
		}
	}
	a.events = nil
	return refusals
}

// all asks every unsafe request for the token; some only checks the origin, and
// leaves the token to the routes.
func (a *app) all() http.Handler  { return a.m.Handler(a.p.Handler(a.mux)) }
func (a *app) some() http.Handler { return a.p.CrossOrigin(a.m.Handler(a.mux)) }

// session begins one, and returns its cookie and its token.
func (a *app) session() (cookie, token string) {
	a.t.Helper()
	resp, body := send(a.m.Handler(a.mux), request("GET", "/token"))
	if resp.StatusCode != 200 || len(resp.Cookies()) != 1 {
		a.t.Fatalf("GET /token: got %d, cookies %q: %s", resp.StatusCode, resp.Header["Set-Cookie"], body)
	}
	c := resp.Cookies()[0]
	return c.Name + "=" + c.Value, body
}

// request comes to https://dash.example; header is "Name: value".
func request(method, path string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "https://dash.example"+path, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func send(h http.Handler, r *http.Request) (*http.Response, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	return resp, string(body)
}

// codeOf is the code of the problem in a JSON body, or "".
func codeOf(body string) string {
	_, rest, _ := strings.Cut(body, `"code":"`)
	code, _, _ := strings.Cut(rest, `"`)
	return code
}
