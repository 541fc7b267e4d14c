package satra_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

func TestNewTellsEveryProblemAtOnce(t *testing.T) {
	_, err := satra.New(nil, &satra.Options{
		IdleTimeout: -5, Lifetime: 3600, Tombstone: satra.Never, CookieName: "a b", SameSite: http.SameSiteNoneMode,
		RememberIdle: -2, SessionLimit: -2, AtLimit: 2, DailyEnd: satra.DailyEnd{Hour: 6},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"IdleTimeout", "Lifetime: 3.6µs is too short", "Tombstone", "CookieName", "SameSite", "store is nil", "RememberIdle", "SessionLimit", "AtLimit", "DailyEnd"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to tell of %s", err, want)
		}
	}
	for _, name := range []string{"__Host-x", "__secure-x", "a;b", "a=b", "ä", strings.Repeat("a", 4096)} {
		if _, err := satra.New(newFakeStore(), &satra.Options{CookieName: name}); err == nil {
			t.Errorf("cookie name %q: got no error", name)
		}
	}
}

func TestTheInsecureCookie(t *testing.T) {
	a := routes(newApp(t, satra.Options{InsecureCookie: true, SameSite: http.SameSiteStrictMode}))
	got := a.browser().get("/start").Header.Get("Set-Cookie")
	if !strings.HasPrefix(got, "satra=") || !strings.HasSuffix(got, "; Path=/; HttpOnly; SameSite=Strict") {
		t.Errorf("got Set-Cookie %q, want the plain name, and neither Secure nor a lifetime", got)
	}
}

// A sweepStore counts sweeps, and has a clock of its own.
type sweepStore struct {
	*fakeStore
	mu      sync.Mutex
	sweeps  []time.Time
	backlog int
	ahead   time.Duration
}

func (s *sweepStore) Sweep(_ context.Context, before time.Time, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeps = append(s.sweeps, before)
	n := min(limit, s.backlog)
	s.backlog -= n
	return n, nil
}

func (s *sweepStore) Now(context.Context) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead), nil
}

func (s *sweepStore) setClock(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead = ahead
}

func TestTheManagerSweepsUntilItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &sweepStore{fakeStore: newFakeStore(), backlog: 2500}
		m, err := satra.New(store, &satra.Options{Tombstone: 48 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(store.sweeps) != 3 || !store.sweeps[0].Equal(m.Now().Add(-48*time.Hour)) {
			t.Errorf("got sweeps %v, want three of at most 1000 of what was over two days ago", store.sweeps)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if len(store.sweeps) != 3 {
			t.Errorf("got %d sweeps after Close", len(store.sweeps)-3)
		}
	})
}

func TestTheManagerGoesByTheClockOfASharedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &sweepStore{fakeStore: newFakeStore(), ahead: time.Minute}
		store.features.Shared = true
		m, err := satra.New(store, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(t.Context())
		if got := time.Until(m.Now()).Round(time.Second); got != time.Minute {
			t.Errorf("got %v ahead, want a minute", got)
		}
		store.setClock(-time.Minute)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if got := time.Until(m.Now()).Round(time.Second); got != -time.Minute {
			t.Errorf("after the clock was set: got %v, want a minute behind", got)
		}
	})
}

