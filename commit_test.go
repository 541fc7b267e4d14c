package satra_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// ways are the ways in which the first byte of a response can leave.
var ways = map[string]func(w http.ResponseWriter) error{
	"return":      func(w http.ResponseWriter) error { return nil },
	"Write":       func(w http.ResponseWriter) error { _, err := w.Write([]byte("body")); return err },
	"WriteString": func(w http.ResponseWriter) error { _, err := io.WriteString(w, "body"); return err },
	"WriteHeader": func(w http.ResponseWriter) error { w.WriteHeader(200); return nil },
	"Flush":       func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil },
	"Controller":  func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	"Copy":        func(w http.ResponseWriter) error { _, err := io.Copy(w, strings.NewReader("body")); return err },
	"early hints": func(w http.ResponseWriter) error { w.WriteHeader(103); _, err := io.WriteString(w, "body"); return err },
}

func TestEveryWayOutCommitsOnce(t *testing.T) {
	for name, way := range ways {
		a := routes(newApp(t, satra.Options{}))
		a.on("/out", func(w http.ResponseWriter, r *http.Request) error {
			if err := theme.Set(r.Context(), "dark"); err != nil {
				return err
			}
			if err := way(w); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
		server := httptest.NewServer(a.server)
		resp, err := http.Get(server.URL + "/out")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(resp.Cookies()) != 1 {
			t.Errorf("%s: got cookies %q, want one", name, resp.Header["Set-Cookie"])
		}
		if got := a.store.took(); got != "create" {
			t.Errorf("%s: got commands %q, want one create", name, got)
		}
		if v, _ := a.store.only(t).Value("theme"); string(v.Data) != `"dark"` {
			t.Errorf("%s: got value %s", name, v.Data)
		}
		server.Close()
	}
}

func TestHijackCommits(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	cookie := b.get("/start").Cookies()[0]
	a.on("/hijack", func(w http.ResponseWriter, r *http.Request) error {
		if err := theme.Set(r.Context(), "dark"); err != nil {
			return err
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return err
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return conn.Close()
	})
	server := httptest.NewServer(a.server)
	defer server.Close()
	req, _ := http.NewRequest("GET", server.URL+"/hijack", nil)
	req.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
	if _, err := http.DefaultClient.Do(req); err != nil {
		t.Fatal(err)
	}
	if v, _ := a.store.only(t).Value("theme"); string(v.Data) != `"dark"` {
		t.Errorf("got value %q, want it saved before the connection was taken over", v.Data)
	}
}

func TestAWriterHasTheAbilitiesOfTheOneBelow(t *testing.T) {
	a := newApp(t, satra.Options{})
	a.on("/", func(w http.ResponseWriter, r *http.Request) error {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		w.Header().Set("X-Abilities", fmt.Sprint(flusher, hijacker))
		return nil
	})
	type plain struct{ http.ResponseWriter }
	type wrapped struct{ hidden }
	for name, test := range map[string]struct {
		w    http.ResponseWriter
		want string
	}{
		"a recorder":          {httptest.NewRecorder(), "true false"},
		"nothing":             {plain{httptest.NewRecorder()}, "false false"},
		"behind Unwrap":       {wrapped{hidden{httptest.NewRecorder()}}, "true false"},
		"a flusher that errs": {errFlusher{plain{httptest.NewRecorder()}}, "true false"},
	} {
		a.server.ServeHTTP(test.w, httptest.NewRequest("GET", "/", nil))
		if got := test.w.Header().Get("X-Abilities"); got != test.want {
			t.Errorf("%s: got flusher, hijacker %s; want %s", name, got, test.want)
		}
	}
}

type hidden struct{ under http.ResponseWriter }

func (h hidden) Header() http.Header         { return h.under.Header() }
func (h hidden) Write(p []byte) (int, error) { return h.under.Write(p) }
func (h hidden) WriteHeader(status int)      { h.under.WriteHeader(status) }
func (h hidden) Unwrap() http.ResponseWriter { return h.under }

type errFlusher struct{ http.ResponseWriter }

func (errFlusher) FlushError() error { return nil }

func TestAFailedCommitSendsNothingOfTheHandler(t *testing.T) {
	down := errors.New("connection refused at db.internal")
	for name, way := range ways {
		a := routes(newApp(t, satra.Options{}))
		var later error
		a.on("/out", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("X-Handler", "yes")
			w.Header().Set("Content-Length", "4")
			w.Header().Set("ETag", `"x"`)
			if err := theme.Set(r.Context(), "dark"); err != nil {
				return err
			}
			way(w)
			_, later = w.Write([]byte("secret body"))
			return nil
		})
		a.store.failing(func(command string) error {
			if command == "create" {
				return down
			}
			return nil
		})
		outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Outer", "kept")
			a.server.ServeHTTP(w, r)
		})
		server := httptest.NewServer(outer)
		resp, err := http.Get(server.URL + "/out")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, h := bodyOf(resp), resp.Header
		if resp.StatusCode != 503 || h.Get("Cache-Control") != "no-store" || h.Get("Retry-After") == "" || !strings.Contains(body, "STORE_UNAVAILABLE") {
			t.Errorf("%s: got %d %v %q, want 503 with no-store", name, resp.StatusCode, h, body)
		}
		if strings.Contains(body, "secret body") || strings.Contains(body, "db.internal") || h.Get("X-Handler") != "" || h.Get("ETag") != "" {
			t.Errorf("%s: something of the handler was sent: %v %q", name, h, body)
		}
		if h.Get("X-Outer") != "kept" || h["Set-Cookie"] != nil {
			t.Errorf("%s: got %v, want the headers as they were on entry and no cookie", name, h)
		}
		if later == nil {
			t.Errorf("%s: a later write of the handler: got no error", name)
		}
		server.Close()
	}
}

