package sessionapi_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/sessionapi"
)

// A wire is a listener in memory: a real server on it, with its timeouts, runs by
// the clock of a bubble of testing/synctest.
type wire struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newWire() *wire { return &wire{conns: make(chan net.Conn), done: make(chan struct{})} }

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.once.Do(func() { close(w.done) }); return nil }
func (w *wire) Addr() net.Addr { return &net.UnixAddr{Name: "wire"} }

func (w *wire) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case w.conns <- server:
		return client, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

// A live server has the API and short timeouts.
type live struct {
	t         *testing.T
	m         *satra.Manager
	server    *http.Server
	transport *http.Transport
	stopped   func()
}

func serveLive(t *testing.T, o satra.Options, api *sessionapi.Options) *live {
	t.Helper()
	o.SweepEvery = satra.Never
	o.Visible = []satra.AnyKey{theme}
	m, err := satra.New(memstore.New(nil), &o)
	if err != nil {
		t.Fatal(err)
	}
	protection, err := csrf.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := sessionapi.New(m, protection, api)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(base+"/", h)
	for path, act := range map[string]func(context.Context) error{
		"/start": satra.Start, "/extend": satra.Extend, "/signout": satra.SignOut, "/signin": signIn("alice"),
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if err := act(r.Context()); err != nil {
				satra.WriteError(w, r, err)
			}
		})
	}
	w := newWire()
	l := &live{t: t, m: m, transport: &http.Transport{DialContext: w.dial}}
	l.server = &http.Server{Handler: m.Handler(mux), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, IdleTimeout: time.Hour}
	l.server.RegisterOnShutdown(func() { m.Close(context.Background()) })
	ended := make(chan error, 1)
	go func() { ended <- l.server.Serve(w) }()
	l.stopped = func() { <-ended }
	return l
}

// stop is what a program does at its end.
func (l *live) stop() {
	l.t.Helper()
	l.transport.CloseIdleConnections()
	began := time.Now()
	if err := l.server.Shutdown(context.Background()); err != nil {
		l.t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		l.t.Errorf("Shutdown took %v, want that it does not wait for streams", took)
	}
	l.stopped()
	if err := l.m.Close(context.Background()); err != nil {
		l.t.Errorf("Close: %v", err)
	}
	l.transport.CloseIdleConnections()
}

func (l *live) do(method, path, cookie string, header ...string) *http.Response {
	l.t.Helper()
	r := request(method, path, append(header, "Cookie: "+cookie)...)
	r.URL.Scheme, r.RequestURI = "http", ""
	resp, err := l.transport.RoundTrip(r)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp
}

// act makes a request and returns the cookie that stands afterwards.
func (l *live) act(path, cookie string) string {
	l.t.Helper()
	resp := l.do("POST", path, cookie)
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		l.t.Fatalf("%s: got %d", path, resp.StatusCode)
	}
	if set := resp.Cookies(); len(set) == 1 {
		return set[0].Name + "=" + set[0].Value
	}
	return cookie
}

// An event as a client reads it; a comment has no name.
type event struct {
	name, id, data string
	after          time.Duration // the opening
}

// A listener is a client with an open stream.
type listener struct {
	*http.Response
	t      *testing.T
	events chan event // closed at the end of the stream
	raw    strings.Builder
}

// listen opens a stream and reads it until it ends.
func (l *live) listen(cookie string, header ...string) *listener {
	l.t.Helper()
	opened := time.Now()
	s := &listener{t: l.t, Response: l.do("GET", base+"/events", cookie, header...), events: make(chan event, 10_000)}
	go func() {
		defer close(s.events)
		var e event
		lines := bufio.NewScanner(s.Body)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			s.raw.WriteString(lines.Text() + "\n")
			switch field {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				e.after = time.Since(opened)
				s.events <- e
				e = event{}
			}
		}
	}()
	synctest.Wait()
	return s
}

// next returns the next event, comments left out.
func (s *listener) next(name string) event {
	s.t.Helper()
	for e := range s.events {
		if e.name == name {
			return e
		}
		if e.name != "" {
			s.t.Fatalf("got the event %s %s, want %s", e.name, e.data, name)
		}
	}
	s.t.Fatalf("the stream ended, want the event %s", name)
	return event{}
}

// wantOver wants the end of the stream, and no more events.
func (s *listener) wantOver() {
	s.t.Helper()
	for e := range s.events {
		if e.name != "" {
			s.t.Errorf("got the event %s %s, want the end of the stream", e.name, e.data)
		}
	}
	s.Body.Close()
}
