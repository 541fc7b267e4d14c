package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

func (s *stage) id() string {
	s.t.Helper()
	return s.text(".facts code")
}

func TestLoadingThePageMakesASession(t *testing.T) {
	s := prepare(t)
	if got := s.cookie(); got != "" {
		t.Fatalf("got a cookie before the page: %s", got)
	}
	s.open("/")
	name, token, _ := strings.Cut(s.cookie(), "=")
	if name != "satra" || len(token) != 64 {
		t.Errorf("got the cookie %q with %d characters, want satra with 64", name, len(token))
	}
	s.wantText(".who", "Guest")
	if got := s.id(); got == "" || got != chrome.Eval[string](s.Tab, `sessionManager.session.session_id`) {
		t.Errorf("the page shows the session %q, and the API tells of another", got)
	}
	if chrome.Eval[string](s.Tab, `document.cookie`) != "" {
		t.Error("a script can read the cookie")
	}
}

func TestAReloadKeepsTheSession(t *testing.T) {
	s := play(t)
	id, cookie := s.id(), s.cookie()
	for range 3 {
		s.open("/")
	}
	if s.id() != id || s.cookie() != cookie {
		t.Errorf("got the session %s after a reload, want %s", s.id(), id)
	}
}

func TestTheCountdownFallsWhileThePagePolls(t *testing.T) {
	s := play(t)
	s.StopTime()
	s.pass(4 * time.Second)
	s.wantRemaining(idle - 4*time.Second)
	s.pass(5 * time.Minute)
	if got := len(s.asked("/api/session/info")); got < 10 {
		t.Errorf("the page has asked for the session %d times in 5 minutes: this test needs it to poll", got)
	}
	if got := len(s.asked("/market")); got < 14 {
		t.Errorf("the market was refreshed %d times in 5 minutes, want one each 20 s", got)
	}
	s.wantRemaining(idle - 5*time.Minute - 4*time.Second)
	s.wantText("#session-text", "Session ends in 14:")
}

func TestTheWarningComesAndStayingExtends(t *testing.T) {
	s := play(t)
	s.StopTime()
	s.pass(14 * time.Minute)
	if s.text(".satra-dialog") != "" {
		t.Fatalf("the warning is there six minutes before the end: %s", s.text(".satra-dialog"))
	}
	s.pass(66 * time.Second)
	s.wantText(".satra-dialog", "Keep this session")
	if got := s.text(".satra-dialog"); strings.Contains(got, "sign") || strings.Contains(got, "account") {
		t.Errorf("a guest is told of an account: %s", got)
	}
	s.wantText(".satra-digits", "4:5")
	s.Click(".satra-first")
	s.Settle(`!document.querySelector(".satra-dialog")`)
	s.pass(2 * time.Second)
	s.wantRemaining(idle - 2*time.Second)
	if got := s.asked("/api/session/extend"); len(got) != 1 {
		t.Errorf("got %v, want one request to extend", got)
	}
}

func TestTheButtonExtendsWithoutLoadingThePage(t *testing.T) {
	s := play(t)
	s.StopTime()
	s.pass(40 * time.Second)
	s.wantRemaining(idle - 40*time.Second)
	s.Click("#extend-form button")
	s.wantText("#session-note", "Your session was extended")
	s.pass(2 * time.Second)
	s.wantRemaining(idle - 2*time.Second)
	if got := len(s.asked(s.url + "/")); got != 1 {
		t.Errorf("the page was loaded %d times, want once", got)
	}
}

func TestTheIdleEndIsShownWithItsReason(t *testing.T) {
	s := play(t)
	before := s.id()
	s.StopTime()
	s.pass(idle + 10*time.Second)
	s.wantText(".satra-dialog", "Your session has ended")
	s.wantText(".satra-text", "not been active")
	s.wantText("#session-text", "This session has ended")
	if enabled := chrome.Eval[int](s.Tab, `document.querySelectorAll("main button:enabled, .bar button:enabled").length`); enabled != 0 {
		t.Errorf("%d buttons of a page whose session is over can still be used", enabled)
	}
	if s.cookie() == "" {
		t.Fatal("the page that polls has taken the cookie: nobody can be told why any more")
	}
	s.Click(".satra-first")
	s.Advance(time.Second) // a page whose time stands still loads no other
	s.wantText("h1", "Your session has ended")
	s.wantText(".problem", "nothing happened for 20 minutes")
	if got := s.cookie(); got != "" {
		t.Errorf("the cookie is still there after its owner was told: %s", got)
	}
	s.Click(".button")
	s.Advance(time.Second)
	s.wantText(".who", "Guest")
	if s.id() == before {
		t.Error("the session that has ended is back")
	}
}

func TestEndingTheSessionIsFinal(t *testing.T) {
	s := play(t)
	cookie := s.cookie()
	token := chrome.Eval[string](s.Tab, `document.querySelector("meta[name=csrf-token]").content`)
	if status, body := s.send("GET", "/api/session/info", cookie, nil); status != 200 {
		t.Fatalf("the cookie does not work before the end: %d %s", status, body)
	}
	s.Click("#end-form button")
	s.wantText("h1", "You ended the session")
	if got := s.cookie(); got != "" {
		t.Errorf("the browser still has the cookie %s", got)
	}
	status, body := s.send("GET", "/api/session/info", cookie, nil)
	if status != 401 || !strings.Contains(body, "SESSION_REVOKED") || !strings.Contains(body, "signed_out") {
		t.Errorf("the replayed cookie on info: got %d %s, want 401 with the reason", status, body)
	}
	form := url.Values{"csrf_token": {token}, "symbol": {"INFY"}}
	if status, body := s.send("POST", "/watchlist/add", cookie, form); status != 401 {
		t.Errorf("the replayed cookie on a protected action: got %d %s, want 401", status, body)
	}
	if status, body := s.send("POST", "/watchlist/add", "", form); status != 403 {
		t.Errorf("the same without any cookie: got %d %s, want 403", status, body)
	}
	s.Click(".button")
	s.wantText(".who", "Guest")
	if s.cookie() == cookie || strings.Contains(s.text(".watchlist"), "INFY") {
		t.Error("something of the session that has ended is back")
	}
}

func TestTheLogHasNeitherCookieNorToken(t *testing.T) {
	s := play(t)
	_, token, _ := strings.Cut(s.cookie(), "=")
	masked := chrome.Eval[string](s.Tab, `document.querySelector("meta[name=csrf-token]").content`)
	stable := chrome.Eval[string](s.Tab, `sessionManager.refreshCSRFToken()`)
	s.Click("#extend-form button")
	s.wantText("#session-note", "extended")
	s.Click("#end-form button")
	s.wantText("h1", "You ended the session")
	log := s.logged()
	for what, secret := range map[string]string{"cookie": token, "secret": token[22:], "masked CSRF token": masked, "CSRF token": stable} {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("the %s is in the log", what)
		}
	}
	for _, want := range []string{"event.kind=created", "event.kind=extended", "event.kind=ended", "event.reason=signed_out"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}
