package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
)

// evil are the marks of a request from elsewhere, by how new the browser is.
var evil = map[string][]string{
	"another site":                       {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
	"a sibling host":                     {"Sec-Fetch-Site", "same-site", "Origin", "https://blog.dash.example"},
	"another site, an older browser":     {"Origin", "https://evil.example"},
	"a sandboxed frame":                  {"Sec-Fetch-Site", "cross-site", "Origin", "null"},
	"a sandboxed frame, older":           {"Origin", "null"},
	"a browser that nobody knows":        {"Sec-Fetch-Site", "elsewhere"},
	"another port of the same host":      {"Origin", "http://127.0.0.1:1"},
	"a site whose name begins with ours": {"Origin", "http://127.0.0.1.evil.example"},
}

// TestLoginCSRFAgainstTheProgram has the victim's browser sign in to the attacker's
// account, so that what she does next is his to read. Either defence is enough: the
// form comes from elsewhere, even if it had the token of her session, or its token
// is another session's.
func TestLoginCSRFAgainstTheProgram(t *testing.T) {
	s := stage(t)
	_, his := s.anonymous()
	guest, hers := s.anonymous()
	guest = s.name + "=" + guest
	form := func(token string) string {
		return url.Values{"name": {"mallory"}, "passphrase": {passphrase}, "csrf_token": {token}}.Encode()
	}
	elsewhere := 0
	for from, header := range evil {
		for who, cookie := range map[string]string{"a guest": guest, "the victim": s.cookie(s.victim), "a browser without a session": ""} {
			for _, path := range []string{"/signin", "/signup"} {
				for _, token := range []string{his, hers} {
					resp, body := s.attack("POST", path, form(token), cookie, header...)
					s.wantRefused("a form from "+from+" for "+who+" at "+path, resp, body, 403, "CROSS_ORIGIN")
					elsewhere++
				}
			}
		}
	}
	for _, header := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Origin", s.origin}} {
		resp, body := s.attack("POST", "/signin", form(his), guest, header...)
		s.wantRefused("a form with a token of the attacker's session", resp, body, 403, "CSRF_INVALID")
		resp, _ = s.attack("POST", "/signin", form(his), guest, append(header, "Accept", "text/html")...)
		if s.wantCookiesLeft("such a form in a browser", resp); resp.StatusCode != 303 || resp.Header.Get("Location") != "/signin?again" {
			t.Errorf("such a form in a browser: got %d to %q, want the sign-in page", resp.StatusCode, resp.Header.Get("Location"))
		}
	}
	if got := s.principal(guest); got != "" {
		t.Errorf("the guest is signed in as %q", got)
	}
	s.wantUnharmed("login CSRF")
	// The same form from our own page signs in: what was refused was the origin and
	// the token, and nothing else of it.
	resp, body := s.attack("POST", "/signin", form(hers), guest, "Origin", s.origin)
	if resp.StatusCode != 303 || len(resp.Cookies()) == 0 {
		t.Errorf("from our own page: got %d\n%.300s", resp.StatusCode, body)
	}
	log := s.recorded()
	s.wantRecorded(log, satra.EventCrossOrigin, elsewhere)
	s.wantRecorded(log, satra.EventCSRFRejected, 6)
}

// acts are all forms and calls that change something, with what is right in them.
var acts = map[string]string{
	"/watchlist/add": "symbol=INFY", "/watchlist/remove": "symbol=INFY", "/preferences/theme": "theme=dark",
	"/session/extend": "", "/session/end": "",
	"/reauth":       "act=/security/end-all&passphrase=" + url.QueryEscape(passphrase),
	"/security/end": "id=AAAAAAAAAAAAAAAAAAAAAA", "/security/end-others": "", "/security/end-all": "", "/security/not-me": "",
	"/security/passphrase": "end-others=on&passphrase=grazing+geese+tulsi&again=grazing+geese+tulsi",
	"/api/session/clear":   "", "/api/session/extend": "", "/api/session/validate-csrf": "",
	"/api/session/devices/revoke-others": "", "/api/session/devices/AAAAAAAAAAAAAAAAAAAAAA/revoke": "",
}

// TestFormsFromElsewhere posts every form there is with the victim's cookie, and even
// with her token.
func TestFormsFromElsewhere(t *testing.T) {
	s := stage(t)
	cookie := s.cookie(s.victim)
	_, page := get(t, s.victim, s.origin+"/")
	token := "csrf_token=" + hiddenToken.FindStringSubmatch(page)[1]
	_, stranger := s.anonymous()
	elsewhere, tokens := 0, 0
	for path, fields := range acts {
		for from, header := range evil {
			resp, body := s.attack("POST", path, token+"&"+fields, cookie, header...)
			s.wantRefused("a form from "+from+" at "+path, resp, body, 403, "CROSS_ORIGIN")
			elsewhere++
		}
		// A picture or a link, which needs no form.
		resp, _ := s.attack("GET", path+"?"+token+"&"+fields, "", cookie, "Sec-Fetch-Site", "cross-site")
		if s.wantCookiesLeft("GET "+path, resp); resp.StatusCode != 405 && path != "/reauth" && path != "/security/passphrase" {
			t.Errorf("GET %s: got %d, want 405", path, resp.StatusCode)
		}
		if path == "/api/session/validate-csrf" {
			continue // it only answers, and asks for no token
		}
		for what, wrong := range map[string]string{"no token": "a=b", "a stranger's token": "csrf_token=" + stranger} {
			for _, header := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Origin", s.origin}} {
				resp, body := s.attack("POST", path, wrong+"&"+fields, cookie, header...)
				s.wantRefused(what+" at "+path, resp, body, 403, "CSRF_INVALID")
				tokens++
			}
		}
	}
	s.wantUnharmed("forms from elsewhere")
	s.signIn(s.browser(), "asha") // with the passphrase of before
	if resp, body := s.attack("POST", "/session/extend", token, cookie, "Origin", s.origin); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("from our own page: got %d\n%.300s", resp.StatusCode, body)
	}
	log := s.recorded()
	s.wantRecorded(log, satra.EventCrossOrigin, elsewhere)
	s.wantRecorded(log, satra.EventCSRFRejected, tokens)
	for _, e := range log {
		if e.Kind == satra.EventCrossOrigin && !strings.Contains(e.Detail, "another site") {
			t.Errorf("got the detail %q, want why it was refused", e.Detail)
		}
	}
}
