package ratelimit

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// site is an application whose /do is bounded, and whose /start begins a
// session.
func site(t *testing.T, l *Limiter, limit Limit) http.Handler {
	t.Helper()
	m, err := satra.New(memstore.New(nil), &satra.Options{SweepEvery: satra.Never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(t.Context()) })
	mux := http.NewServeMux()
	mux.Handle("/start", satra.EnsureSession(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	mux.Handle("/do", l.PerSession("do", limit)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	mux.Handle("/address", l.Limit("address", limit, Address)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	return m.Handler(mux)
}

func do(h http.Handler, path, addr, cookie string) *http.Response {
	r := httptest.NewRequest("GET", "https://dash.example"+path, nil)
	r.RemoteAddr = addr
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func begin(h http.Handler) string {
	c := do(h, "/start", "192.0.2.7:1", "").Cookies()[0]
	return c.Name + "=" + c.Value
}

func TestTooOftenIs429(t *testing.T) {
	l, c := newLimiter(t, nil, Options{})
	h := site(t, l, PerMinute(2))
	resp := do(h, "/address", "192.0.2.7:1", "")
	if got := resp.Header.Get("RateLimit-Policy") + " " + resp.Header.Get("RateLimit"); got != `"address";q=2;w=60 "address";r=1;t=30` {
		t.Errorf("got headers %s", got)
	}
	do(h, "/address", "192.0.2.7:2", "")
	c.advance(time.Second)
	resp = do(h, "/address", "192.0.2.7:3", "")
	var envelope struct{ Status, Code, Message string }
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "29" ||
		envelope.Status != "error" || envelope.Code != "RATE_LIMITED" || envelope.Message == "" {
		t.Errorf("got %d, Retry-After %s, %+v, %v", resp.StatusCode, resp.Header.Get("Retry-After"), envelope, err)
	}
	if resp := do(h, "/address", "192.0.2.8:1", ""); resp.StatusCode != 200 {
		t.Errorf("another address: got %d", resp.StatusCode)
	}
	if resp := do(h, "/address", "unknown", ""); resp.StatusCode != 200 || resp.Header.Get("RateLimit") != "" {
		t.Errorf("an address that is not known: got %d", resp.StatusCode)
	}
	do(h, "/address", "[2001:db8::1]:1", "")
	do(h, "/address", "[2001:db8::2]:1", "")
	if resp := do(h, "/address", "[2001:db8::ffff]:1", ""); resp.StatusCode != 429 {
		t.Errorf("the third of one /64: got %d, want 429", resp.StatusCode)
	}
}

// TestOthersBehindAnAddressKeepNobodyOut floods from a carrier's address, with
// and without a session.
func TestOthersBehindAnAddressKeepNobodyOut(t *testing.T) {
	l, _ := newLimiter(t, nil, Options{})
	h := site(t, l, PerMinute(3))
	honest, flood := begin(h), begin(h)
	for i := range 100 {
		if resp := do(h, "/do", "192.0.2.7:1", ""); (resp.StatusCode == 200) != (i < 30) {
			t.Fatalf("the %d. without a session: got %d; want ten times the limit", i+1, resp.StatusCode)
		}
		if resp := do(h, "/do", "192.0.2.7:1", flood); (resp.StatusCode == 200) != (i < 3) {
			t.Fatalf("the %d. of one session: got %d", i+1, resp.StatusCode)
		}
	}
	if resp := do(h, "/do", "192.0.2.7:1", honest); resp.StatusCode != 200 {
		t.Errorf("an honest session behind the same address: got %d", resp.StatusCode)
	}
}

// TestWhoHangsUpIsCounted holds a client that goes away, so that its session
// cannot be asked for.
func TestWhoHangsUpIsCounted(t *testing.T) {
	l, _ := newLimiter(t, nil, Options{})
	h := site(t, l, PerMinute(1))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	allowed := 0
	for range 50 {
		r := httptest.NewRequest("GET", "https://dash.example/do", nil).WithContext(gone)
		r.Header.Set("Cookie", "__Host-satra="+strings.Repeat("B", 64))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Retry-After") == "" || w.Code != 429 {
			allowed++
		}
	}
	if allowed != 10 {
		t.Errorf("%d of 50 requests were let through, want 10", allowed)
	}
}

func TestAHandlerWithoutALimitPanics(t *testing.T) {
	l, _ := newLimiter(t, nil, Options{})
	for name, f := range map[string]func(){
		"Limit":                         func() { l.Limit("x", Limit{}, Address) },
		"PerSession":                    func() { l.PerSession("x", Limit{1, 0}) },
		"PerSession, ten times as high": func() { l.PerSession("x", Limit{1000, time.Millisecond}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of no limit: got no panic", name)
				}
			}()
			f()
		}()
	}
}
