package sessionapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/satratest"
	"github.com/satra-sessions/satra/sessionapi"
)

const base = "/api/session"

// theme is told to the client, secret is not.
var (
	theme  = satra.NewKey[string]("theme")
	secret = satra.NewKey[string]("secret")
)

// A store in memory that lists what it is asked, can be out of reach, and lets
// a test act behind the back of the request that has just found its session.
type store struct {
	satra.Store

	mu    sync.Mutex
	asked []string
	down  bool
	found func()
}

func (s *store) ask(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, what)
	if s.down {
		return satra.ErrUnavailable
	}
	return nil
}

// took returns what the store was asked since the last call.
func (s *store) took() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := strings.Join(s.asked, " ")
	s.asked = nil
	return asked
}

func (s *store) Create(ctx context.Context, r *satra.Record) error {
	if err := s.ask("create"); err != nil {
		return err
	}
	return s.Store.Create(ctx, r)
}

func (s *store) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	if err := s.ask("find"); err != nil {
		return nil, err
	}
	rec, err := s.Store.Find(ctx, id, f)
	if s.found != nil {
		s.found()
	}
	return rec, err
}

func (s *store) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	if err := s.ask("apply"); err != nil {
		return satra.Result{}, err
	}
	return s.Store.Apply(ctx, id, c)
}

// An app is the API inside a manager, with a clock of its own.
type app struct {
	t       testing.TB
	m       *satra.Manager
	p       *csrf.Protection
	store   *store
	clock   *satratest.Clock
	handler http.Handler
	events  []satra.Event
}

func newApp(t testing.TB, o satra.Options, protect *csrf.Options) *app {
	t.Helper()
	a := &app{t: t, clock: satratest.NewClock()}
	a.store = &store{Store: memstore.New(&memstore.Options{Now: a.clock.Now})}
	o.Now, o.SweepEvery, o.Visible = a.clock.Now, satra.Never, []satra.AnyKey{theme}
	o.Observers = append(o.Observers, func(_ context.Context, e satra.Event) { a.events = append(a.events, e) })
	var err error
	if a.m, err = satra.New(a.store, &o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.m.Close(context.Background()) })
	if a.p, err = csrf.New(protect); err != nil {
		t.Fatal(err)
	}
	api, err := sessionapi.New(a.m, a.p, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.handler = a.m.Handler(api)
	return a
}

// kinds lists the events since the last call.
func (a *app) kinds() string {
	var kinds []string
	for _, e := range a.events {
		kinds = append(kinds, string(e.Kind))
	}
	a.events = nil
	return strings.Join(kinds, " ")
}

// An answer of the API, whose envelope has been looked at.
type answer struct {
	*http.Response
	raw    string
	Status string `json:"status"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
	Msg    string `json:"message"`
	Token  string `json:"csrf_token"`
	Valid  *bool  `json:"valid"`
	Told   *told  `json:"session"`
}

// told is a session as a client reads it.
type told struct {
	ID         satra.ID        `json:"session_id"`
	Elapsed    int             `json:"elapsed_seconds"`
	Remaining  *int            `json:"remaining_seconds"`
	Active     bool            `json:"is_active"`
	UserData   json.RawMessage `json:"user_data"`
	Now        string          `json:"now"`
	ExpiresAt  *string         `json:"expires_at"`
	Absolute   *string         `json:"absolute_expires_at"`
	Extendable bool            `json:"extendable"`
	Principal  string          `json:"principal"`
}

// request comes from a page of the application itself, unless header says
// something else; header is "Name: value", and without a value none is sent.
func request(method, path string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "https://dash.example"+path, nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name = http.CanonicalHeaderKey(name); value == "" {
			delete(r.Header, name)
			continue
		}
		r.Header[name] = append([]string(nil), value)
	}
	return r
}

func withBody(r *http.Request, kind, body string) *http.Request {
	r.Header.Set("Content-Type", kind)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return r
}

// validating asks whether the token is right.
func validating(token string, header ...string) *http.Request {
	return withBody(request("POST", base+"/validate-csrf", header...), "application/json", `{"csrf_token":"`+token+`"}`)
}

// send returns the answer, after a look at what every answer must be.
func (a *app) send(r *http.Request) answer {
	a.t.Helper()
	w := httptest.NewRecorder()
	w.Header().Set("Cache-Control", "public, max-age=60") // as a handler outside may have chosen
	a.handler.ServeHTTP(w, r)
	got := answer{Response: w.Result(), raw: w.Body.String()}
	h := got.Header
	if h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		a.t.Errorf("%s %s: got headers %v, want JSON, no-store and nosniff", r.Method, r.URL.Path, h)
	}
	if r.Method == "HEAD" {
		if got.raw != "" {
			a.t.Errorf("HEAD %s: got the body %q, want none", r.URL.Path, got.raw)
		}
		return got
	}
	if err := json.Unmarshal([]byte(got.raw), &got); err != nil {
		a.t.Errorf("%s %s: got %q, want JSON: %v", r.Method, r.URL.Path, got.raw, err)
	}
	want := "success"
	if got.StatusCode >= 400 {
		want = "error"
	}
	if got.Status != want || (got.Code == "") != (want == "success") || want == "error" && got.Msg == "" {
		a.t.Errorf("%s %s: got %d with %s, want status %q, and of an error a code and a message", r.Method, r.URL.Path, got.StatusCode, got.raw, want)
	}
	return got
}

// cookie returns the header line that shows the cookie which the answer set.
func (a *app) cookie(h http.Header) string {
	a.t.Helper()
	lines := h["Set-Cookie"]
	if len(lines) != 1 {
		a.t.Fatalf("got Set-Cookie %q, want one", lines)
	}
	pair, _, _ := strings.Cut(lines[0], ";")
	return "Cookie: " + pair
}

// session begins one, and returns its cookie and its token.
func (a *app) session() (cookie, token string) {
	a.t.Helper()
	got := a.send(request("GET", base+"/csrf-token"))
	return a.cookie(got.Header), got.Token
}

// with does something to the session as a handler of the application would,
// and returns the cookie that stands afterwards.
func (a *app) with(cookie string, f func(context.Context) error) string {
	a.t.Helper()
	w := httptest.NewRecorder()
	a.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := f(r.Context()); err != nil {
			a.t.Errorf("with: %v", err)
		}
	})).ServeHTTP(w, request("POST", "/app", cookie))
	if len(w.Header()["Set-Cookie"]) == 0 {
		return cookie
	}
	return a.cookie(w.Header())
}

func signIn(principal string) func(context.Context) error {
	return func(ctx context.Context) error {
		attempt, err := satra.BeginSignIn(ctx, principal)
		if err != nil {
			return err
		}
		return attempt.Complete(ctx, "password")
	}
}

// id is the ID of the session that the cookie shows.
func (a *app) id(cookie string) (id satra.ID) {
	a.t.Helper()
	a.with(cookie, func(ctx context.Context) error {
		s, err := satra.From(ctx)
		id = s.ID
		return err
	})
	return id
}
