package browser

import (
	"net/http"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

func TestAClickMeantForAnotherIsNotSent(t *testing.T) {
	changes := map[string]func(*fake){
		"another principal":       func(f *fake) { f.principal = "bob" },
		"another session":         func(f *fake) { f.id = "BBBBBBBBBBBBBBBBBBBBBB" },
		"a guest's since signing": func(f *fake) { f.principal = "" },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			s := play(t, "")
			s.change(func() {
				change(s.fake)
				s.newToken()
			})
			// The token of the page is refused; with the new one the click would
			// be somebody else's.
			if got := s.outcome(`"/echo", { method: "POST", body: "sell" }`); !strings.HasPrefix(got, "403") {
				t.Errorf("got %s, want the refusal", got)
			}
			s.mustSee(1)
			s.wantEvents("sessionChanged")
			if d := s.events()[0].Detail.Session; d == nil || d.ID != s.id || d.Principal != s.principal {
				t.Errorf("detail: got %+v", d)
			}
			if got := s.outcome(`"/echo", { method: "POST", body: "sell" }`); got != "throws SessionChangedError" {
				t.Errorf("got %s, want throws SessionChangedError", got)
			}
			s.mustSee(1)
			if chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) || s.count("POST", "/extend") > 0 {
				t.Error("somebody else's session was extended")
			}
			s.wantEvents("sessionChanged")
		})
	}
}

func TestARetryMeantForAnotherIsNotSent(t *testing.T) {
	s := play(t, "")
	s.change(func() { s.principal = "bob" })
	s.answer("POST /echo", refusal(409, "SESSION_RETRY"))
	if got := s.outcome(`"/echo", { method: "POST", body: "sell" }`); !strings.HasPrefix(got, "409") {
		t.Errorf("got %s, want the refusal", got)
	}
	s.mustSee(1)
	s.wantEvents("sessionChanged")
}

func TestAPageWithoutATokenGetsOne(t *testing.T) {
	s := play(t, "bare")
	if got := s.outcome(`"/echo", { method: "POST" }`); !strings.HasPrefix(got, "200") {
		t.Fatalf("got %s", got)
	}
	s.wantCount("GET", "/csrf-token", 1)

	// It is asked for once, and not used if it is another account's by then.
	late := play(t, "bare")
	late.change(func() { late.principal = "bob" })
	if got := late.outcome(`"/echo", { method: "POST" }`); got != "throws SessionChangedError" {
		t.Errorf("got %s, want throws SessionChangedError", got)
	}
	late.mustSee(0)
}

func TestAGuestsFirstClickStartsASession(t *testing.T) {
	s := play(t, "bare", func(f *fake) { f.id, f.principal = "", "" })
	if got := s.outcome(`"/echo", { method: "POST" }`); !strings.HasPrefix(got, "200") {
		t.Fatalf("got %s", got)
	}
	s.wantEvents()
}

func TestAdoptSession(t *testing.T) {
	s := play(t, "")
	s.change(func() {
		s.id, s.principal = "BBBBBBBBBBBBBBBBBBBBBB", "bob"
		s.newToken()
	})
	s.Run(`sessionManager.checkSession()`)
	s.wantEvents("sessionChanged")
	if !chrome.Eval[bool](s.Tab, `sessionManager.adoptSession()`) {
		t.Error("adoptSession: got false")
	}
	if got := s.outcome(`"/echo", { method: "POST" }`); !strings.HasPrefix(got, "200") {
		t.Errorf("got %s, want 200", got)
	}
	s.Until(`!document.querySelector("dialog")`)
}

func TestAReadIsNotRepeatedForAnother(t *testing.T) {
	s := play(t, "")
	s.change(func() { s.principal = "bob" })
	s.answer("GET /echo", refusal(409, "SESSION_RETRY"))
	if got := s.outcome(`"/echo"`); !strings.HasPrefix(got, "409") {
		t.Errorf("got %s, want the refusal", got)
	}
	s.mustSee(1)
	s.wantEvents("sessionChanged")
}

func TestWhatHasChangedDoesNotEndAsWell(t *testing.T) {
	s := play(t, "")
	s.change(func() { s.principal = "bob" })
	s.leap(0)
	s.change(func() { s.reason = "idle" })
	s.leap(0)
	s.outcome(`"/echo"`)
	s.wantEvents("sessionChanged")
}