func TestProblemOf(t *testing.T) {
	for err, want := range map[error]string{
		satra.ErrNoSession:                       "401 SESSION_REQUIRED",
		satra.ErrRetry:                           "409 SESSION_RETRY",
		satra.ErrAmbiguous:                       "400 BAD_REQUEST",
		satra.ErrElsewhere:                       "403 CROSS_ORIGIN",
		satra.ErrStale:                           "403 REAUTH_REQUIRED",
		satra.ErrLimit:                           "403 SESSION_LIMIT",
		satra.ErrDisabled:                        "403 FORBIDDEN",
		satra.ErrTooLarge:                        "413 BAD_REQUEST",
		satra.ErrFull:                            "503 STORE_UNAVAILABLE",
		satra.ErrNotFound:                        "404 NOT_FOUND",
		errors.New("pq: password wrong at host"): "500 INTERNAL",
		errors.Join(errors.New("dial tcp 10.0.0.7"), satra.ErrUnavailable):     "503 STORE_UNAVAILABLE",
		&satra.EndedError{End: satra.End{Reason: satra.ReasonIdle}}:            "401 SESSION_EXPIRED",
		&satra.EndedError{End: satra.End{Reason: satra.ReasonStolen}}:          "401 SESSION_REVOKED",
		&satra.Problem{Status: 418, Code: "TEAPOT", Message: "I am a teapot."}: "418 TEAPOT",
	} {
		w := httptest.NewRecorder()
		satra.WriteError(w, httptest.NewRequest("GET", "/", nil), err)
		status, code, _ := strings.Cut(want, " ")
		if got := w.Result(); !strings.HasPrefix(got.Status, status) || !strings.Contains(w.Body.String(), `"code":"`+code+`"`) {
			t.Errorf("%v: got %s %s, want %s", err, got.Status, w.Body, want)
		}
		if body := w.Body.String(); strings.Contains(body, "10.0.0.7") || strings.Contains(body, "password") {
			t.Errorf("%v: something internal was told: %s", err, body)
		}
	}
}

func TestEveryReasonIsExplained(t *testing.T) {
	seen := map[string]satra.Reason{}
	for _, why := range []satra.Reason{
		satra.ReasonIdle, satra.ReasonLifetime, satra.ReasonDaily, satra.ReasonSignedOut, satra.ReasonElsewhere, satra.ReasonLimit,
		satra.ReasonAdministrator, satra.ReasonStolen, satra.ReasonDisabled, satra.ReasonReplaced, "unheard of",
	} {
		text := (&satra.EndedError{End: satra.End{Reason: why}, Idle: time.Hour}).Explain()
		if other, twice := seen[text]; twice {
			t.Errorf("%s and %s are explained alike: %q", why, other, text)
		}
		seen[text] = why
	}
}

func TestAProblemAsAPage(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	w := httptest.NewRecorder()
	satra.WriteError(w, r, &satra.Problem{Status: 404, Code: "X", Message: `<script>alert("1")</script>`})
	if body := w.Body.String(); strings.Contains(body, "<script>") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("got %s, want the message escaped", body)
	}
	if h := w.Header(); !strings.HasPrefix(h.Get("Content-Type"), "text/html") || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("got headers %v", h)
	}
	w = httptest.NewRecorder()
	satra.WriteError(w, r, satra.ErrRetry)
	if got := w.Header().Get("Refresh"); got != "1" {
		t.Errorf("a navigation that should repeat itself: got Refresh %q", got)
	}
	for user, want := range map[string]string{"?1": "1", "": ""} {
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-User", user)
		w = httptest.NewRecorder()
		satra.WriteError(w, r, satra.ErrRetry)
		if got := w.Header().Get("Refresh"); got != want {
			t.Errorf("a navigation with Sec-Fetch-User %q: got Refresh %q, want %q: a page repeats itself once", user, got, want)
		}
	}
}

func TestOptionsErrorReplacesThePage(t *testing.T) {
	a := routes(newApp(t, satra.Options{Error: func(w http.ResponseWriter, r *http.Request, p *satra.Problem) {
		w.WriteHeader(p.Status)
		w.Write([]byte("own page: " + p.Code))
	}}))
	if got := bodyOf(a.browser().get("/me")); got != "own page: SESSION_REQUIRED" {
		t.Errorf("got %q", got)
	}
	a.store.failing(func(string) error { return satra.ErrUnavailable })
	if got := bodyOf(a.browser().get("/start")); got != "own page: STORE_UNAVAILABLE" {
		t.Errorf("a failed commit: got %q", got)
	}
}
