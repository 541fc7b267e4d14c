package openapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/satratest"
	"github.com/satra-sessions/satra/sessionapi"
)

const base = "/api/session"

// A store in memory that can be out of reach, and loses its records after a
// change if it is told to.
type store struct {
	satra.Store
	down, losing, lost atomic.Bool
}

func (s *store) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	defer func() { s.lost.Store(s.losing.Load()) }()
	return s.Store.Apply(ctx, id, c)
}

func (s *store) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	if s.down.Load() {
		return nil, satra.ErrUnavailable
	}
	if s.lost.Load() {
		return nil, satra.ErrNotFound
	}
	return s.Store.Find(ctx, id, f)
}

// A world is a server with the API on it, and what happens to its sessions.
type world struct {
	t       *testing.T
	m       *satra.Manager
	store   *store
	clock   *satratest.Clock
	server  *httptest.Server
	log     *audit.Log
	holding atomic.Bool // a guard refuses to let anybody sign out
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, clock: satratest.NewClock()}
	w.store = &store{Store: memstore.New(&memstore.Options{Now: w.clock.Now})}
	keys, err := audit.NewRing(audit.NewKey())
	if err == nil {
		w.log, err = audit.Open(t.Context(), audit.NewMemory(0), &audit.Options{Keys: keys, Now: w.clock.Now})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.log.Close(context.Background()) })
	w.m, err = satra.New(w.store, &satra.Options{
		Now: w.clock.Now, SweepEvery: satra.Never, Visible: []satra.AnyKey{theme},
		Observers: []func(context.Context, satra.Event){w.log.Observe},
		Before: func(_ context.Context, act satra.Act) error {
			if w.holding.Load() && (act.Kind == satra.EventEnded || act.Kind == satra.EventEndedAll) {
				return &satra.Problem{Status: http.StatusLocked, Code: "ON_HOLD", Message: "Nobody signs out during the audit."}
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.m.Close(context.Background()) })
	protection, err := csrf.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	api, err := sessionapi.New(w.m, protection, &sessionapi.Options{History: w.log.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(w.m.Handler(api))
	t.Cleanup(w.server.Close)
	return w
}

var theme = satra.NewKey[string]("theme")

// with does something to the session of the cookie, "" for none, as a handler
// of the application would, and returns the cookie that stands afterwards.
func (w *world) with(cookie string, f func(context.Context) error) string {
	w.t.Helper()
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/app", nil)
	r.Header.Set("Cookie", cookie)
	w.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := f(r.Context()); err != nil {
			w.t.Errorf("with: %v", err)
		}
	})).ServeHTTP(rec, r)
	if set := rec.Result().Cookies(); len(set) == 1 {
		return set[0].Name + "=" + set[0].Value
	}
	return cookie
}

// session begins one, and returns its cookie and its token.
func (w *world) session() (cookie, token string) {
	w.t.Helper()
	cookie = w.with("", satra.Start)
	w.with(cookie, func(ctx context.Context) (err error) {
		token, err = csrf.StableToken(ctx)
		return err
	})
	return cookie, token
}

// signedIn begins one that is signed in.
func (w *world) signedIn() (cookie, token string) {
	w.t.Helper()
	cookie = w.with("", signIn)
	w.with(cookie, func(ctx context.Context) (err error) {
		token, err = csrf.StableToken(ctx)
		return err
	})
	return cookie, token
}

// id is the ID of the session that the cookie shows.
func (w *world) id(cookie string) (id string) {
	w.t.Helper()
	w.with(cookie, func(ctx context.Context) error {
		s, err := satra.From(ctx)
		id = s.ID.String()
		return err
	})
	return id
}

// ended begins a session and lets it end for that reason.
func (w *world) ended(why satra.Reason) (cookie, token string) {
	w.t.Helper()
	cookie, token = w.session()
	switch why {
	case satra.ReasonIdle:
		w.clock.Advance(time.Hour)
	case satra.ReasonLifetime:
		for range 13 {
			w.with(cookie, satra.Extend)
			w.clock.Advance(56 * time.Minute)
		}
	default:
		w.with(cookie, func(ctx context.Context) error {
			s, err := satra.From(ctx)
			if err != nil {
				return err
			}
			return w.m.End(context.Background(), s.ID, satra.End{Reason: why})
		})
	}
	return cookie, token
}

func signIn(ctx context.Context) error {
	attempt, err := satra.BeginSignIn(ctx, "alice")
	if err != nil {
		return err
	}
	return attempt.Complete(ctx, "password")
}

// An answer as it came over the connection.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request from a page of the application itself, unless header says
// something else; header is "Name: value".
func (w *world) ask(method, path, body string, header ...string) answer {
	w.t.Helper()
	return w.read(w.send(method, path, body, header...))
}

func (w *world) send(method, path, body string, header ...string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequest(method, w.server.URL+base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp
}

// read reads a body to its end, and of a stream the first event.
func (w *world) read(resp *http.Response) answer {
	w.t.Helper()
	defer resp.Body.Close()
	if s := w.listener(resp); resp.Header.Get("Content-Type") == "text/event-stream" {
		for s.event() {
			if strings.Contains(s.text.String(), "event: ") {
				break
			}
		}
		return answer{resp.StatusCode, resp.Header, s.text.String()}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// A listener reads a stream.
type listener struct {
	*http.Response
	t     *testing.T
	lines *bufio.Scanner
	text  strings.Builder
}

func (w *world) listener(resp *http.Response) *listener {
	return &listener{Response: resp, t: w.t, lines: bufio.NewScanner(resp.Body)}
}

func (w *world) listen(cookie string) *listener {
	w.t.Helper()
	return w.listener(w.send("GET", "/events", "", "Cookie: "+cookie))
}

// event reads to the end of the next event or comment, if there is one.
func (s *listener) event() bool {
	for s.lines.Scan() {
		s.text.WriteString(s.lines.Text() + "\n")
		if s.lines.Text() == "" {
			return true
		}
	}
	return false
}

// until reads on until an event of that name has come, which is before the first
// heartbeat.
func (s *listener) until(name string) {
	s.t.Helper()
	for !strings.Contains(s.text.String(), "event: "+name+"\n") {
		if !s.event() || s.lines.Err() != nil || strings.HasSuffix(s.text.String(), "\n:\n\n") {
			s.t.Fatalf("there is no event %s: %s", name, s.text.String())
		}
	}
}

// answer reads to the end of the stream.
func (s *listener) answer() answer {
	for s.event() {
	}
	s.close()
	return answer{s.StatusCode, s.Header, s.text.String()}
}

func (s *listener) close() { s.Body.Close() }

// breakOff sends half of a body, and no more.
func (w *world) breakOff(path string) answer {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", base, path)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		w.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.read(resp)
}

// decode reads the one JSON value that a body is.
func decode(body string) (v any, err error) {
	dec := json.NewDecoder(strings.NewReader(body))
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more behind the value: %v", err)
	}
	return v, nil
}