func TestAStoreErrorThatTheHandlerOverlooksFailsTheResponse(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/careless", func(w http.ResponseWriter, r *http.Request) error {
		theme.Get(r.Context())
		io.WriteString(w, "as if there were no session")
		return nil
	})
	b := a.browser()
	b.get("/start")
	a.store.failing(func(string) error { return satra.ErrUnavailable })
	resp := b.get("/careless")
	if body := bodyOf(resp); resp.StatusCode != 503 || strings.Contains(body, "as if") || resp.Header["Set-Cookie"] != nil {
		t.Errorf("got %d %q %q, want one 503 and the cookie kept", resp.StatusCode, body, resp.Header["Set-Cookie"])
	}
	wantStatus(t, b.get("/me"), 503)
	a.store.failing(nil)
	wantStatus(t, b.get("/me"), 200)
}

func TestAFailedTouchFailsNothing(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	a.clock.advance(2 * 60e9)
	a.store.failing(func(command string) error {
		if command == "touch" {
			return satra.ErrUnavailable
		}
		return nil
	})
	a.kinds()
	wantStatus(t, b.get("/me"), 200)
	if got := a.kinds(); got != "store_failed" {
		t.Errorf("got events %q, want store_failed", got)
	}
}

func TestAPanicSavesNothingThatWaits(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/panic", func(w http.ResponseWriter, r *http.Request) error {
		theme.Set(r.Context(), "dark")
		panic("x")
	})
	a.on("/panic-after-update", func(w http.ResponseWriter, r *http.Request) error {
		visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil })
		panic("x")
	})
	recovering := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not go on")
			}
			w.WriteHeader(500)
		}()
		a.server.ServeHTTP(w, r)
	})
	w := httptest.NewRecorder()
	recovering.ServeHTTP(w, httptest.NewRequest("GET", "/panic", nil))
	if len(a.store.records) != 0 || w.Header()["Set-Cookie"] != nil {
		t.Errorf("got %d records and %q, want nothing saved and no cookie", len(a.store.records), w.Header()["Set-Cookie"])
	}
	w = httptest.NewRecorder()
	recovering.ServeHTTP(w, httptest.NewRequest("GET", "/panic-after-update", nil))
	if len(w.Result().Cookies()) != 1 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %v, want the cookie of the session that was created, with no-store", w.Header())
	}
}

func TestTheCookieOfWhatHasActedIsSentWithTheFailure(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/act", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil }); err != nil {
			return err
		}
		a.store.failing(func(string) error { return satra.ErrUnavailable })
		return theme.Set(r.Context(), "dark")
	})
	resp := a.browser().get("/act")
	if resp.StatusCode != 503 || len(resp.Cookies()) != 1 {
		t.Errorf("got %d with %q, want 503 with the cookie", resp.StatusCode, resp.Header["Set-Cookie"])
	}
}

