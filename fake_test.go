package satra_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// A fakeStore keeps records by the meaning of a Change and nothing else. It
// counts commands and fails where a test asks it to.
type fakeStore struct {
	satra.UnimplementedStore
	mu       sync.Mutex
	records  map[satra.ID]*satra.Record
	epochs   map[string]satra.Epoch
	disabled map[string]bool
	commands []string // "find", "create", "touch", "apply", …
	fail     func(command string) error
	features satra.Features
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		records: map[satra.ID]*satra.Record{}, epochs: map[string]satra.Epoch{}, disabled: map[string]bool{},
		features: satra.Features{Name: "fake"},
	}
}

func (f *fakeStore) Features() satra.Features { return f.features }

func (f *fakeStore) begin(ctx context.Context, command string) error {
	f.commands = append(f.commands, command)
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.fail != nil {
		return f.fail(command)
	}
	return nil
}

func (f *fakeStore) failing(on func(command string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = on
}

// took returns the commands since the last call.
func (f *fakeStore) took() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.commands, " ")
	f.commands = nil
	return s
}

func (f *fakeStore) Create(ctx context.Context, r *satra.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(ctx, "create"); err != nil {
		return err
	}
	if f.records[r.ID] != nil {
		return satra.ErrExists
	}
	f.records[r.ID] = r
	return nil
}

func (f *fakeStore) Find(ctx context.Context, id satra.ID, _ satra.Freshness) (*satra.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(ctx, "find"); err != nil {
		return nil, err
	}
	if f.records[id] == nil {
		return nil, satra.ErrNotFound
	}
	return f.records[id], nil
}

func (f *fakeStore) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(ctx, commandOf(c)); err != nil {
		return satra.Result{}, err
	}
	rec := f.records[id]
	if rec == nil {
		return satra.Result{}, satra.ErrNotFound
	}
	if b := c.SignIn; b != nil && !b.Again {
		switch {
		case f.disabled[b.Principal]:
			return satra.Result{}, satra.ErrDisabled
		case f.epochs[b.Principal] != b.Epoch:
			return satra.Result{}, satra.ErrEpoch
		}
	}
	next, err := rec.With(c)
	if err != nil {
		return satra.Result{Record: rec}, err
	}
	var result satra.Result
	if c.SignIn != nil && !c.SignIn.Again {
		if result.Ended, err = f.limit(id, c); err != nil {
			return result, err
		}
	}
	f.records[id] = next
	if c.Return || c.Refused != nil && next.Ended != nil {
		result.Record = next
	}
	return result, nil
}

// limit makes room for one more session of a principal.
func (f *fakeStore) limit(id satra.ID, c *satra.Change) (ended []satra.Ended, err error) {
	b := c.SignIn
	for {
		var oldest *satra.Record
		others := 0
		for _, r := range f.records {
			if r.ID == id || r.Principal != b.Principal || !r.Live(c.At) {
				continue
			}
			if others++; oldest == nil || r.Begun.Before(oldest.Begun) {
				oldest = r
			}
		}
		switch {
		case b.Limit == 0 || others < b.Limit:
			return ended, nil
		case !b.EndOldest:
			return nil, satra.ErrLimit
		}
		if f.records[oldest.ID], err = oldest.With(&satra.Change{At: c.At, End: &b.LimitEnd}); err != nil {
			return ended, err
		}
		ended = append(ended, satra.Ended{ID: oldest.ID, End: b.LimitEnd})
	}
}

func commandOf(c *satra.Change) string {
	switch {
	case c.SignIn != nil:
		return "signin"
	case c.End != nil:
		return "end"
	case c.Renew != nil:
		return "renew"
	case c.Refused != nil:
		return "refuse"
	case len(c.Set)+len(c.Delete) > 0:
		return "set"
	}
	return "touch"
}

