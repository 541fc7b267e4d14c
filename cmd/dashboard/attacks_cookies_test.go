package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
)

// TestSessionFixation plants a session of the attacker's in a browser before its
// owner signs in there, and then uses it.
func TestSessionFixation(t *testing.T) {
	s := stage(t)
	begun, form := s.anonymous()
	for what, planted := range map[string]string{
		"a session that the attacker has begun": begun,
		"a token that nobody was given":         strings.Repeat("B", 64),
	} {
		s.victim = s.browser()
		s.plant(s.victim, &http.Cookie{Name: s.name, Value: planted})
		if s.signIn(s.victim, "asha"); s.token(s.victim) == planted {
			t.Errorf("%s: the sign-in has left the planted token", what)
		}
		for _, path := range []string{"/", "/security", "/security/history", "/api/session/info", "/api/session/devices"} {
			resp, body := s.attack("GET", path, "", s.name+"="+planted)
			if strings.Contains(body, "asha") || strings.Contains(body, `"principal":"`) {
				t.Errorf("%s opens %s: %d\n%.300s", what, path, resp.StatusCode, body)
			}
			if planted == begun {
				s.wantRefused(what+" at "+path, resp, body, 409, "SESSION_RETRY")
			}
		}
	}
	// Nor is the form that he was shown with it good for her session.
	resp, body := s.attack("POST", "/session/end", "csrf_token="+form, s.cookie(s.victim))
	s.wantRefused("the planted session's form", resp, body, 403, "CSRF_INVALID")
	resp, _ = s.attack("GET", "/security?"+s.name+"="+s.token(s.victim), "", "")
	if resp.StatusCode != 303 {
		t.Errorf("a token in the address: got %d, want that it is no transport", resp.StatusCode)
	}
	s.wantUnharmed("session fixation")
	log := s.recorded()
	s.wantRecorded(log, satra.EventRetiredToken, 5)
	s.wantRecorded(log, satra.EventCSRFRejected, 1)
	s.wantRecorded(log, satra.EventUnknownToken, 6) // the first as the victim opened the form
}

// TestCookieTossing has a sibling host, or another program on this one, add a
// cookie of the attacker's to the victim's: which of two a browser sends first is
// not the dashboard's to guess.
func TestCookieTossing(t *testing.T) {
	s := stage(t)
	s.wantTossingFails()
}

// wantTossingFails tosses cookies of the very name that the session's has.
func (s *scene) wantTossingFails() {
	s.t.Helper()
	attacker := s.browser()
	s.signIn(attacker, "mallory")
	his, hers := s.cookie(attacker), s.cookie(s.victim)
	refused := 0
	for _, both := range []string{his + "; " + hers, hers + "; " + his} {
		for _, path := range []string{"/", "/security", "/api/session/info", "/api/session/devices"} {
			resp, body := s.attack("GET", path, "", both)
			s.wantRefused("two sessions at "+path, resp, body, 400, "BAD_REQUEST")
			refused++
		}
		for _, path := range []string{"/session/end", "/security/end-all", "/api/session/clear"} {
			resp, body := s.attack("POST", path, "a=b", both, "Sec-Fetch-Site", "same-origin")
			s.wantRefused("two sessions at "+path, resp, body, 400, "BAD_REQUEST")
			refused++
		}
	}
	resp, page := get(s.t, attacker, s.origin+"/")
	if resp.StatusCode != 200 {
		s.t.Fatalf("the attacker's own page: got %d", resp.StatusCode)
	}
	s.attack("POST", "/session/end", "csrf_token="+hiddenToken.FindStringSubmatch(page)[1], his, "Sec-Fetch-Site", "same-origin")
	unknown := 0
	for what, junk := range map[string]string{
		"an empty one": "", "one that is none": "x", "an unknown one": strings.Repeat("C", 64),
		"her ID, which is no secret, and a guess": strings.TrimPrefix(hers, s.name+"=")[:22] + strings.Repeat("B", 42),
		"a session of his that he has ended":      strings.TrimPrefix(his, s.name+"="),
	} {
		for _, both := range []string{s.name + "=" + junk + "; " + hers, hers + "; " + s.name + "=" + junk} {
			resp, body := s.attack("GET", "/security", "", both)
			if s.wantCookiesLeft(what, resp); resp.StatusCode != 200 || !strings.Contains(body, "<strong>asha</strong>") {
				s.t.Errorf("with %s beside it the victim's session gets %d", what, resp.StatusCode)
			}
			if len(junk) == 64 && !strings.HasSuffix(his, junk) {
				unknown++
			}
		}
	}
	s.wantUnharmed("tossing cookies")
	log := s.recorded()
	s.wantRecorded(log, satra.EventAmbiguous, refused)
	s.wantRecorded(log, satra.EventUnknownToken, unknown)
}