// late is a route that answers as the session was when it was asked, once it is
// released.
func (s *stage) late(route string, with http.HandlerFunc) (release func()) {
	gate := make(chan struct{})
	s.answer(route, func(w http.ResponseWriter, r *http.Request) {
		<-gate
		with(w, r)
	})
	return func() { close(gate) }
}

func TestAnAnswerToAnEarlierSessionIsNobodys(t *testing.T) {
	ended := func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 401, map[string]any{"status": "error", "code": "SESSION_EXPIRED", "reason": "idle", "message": "Over."})
	}
	for _, c := range []struct {
		method, path, call string
		ended              bool
	}{
		{"GET", "/info", `sessionManager.refreshSessionInfo()`, true},
		{"GET", "/info", `sessionManager.refreshSessionInfo()`, false},
		{"POST", "/extend", `sessionManager.extendSession()`, true},
		{"POST", "/extend", `sessionManager.extendSession()`, false},
		{"POST", "/echo", `sessionManager.fetch("/echo", { method: "POST" })`, true},
	} {
		s := play(t, "")
		alive := s.session()
		release := s.late(c.method+" "+c.path, func(w http.ResponseWriter, r *http.Request) {
			if c.ended {
				ended(w, r)
				return
			}
			reply(w, 200, map[string]any{"status": "success", "session": alive})
		})
		before := s.count(c.method, c.path)
		s.Run(`window.old = Promise.resolve(` + c.call + `).catch((e) => e.name); 0`)
		s.Wait(c.path, func() bool { return s.count(c.method, c.path) == before+1 })
		s.change(func() {
			s.id, s.principal = "BBBBBBBBBBBBBBBBBBBBBB", "bob"
			s.newToken()
		})
		if !chrome.Eval[bool](s.Tab, `sessionManager.adoptSession()`) {
			t.Errorf("%s: adoptSession: got false", c.path)
		}
		release()
		s.Run(`old`)
		s.wantEvents()
		if got := chrome.Eval[string](s.Tab, `sessionManager.page.principal`); got != "bob" {
			t.Errorf("%s: the page is %q's, want bob's", c.path, got)
		}
	}
}

func TestARefusalToAnEarlierSessionIsNotRepeated(t *testing.T) {
	for _, c := range []struct{ path, call string }{
		{"/clear", `sessionManager.clearSession()`},
		{"/echo", `sessionManager.fetch("/echo", { method: "POST" })`},
	} {
		s := play(t, "")
		release := s.late("POST "+c.path, refusal(403, "CSRF_INVALID"))
		s.Run(`window.old = ` + c.call + `; 0`)
		s.Wait(c.path, func() bool { return s.count("POST", c.path) == 1 })
		s.change(func() {
			s.id, s.principal = "BBBBBBBBBBBBBBBBBBBBBB", "bob"
			s.newToken()
		})
		s.Run(`sessionManager.adoptSession()`)
		release()
		s.Run(`old`)
		s.wantCount("POST", c.path, 1)
	}
}

func TestAGuestWithoutASessionGetsNoneByTheWay(t *testing.T) {
	s := play(t, "bare", func(f *fake) { f.id, f.principal = "", "" })
	if chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Error("extendSession: got true without a session")
	}
	if !chrome.Eval[bool](s.Tab, `sessionManager.clearSession()`) {
		t.Error("clearSession: got false")
	}
	s.wantCount("GET", "/csrf-token", 0)
	s.wantEvents()
}

func TestAfterTheEndNoTokenIsAskedFor(t *testing.T) {
	s := play(t, "bare")
	s.change(func() { s.reason = "idle" })
	// The page has no token yet. It asks for one, hears of the end, and the
	// caller hears of it from the server.
	if got := s.outcome(`"/echo", { method: "POST" }`); !strings.HasPrefix(got, "401") {
		t.Errorf("got %s, want 401", got)
	}
	s.wantCount("GET", "/csrf-token", 1)
	for _, call := range []string{"getCSRFToken", "refreshCSRFToken"} {
		if got := chrome.Eval[string](s.Tab, `sessionManager.`+call+`()`); got != "" {
			t.Errorf("%s: got %q, want none", call, got)
		}
	}
	s.wantCount("GET", "/csrf-token", 1)
	s.wantEvents("sessionExpired")
}