func TestAfterTheFirstByte(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/late", func(w http.ResponseWriter, r *http.Request) error {
		io.WriteString(w, "first")
		if err := theme.Set(r.Context(), "dark"); err != nil {
			t.Errorf("Set after the first byte: %v", err)
		}
		if got, err := theme.Get(r.Context()); got != "dark" || err != nil {
			t.Errorf("Get after the Set: got %q, %v", got, err)
		}
		if n, err := visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil }); n != 1 || err != nil {
			t.Errorf("Update after the first byte: got %d, %v", n, err)
		}
		if err := satra.Reauthenticate(r.Context(), "x"); !errors.Is(err, satra.ErrNoSession) {
			t.Errorf("Reauthenticate of a guest: got %v", err)
		}
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		if err == nil {
			err = attempt.Complete(r.Context(), "test")
		}
		if !errors.Is(err, satra.ErrCommitted) {
			t.Errorf("a sign-in after the first byte: got %v, want ErrCommitted", err)
		}
		a.store.failing(func(string) error { return satra.ErrUnavailable })
		if err := theme.Delete(r.Context()); !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("Delete with the store down: got %v, want its error", err)
		}
		a.store.failing(nil)
		return nil
	})
	a.on("/late-start", func(w http.ResponseWriter, r *http.Request) error {
		io.WriteString(w, "first")
		if err := satra.Start(r.Context()); !errors.Is(err, satra.ErrCommitted) {
			t.Errorf("Start after the first byte: got %v, want ErrCommitted", err)
		}
		return nil
	})
	b := a.browser()
	b.get("/late-start")
	b.get("/start")
	wantStatus(t, b.get("/late"), 200)
	if v, _ := a.store.only(t).Value("theme"); string(v.Data) != `"dark"` {
		t.Errorf("got theme %s", v.Data)
	}
}

func TestTheCommitSurvivesAClientThatWentAway(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	ctx, cancel := context.WithCancel(context.Background())
	a.on("/gone", func(w http.ResponseWriter, r *http.Request) error {
		err := theme.Set(r.Context(), "dark")
		cancel()
		return err
	})
	b.do(b.request("GET", "/gone").WithContext(ctx))
	if v, _ := a.store.only(t).Value("theme"); string(v.Data) != `"dark"` {
		t.Errorf("got theme %q, want it saved", v.Data)
	}
}

func TestAnUnreadableValueIsKept(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	rec := a.store.only(t)
	next, err := rec.With(&satra.Change{At: a.clock.Now(), Set: []satra.Value{{Key: "visits", Data: []byte("\x01sealed")}}})
	if err != nil {
		t.Fatal(err)
	}
	a.store.records[rec.ID] = next
	var got error
	a.on("/read", func(w http.ResponseWriter, r *http.Request) error {
		_, got = visits.Get(r.Context())
		return theme.Set(r.Context(), "dark")
	})
	wantStatus(t, b.get("/read"), 200)
	if !errors.Is(got, satra.ErrUnreadable) || !strings.Contains(a.kinds(), "value_unreadable") {
		t.Errorf("got %v, want ErrUnreadable and its event", got)
	}
	if v, _ := a.store.only(t).Value("visits"); string(v.Data) != "\x01sealed" {
		t.Errorf("got %q, want the value as it was", v.Data)
	}
	wantStatus(t, b.get("/visit"), 500)
	if v, _ := a.store.only(t).Value("visits"); string(v.Data) != "\x01sealed" {
		t.Errorf("after Update: got %q, want the value as it was", v.Data)
	}
}

func TestAllocations(t *testing.T) {
	a := newApp(t, satra.Options{})
	quiet := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	reading := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { theme.Get(r.Context()) })
	value := "__Host-satra=" + strings.Repeat("Q", 63) + "!"
	for _, test := range []struct {
		name    string
		handler http.Handler
		cookie  string
		want    float64
	}{
		{"a route that ignores its session", quiet, value, 2},
		{"no cookie", reading, "", 2},
		{"a junk cookie", reading, value, 2},
	} {
		h := a.m.Handler(test.handler)
		r := httptest.NewRequest("GET", "/", nil)
		if test.cookie != "" {
			r.Header.Set("Cookie", test.cookie)
		}
		w := &nullWriter{h: http.Header{}}
		got := testing.AllocsPerRun(100, func() { clear(w.h); h.ServeHTTP(w, r) })
		if got > test.want && !raceEnabled {
			t.Errorf("%s: got %v allocations, want at most %v", test.name, got, test.want)
		}
	}
	if got := a.store.took(); got != "" {
		t.Errorf("the store was asked: %s", got)
	}
}

type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)             {}

// A page that is written bit by bit tells the end as it is after the touch.
func TestTheEndIsTheSameBeforeAndAfterTheFirstByte(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/ends", func(w http.ResponseWriter, r *http.Request) error {
		before, err := satra.From(r.Context())
		if err != nil {
			return err
		}
		io.WriteString(w, "first")
		after, err := satra.From(r.Context())
		if !after.ExpiresAt.Equal(before.ExpiresAt) || before.Remaining() != time.Hour {
			t.Errorf("got %v and then %v", before.ExpiresAt, after.ExpiresAt)
		}
		return err
	})
	b := a.browser()
	b.get("/start")
	a.clock.advance(50 * time.Minute)
	wantStatus(t, b.get("/ends"), 200)
}
