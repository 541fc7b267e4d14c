package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	gorillacsrf "github.com/gorilla/csrf"
	"github.com/gorilla/sessions"
	"github.com/justinas/nosurf"
	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	satramem "github.com/satra-sessions/satra/memstore"
)

// A subject is one package: handlers by what they do with the session.
type subject struct {
	name                string
	start               http.Handler // begins a session with a value
	ignore, read, write http.Handler
	cookie              string // name of its cookie
	stores              *atomic.Int64
}

var value = satra.NewKey[string]("value")

const text = "ten bytes!"

func quiet(http.ResponseWriter, *http.Request) {}

func satraSubject(tb testing.TB) subject {
	stores := new(atomic.Int64)
	m, err := satra.New(countingSatra{Store: satramem.New(nil), n: stores}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close(tb.Context()) })
	on := func(f http.HandlerFunc) http.Handler { return m.Handler(f) }
	set := func(w http.ResponseWriter, r *http.Request) { must(value.Set(r.Context(), text)) }
	return subject{
		name: "satra", cookie: m.CookieName(), stores: stores,
		start: on(set), ignore: on(quiet), write: on(set),
		read: on(func(w http.ResponseWriter, r *http.Request) {
			got, err := value.Get(r.Context())
			must(err)
			use(got)
		}),
	}
}

// countingSatra counts the writes that reach the store.
type countingSatra struct {
	satra.Store
	n *atomic.Int64
}

func (c countingSatra) Apply(ctx context.Context, id satra.ID, change *satra.Change) (satra.Result, error) {
	c.n.Add(1)
	return c.Store.Apply(ctx, id, change)
}

func scsSubject(idle time.Duration) subject {
	m := scs.New()
	m.IdleTimeout = idle
	stores := new(atomic.Int64)
	m.Store = countingSCS{memstore.New(), stores}
	on := func(f http.HandlerFunc) http.Handler { return m.LoadAndSave(f) }
	set := func(w http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "value", text) }
	name := "scs"
	if idle > 0 {
		name = "scs, idle timeout"
	}
	return subject{
		name: name, cookie: m.Cookie.Name, stores: stores,
		start: on(set), ignore: on(quiet), write: on(set),
		read: on(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Value", m.GetString(r.Context(), "value"))
		}),
	}
}

type countingSCS struct {
	scs.Store
	n *atomic.Int64
}

func (c countingSCS) Commit(token string, b []byte, expiry time.Time) error {
	c.n.Add(1)
	return c.Store.Commit(token, b, expiry)
}

func gorillaSubject() subject {
	store := sessions.NewCookieStore([]byte(strings.Repeat("k", 32)))
	on := func(f http.HandlerFunc) http.Handler { return f }
	set := func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "gorilla")
		must(err)
		s.Values["value"] = text
		must(s.Save(r, w))
	}
	return subject{
		name: "gorilla/sessions (cookie)", cookie: "gorilla",
		start: on(set), ignore: on(quiet), write: on(set),
		read: on(func(w http.ResponseWriter, r *http.Request) {
			s, err := store.Get(r, "gorilla")
			must(err)
			use(s.Values["value"].(string))
		}),
	}
}

func subjects(tb testing.TB) []subject {
	return []subject{satraSubject(tb), scsSubject(0), gorillaSubject()}
}

// use makes sure that the value was read.
func use(got string) {
	if got != text {
		panic("got " + got)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// begin returns a request that carries the cookie of a session with a value.
func (s subject) begin(tb testing.TB) *http.Request {
	w := httptest.NewRecorder()
	s.start.ServeHTTP(w, newRequest("GET", ""))
	for _, c := range w.Result().Cookies() {
		if c.Name == s.cookie {
			return newRequest("GET", c.Name+"="+c.Value)
		}
	}
	tb.Fatalf("%s set no cookie: %v", s.name, w.Result().Header)
	return nil
}

func newRequest(method, cookie string) *http.Request {
	r := httptest.NewRequest(method, "https://dash.example/", nil)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return r
}

// A sink is a ResponseWriter that keeps its header map and the status.
type sink struct {
	h      http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

// run serves the same request again and again.
func run(b *testing.B, h http.Handler, r *http.Request) {
	b.ReportAllocs()
	w := &sink{h: http.Header{}}
	original := *r
	began := cpuTime()
	for b.Loop() {
		clear(w.h)
		*r = original // gorilla/sessions keeps what it knows of a session in the request
		h.ServeHTTP(w, r)
	}
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "cpu-ns/op")
}

func BenchmarkIgnore(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) { run(b, s.ignore, s.begin(b)) })
	}
}