func (f *fakeStore) EndAll(ctx context.Context, e satra.Ending) ([]satra.Ended, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(ctx, "endall"); err != nil {
		return nil, err
	}
	f.epochs[e.Principal] = satra.Epoch{Own: f.epochs[e.Principal].Own + 1}
	if e.Access != satra.AccessKeep {
		f.disabled[e.Principal] = e.Access == satra.AccessDeny
	}
	var ended []satra.Ended
	for id, rec := range f.records {
		if id == e.Except || !e.Everybody && rec.Principal != e.Principal {
			continue
		}
		if next, err := rec.With(&satra.Change{At: e.At, End: &e.End}); err == nil {
			f.records[id] = next
			ended = append(ended, satra.Ended{ID: id, End: e.End})
		}
	}
	return ended, nil
}

func (f *fakeStore) Principal(ctx context.Context, principal string) (satra.PrincipalState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(ctx, "principal"); err != nil {
		return satra.PrincipalState{}, err
	}
	return satra.PrincipalState{Epoch: f.epochs[principal], Disabled: f.disabled[principal]}, nil
}

func (f *fakeStore) Sweep(context.Context, time.Time, int) (int, error) { return 0, nil }

// only returns the one record there is.
func (f *fakeStore) only(t *testing.T) *satra.Record {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.records) != 1 {
		t.Fatalf("got %d records, want 1", len(f.records))
	}
	for _, r := range f.records {
		return r
	}
	return nil
}

// A clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// An app is a manager with handlers by path, and browsers that visit it.
type app struct {
	t      *testing.T
	m      *satra.Manager
	store  *fakeStore
	clock  *clock
	mux    *http.ServeMux
	server http.Handler // what a browser reaches: the mux in the manager's Handler
	mu     sync.Mutex
	events []satra.Event
}

func newApp(t *testing.T, o satra.Options) *app {
	t.Helper()
	a := &app{t: t, store: newFakeStore(), clock: newClock(), mux: http.NewServeMux()}
	o.Now = a.clock.Now
	o.SweepEvery = satra.Never
	o.Observers = append(o.Observers, func(_ context.Context, e satra.Event) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.events = append(a.events, e)
	})
	m, err := satra.New(a.store, &o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	a.m, a.server = m, m.Handler(a.mux)
	return a
}

// kinds lists the kinds of the events since the last call.
func (a *app) kinds() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var kinds []string
	for _, e := range a.events {
		kinds = append(kinds, string(e.Kind))
	}
	a.events = nil
	return strings.Join(kinds, " ")
}

// on adds a route whose error is answered by WriteError.
func (a *app) on(pattern string, f func(http.ResponseWriter, *http.Request) error) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			satra.WriteError(w, r, err)
		}
	})
}

// A browser keeps cookies, over HTTPS.
type browser struct {
	a   *app
	jar *cookiejar.Jar
}

func (a *app) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return &browser{a: a, jar: jar}
}

// request makes a request with this browser's cookies; header is "Name: value".
func (b *browser) request(method, path string, header ...string) *http.Request {
	r := httptest.NewRequest(method, "https://dash.example"+path, nil)
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func (b *browser) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	b.a.server.ServeHTTP(w, r)
	resp := w.Result()
	b.jar.SetCookies(r.URL, resp.Cookies())
	return resp
}

func (b *browser) get(path string, header ...string) *http.Response {
	return b.do(b.request("GET", path, header...))
}

func (b *browser) post(path string, header ...string) *http.Response {
	return b.do(b.request("POST", path, header...))
}

// copy returns a browser with the same cookies: another tab's request under
// way, or a thief.
func (b *browser) copy() *browser {
	c := b.a.browser()
	u := b.request("GET", "/").URL
	c.jar.SetCookies(u, b.jar.Cookies(u))
	// A jar gives back names and values only; __Host- needs what it was set with.
	return c
}

func wantStatus(t *testing.T, resp *http.Response, want int) {
	t.Helper()
	if resp.StatusCode != want {
		t.Fatalf("got status %d, want %d; body %q", resp.StatusCode, want, bodyOf(resp))
	}
}

func bodyOf(resp *http.Response) string {
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}
