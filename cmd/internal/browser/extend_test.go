package browser

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

func TestExtend(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.pass(5 * time.Minute)
	if !chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Fatal("extendSession: got false")
	}
	s.wantLeft(1200)
	s.wantEvents("sessionExtended")
	r := s.seen("POST", "/extend")[0]
	if r.Header.Get("X-CSRF-Token") != s.token || r.Header.Get("X-Session-Activity") != "1" {
		t.Errorf("headers: got %v", r.Header)
	}
	s.wantCount("GET", "/csrf-token", 0) // the page brought it
}

func TestExtendWithAnOldToken(t *testing.T) {
	s := play(t, "")
	s.change(s.newToken)
	if !chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Fatal("extendSession: got false")
	}
	s.wantCount("POST", "/extend", 2)
	s.wantCount("GET", "/csrf-token", 1)
}

func TestExtendingIsNotConfirmed(t *testing.T) {
	for name, broken := range map[string]http.HandlerFunc{
		"cut": silence, "unavailable": refusal(503, "STORE_UNAVAILABLE"), "not JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("<p>Welcome to the hotel's network"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, "")
			// Chromium itself repeats what was cut on an old connection.
			s.answer("POST /extend", slices.Repeat([]http.HandlerFunc{broken}, 10)...)
			if chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
				t.Error("extendSession: got true though the server has not confirmed")
			}
			s.wantEvents()
		})
	}
}

func TestExtendWithoutASession(t *testing.T) {
	s := play(t, "")
	s.change(func() { s.id = "" })
	if chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Error("extendSession: got true")
	}
	s.wantEvents("sessionExpired")
}

func TestClear(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	token := s.token
	if !chrome.Eval[bool](s.Tab, `sessionManager.clearSession()`) {
		t.Fatal("clearSession: got false")
	}
	if got := s.seen("POST", "/clear")[0].Header.Get("X-CSRF-Token"); got != token {
		t.Errorf("token: got %q, want %q", got, token)
	}
	before := s.count("GET", "/info")
	s.pass(2 * time.Minute)
	s.wantCount("GET", "/info", before)
	s.wantEvents() // who signed out knows it
}