func BenchmarkRead(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) { run(b, s.read, s.begin(b)) })
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) { run(b, s.write, s.begin(b)) })
	}
}

func BenchmarkNoCookie(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) { run(b, s.ignore, newRequest("GET", "")) })
	}
}

func BenchmarkJunkCookie(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			run(b, s.ignore, newRequest("GET", s.cookie+"="+strings.Repeat("junk!", 20)))
		})
	}
}

// BenchmarkHundredReads reports how many writes a store gets for 100 reads
// within a minute, as writes/100.
func BenchmarkHundredReads(b *testing.B) {
	for _, s := range []subject{satraSubject(b), scsSubject(time.Hour)} {
		b.Run(s.name, func(b *testing.B) {
			r := s.begin(b)
			s.stores.Store(0)
			w := &sink{h: http.Header{}}
			reads := 0
			for b.Loop() {
				for range 100 {
					clear(w.h)
					s.read.ServeHTTP(w, r)
				}
				reads += 100
			}
			b.ReportMetric(float64(s.stores.Load())/float64(reads/100), "writes/100")
		})
	}
}

// BenchmarkCSRF is a POST whose token is checked; Satra reads the session for
// it, the others read none.
func BenchmarkCSRF(b *testing.B) {
	b.Run("satra", func(b *testing.B) {
		m, err := satra.New(satramem.New(nil), nil)
		must(err)
		b.Cleanup(func() { m.Close(b.Context()) })
		p, err := csrf.New(nil)
		must(err)
		w := httptest.NewRecorder()
		var token string
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			must(satra.Start(r.Context()))
			token, err = csrf.StableToken(r.Context())
			must(err)
		})).ServeHTTP(w, newRequest("GET", ""))
		c := w.Result().Cookies()[0]
		r := newRequest("POST", c.Name+"="+c.Value)
		r.Header.Set("X-CSRF-Token", token)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		expect(b, m.Handler(p.Handler(http.HandlerFunc(passed))), r)
		run(b, m.Handler(p.Handler(http.HandlerFunc(quiet))), r)
	})
	b.Run("gorilla/csrf", func(b *testing.B) {
		var token string
		protect := gorillacsrf.Protect([]byte(strings.Repeat("k", 32)))
		w := httptest.NewRecorder()
		protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { token = gorillacsrf.Token(r) })).ServeHTTP(w, newRequest("GET", ""))
		c := w.Result().Cookies()[0]
		r := newRequest("POST", c.Name+"="+c.Value)
		r.Header.Set("X-CSRF-Token", token)
		r.Header.Set("Referer", "https://dash.example/")
		expect(b, protect(http.HandlerFunc(passed)), r)
		run(b, protect(http.HandlerFunc(quiet)), r)
	})
	b.Run("nosurf", func(b *testing.B) {
		var token string
		w := httptest.NewRecorder()
		nosurf.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { token = nosurf.Token(r) })).ServeHTTP(w, newRequest("GET", ""))
		c := w.Result().Cookies()[0]
		r := newRequest("POST", c.Name+"="+c.Value)
		r.Header.Set("X-CSRF-Token", token)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", "https://dash.example")
		expect(b, nosurf.New(http.HandlerFunc(passed)), r)
		run(b, nosurf.New(http.HandlerFunc(quiet)), r)
	})
	b.Run("http.CrossOriginProtection", func(b *testing.B) {
		r := newRequest("POST", "")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		expect(b, http.NewCrossOriginProtection().Handler(http.HandlerFunc(passed)), r)
		run(b, http.NewCrossOriginProtection().Handler(http.HandlerFunc(quiet)), r)
	})
}

func passed(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "passed") }

// expect makes sure that a benchmark measures what passes, and not a refusal.
func expect(b *testing.B, h http.Handler, r *http.Request) {
	b.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(r.Context()))
	if w.Body.String() != "passed" {
		b.Fatalf("got %d %s, want it to pass", w.Code, w.Body)
	}
}
