package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
)

// post sends the form of a page in a browser, as its owner does.
func (s *scene) post(c *http.Client, page, path string, fields ...string) (*http.Response, string) {
	s.t.Helper()
	_, text := get(s.t, c, s.origin+page)
	form := url.Values{"csrf_token": {hiddenToken.FindStringSubmatch(text)[1]}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return s.attack("POST", path, form.Encode(), s.cookie(c), "Origin", s.origin)
}

// session is the ID of a browser's session, as the program tells it.
func (s *scene) session(c *http.Client) string {
	s.t.Helper()
	_, body := s.attack("GET", "/api/session/info", "", s.cookie(c))
	_, rest, _ := strings.Cut(body, `"session_id":"`)
	id, _, found := strings.Cut(rest, `"`)
	if !found {
		s.t.Fatalf("there is no session: %s", body)
	}
	return id
}

// TestNobodySignsTheVictimOut shows every token that an attacker can have short of
// the victim's own, alone and planted beside hers: her session's ID, which is no
// secret, with a guess, a token that was hers before she signed in, one of a session
// that she has ended, and whatever he makes up.
func TestNobodySignsTheVictimOut(t *testing.T) {
	s := stage(t)
	earlier := s.token(s.victim)
	if resp, _ := s.post(s.victim, "/", "/session/end"); resp.StatusCode != 303 {
		t.Fatalf("signing out: got %d", resp.StatusCode)
	}
	s.victim = s.browser()
	get(t, s.victim, s.origin+"/signin")
	before := s.token(s.victim)
	s.signIn(s.victim, "asha")
	_, form := s.anonymous()
	session, id := s.session(s.victim), s.token(s.victim)[:22] // with four bits of the secret
	for what, shown := range map[string]struct {
		token, code string
		status      int
	}{
		"the token from before the sign-in": {before, "SESSION_RETRY", 409},
		"the token of an earlier session":   {earlier, "SESSION_REVOKED", 401},
		"her ID and a guess":                {id + strings.Repeat("B", 42), "", 303},
		"a guess":                           {strings.Repeat("C", 64), "", 303},
	} {
		his, hers := s.name+"="+shown.token, s.cookie(s.victim)
		for _, agent := range []string{"curl/8", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"} {
			for range 5 { // a copy of a renewed token would end the session at the third time
				resp, body := s.attack("GET", "/security", "", his, "User-Agent", agent)
				if resp.StatusCode != shown.status || shown.code != "" && !strings.Contains(body, shown.code) {
					t.Errorf("%s: got %d, want %d %s\n%.300s", what, resp.StatusCode, shown.status, shown.code, body)
				}
				for _, path := range []string{"/session/end", "/security/end-all", "/api/session/clear"} {
					s.attack("POST", path, "csrf_token="+form, his, "User-Agent", agent)
				}
			}
		}
		for _, both := range []string{his + "; " + hers, hers + "; " + his} {
			for _, path := range []string{"/", "/ended", "/signin", "/session/end", "/api/session/info"} {
				resp, _ := s.attack("GET", path, "", both, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
				s.wantCookiesLeft(what+" beside hers at "+path, resp)
			}
		}
		s.wantUnharmed("showing " + what)
	}
	s.wantNoEndOf(session, 80)
}

// wantNoEndOf wants that the log tells of no end of a session, and of so many tokens
// that nobody was given.
func (s *scene) wantNoEndOf(id string, atLeast int) {
	s.t.Helper()
	wrong, began := 0, false
	for _, e := range s.recorded() {
		if e.Session.String() == id {
			began = began || e.Kind == satra.EventSignedIn
			if e.Kind == satra.EventEnded {
				s.t.Errorf("the victim's session was ended: %+v", e)
			}
		}
		if e.Kind == satra.EventUnknownToken {
			wrong += e.Count
		}
	}
	if !began {
		s.t.Errorf("the log does not know the session %s", id)
	}
	if wrong < atLeast {
		s.t.Errorf("the log has %d tokens that nobody was given, want at least %d", wrong, atLeast)
	}
}

// TestAnotherAccountEndsNothingOfHers has an attacker do with his own session, and a
// fresh proof, all that ends sessions, and name hers.
func TestAnotherAccountEndsNothingOfHers(t *testing.T) {
	s := stage(t)
	attacker := s.browser()
	s.signIn(attacker, "mallory")
	session := s.session(s.victim)
	resp, body := s.post(attacker, "/security", "/security/end", "id", session)
	if s.wantCookiesLeft("her session's ID in his form", resp); resp.StatusCode != 303 || resp.Header.Get("Location") != "/security?done=gone" {
		t.Errorf("her session's ID in his form: got %d to %q, as if there were one\n%.300s", resp.StatusCode, resp.Header.Get("Location"), body)
	}
	resp, body = s.post(attacker, "/security", "/api/session/devices/"+session+"/revoke")
	s.wantRefused("her session's ID in his call", resp, body, 404, "NOT_FOUND")
	for path, want := range map[string]int{"/security/end-others": 303, "/api/session/devices/revoke-others": 200} {
		if resp, body := s.post(attacker, "/security", path); resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d\n%.300s", path, resp.StatusCode, want, body)
		}
	}
	s.wantUnharmed("ending others of another account")
	if resp, _ := s.post(attacker, "/security", "/security/end-all"); resp.StatusCode != 303 {
		t.Errorf("ending all of his own: got %d", resp.StatusCode)
	}
	s.wantUnharmed("ending all of another account")
	s.wantNoEndOf(session, 0)
}
