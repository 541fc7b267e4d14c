package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A scene is the running program, a victim who is signed in, and the account of
// an attacker. The victim is asha, the attacker mallory.
type scene struct {
	*running
	t      *testing.T
	victim *http.Client
}

func stage(t *testing.T) *scene {
	t.Helper()
	data := t.TempDir()
	for _, name := range []string{"asha", "mallory"} {
		if _, err := add(t, passphrase, "-data-dir", data, "-add-account", name); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &scene{running: start(t, ctx, data), t: t, victim: browser(t)}
	t.Cleanup(func() {
		cancel()
		s.wantEnd()
	})
	if page := signIn(t, s.victim, s.origin, "asha"); !strings.Contains(page, "<strong>asha</strong>") {
		t.Fatalf("after the sign-in:\n%s", page)
	}
	return s
}

// cookie is what a browser sends to the dashboard.
func (s *scene) cookie(c *http.Client) string {
	u, err := url.Parse(s.origin)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range c.Jar.Cookies(u) {
		if c.Name == "satra" {
			return "satra=" + c.Value
		}
	}
	return ""
}

// attack sends what an attacker has a browser send, or sends it himself.
func (s *scene) attack(method, path, form, cookie string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.origin+path, strings.NewReader(form))
	if err != nil {
		s.t.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return send(s.t, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, r)
}

// wantRefused wants that status, and that the browser's cookies are left alone.
func (s *scene) wantRefused(what string, resp *http.Response, body string, status int) {
	s.t.Helper()
	if resp.StatusCode != status || len(resp.Header.Values("Set-Cookie")) > 0 || resp.Header.Get("Clear-Site-Data") != "" {
		s.t.Errorf("%s: got %d with the cookies %q, want %d and none\n%.300s", what, resp.StatusCode, resp.Header.Values("Set-Cookie"), status, body)
	}
}

// wantUnharmed wants that the victim is signed in as before.
func (s *scene) wantUnharmed(what string) {
	s.t.Helper()
	_, body := get(s.t, s.victim, s.origin+"/api/session/info")
	var info struct {
		Session struct {
			Principal string         `json:"principal"`
			UserData  map[string]any `json:"user_data"`
		} `json:"session"`
	}
	_, page := get(s.t, s.victim, s.origin+"/")
	if err := json.Unmarshal([]byte(body), &info); err != nil || info.Session.Principal == "" || !strings.Contains(page, "<strong>asha</strong>") {
		s.t.Errorf("after %s the victim is not signed in as asha: %s", what, body)
	}
	if strings.Contains(page, "INFY</") || strings.Contains(page, `data-theme="dark"`) {
		s.t.Errorf("%s has changed the victim's watchlist or theme", what)
	}
}

// TestSessionFixation plants a session of the attacker's in a browser before its
// owner signs in there, and then uses it.
func TestSessionFixation(t *testing.T) {
	s := stage(t)
	u, _ := url.Parse(s.origin)
	for what, planted := range map[string]string{
		"a session that the attacker has begun": s.anonymous(),
		"a token that nobody was given":         strings.Repeat("B", 64),
	} {
		victim := browser(t)
		victim.Jar.SetCookies(u, []*http.Cookie{{Name: "satra", Value: planted}})
		if page := signIn(t, victim, s.origin, "asha"); !strings.Contains(page, "<strong>asha</strong>") {
			t.Fatalf("%s: the victim cannot sign in:\n%s", what, page)
		}
		if s.cookie(victim) == "satra="+planted {
			t.Errorf("%s: the sign-in has left the planted token", what)
		}
		for _, path := range []string{"/", "/security", "/api/session/info", "/api/session/devices"} {
			resp, body := s.attack("GET", path, "", "satra="+planted)
			if strings.Contains(body, "asha") || resp.StatusCode == 200 && path != "/" && !strings.Contains(body, `"session":null`) {
				t.Errorf("%s opens %s: %d\n%.300s", what, path, resp.StatusCode, body)
			}
		}
		resp, _ := get(t, victim, s.origin+"/security")
		if resp.StatusCode != 200 {
			t.Errorf("%s: after the attack the victim gets %d", what, resp.StatusCode)
		}
	}
}

// anonymous is the token of a session that an attacker has begun.
func (s *scene) anonymous() string {
	s.t.Helper()
	resp, _ := s.attack("GET", "/signin", "", "")
	for _, c := range resp.Cookies() {
		if c.Name == "satra" {
			return c.Value
		}
	}
	s.t.Fatal("no session was begun")
	return ""
}

// TestCookieTossing has a sibling host add a cookie of the attacker's to the
// victim's: which of two a browser sends first is not the dashboard's to guess.
func TestCookieTossing(t *testing.T) {
	s := stage(t)
	attacker := browser(t)
	signIn(t, attacker, s.origin, "mallory")
	his, hers := s.cookie(attacker), s.cookie(s.victim)
	for _, both := range []string{his + "; " + hers, hers + "; " + his} {
		for _, path := range []string{"/", "/security", "/api/session/info"} {
			resp, body := s.attack("GET", path, "", both)
			s.wantRefused("two sessions at "+path, resp, body, 400)
		}
	}
	id := strings.TrimPrefix(hers, "satra=")[:21] // no secret, and known from a log perhaps
	for _, junk := range []string{"satra=", "satra=x", "satra=" + strings.Repeat("A", 64), "satra=" + id + strings.Repeat("B", 43)} {
		for _, both := range []string{junk + "; " + hers, hers + "; " + junk} {
			resp, body := s.attack("GET", "/security", "", both)
			if resp.StatusCode != 200 || !strings.Contains(body, "asha") || len(resp.Header.Values("Set-Cookie")) > 0 {
				t.Errorf("with %q beside it the victim's session gets %d", junk, resp.StatusCode)
			}
		}
	}
	s.wantUnharmed("tossing cookies")
}

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

// TestLoginCSRF has the victim's browser sign in to the attacker's account, so that
// what she does next is his to read.
func TestLoginCSRF(t *testing.T) {
	s := stage(t)
	attacker := browser(t)
	_, page := get(t, attacker, s.origin+"/signin")
	form := url.Values{"name": {"mallory"}, "passphrase": {passphrase}, "csrf_token": {hiddenToken.FindStringSubmatch(page)[1]}}.Encode()
	guest := "satra=" + s.anonymous()
	for from, header := range evil {
		for who, cookie := range map[string]string{"a guest": guest, "the victim": s.cookie(s.victim), "a browser without a session": ""} {
			for _, path := range []string{"/signin", "/signup"} {
				resp, body := s.attack("POST", path, form, cookie, header...)
				s.wantRefused("a form from "+from+" for "+who+" at "+path, resp, body, 403)
			}
		}
	}
	// As if from our own page, with the token of the attacker's session: it is not
	// this browser's.
	resp, _ := s.attack("POST", "/signin", form, guest, "Sec-Fetch-Site", "same-origin")
	if resp.StatusCode == 200 || len(resp.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("with a token of the attacker's session: got %d with %q", resp.StatusCode, resp.Header.Values("Set-Cookie"))
	}
	if _, body := s.attack("GET", "/api/session/info", "", guest); strings.Contains(body, `"principal":"a`) || !strings.Contains(body, `"principal":""`) {
		t.Errorf("the guest is signed in: %s", body)
	}
	s.wantUnharmed("login CSRF")
}

// TestFormsFromElsewhere posts every form there is, with the victim's cookie.
func TestFormsFromElsewhere(t *testing.T) {
	s := stage(t)
	cookie := s.cookie(s.victim)
	for from, header := range evil {
		for path, form := range map[string]string{
			"/watchlist/add": "symbol=INFY", "/watchlist/remove": "symbol=INFY", "/preferences/theme": "theme=dark",
			"/session/extend": "a=b", "/session/end": "a=b", "/reauth": "passphrase=" + url.QueryEscape(passphrase) + "&act=/security/end-all",
			"/security/end": "id=x", "/security/end-others": "a=b", "/security/end-all": "a=b", "/security/passphrase": "passphrase=x&again=x",
			"/api/session/clear": "a=b", "/api/session/extend": "a=b", "/api/session/validate-csrf": "csrf_token=x", "/api/session/devices/revoke-others": "a=b",
		} {
			resp, body := s.attack("POST", path, form, cookie, header...)
			s.wantRefused("a form from "+from+" at "+path, resp, body, 403)
		}
	}
	// Neither from elsewhere nor with a token.
	resp, body := s.attack("POST", "/session/end", "a=b", cookie)
	s.wantRefused("a form without a token", resp, body, 403)
	s.wantUnharmed("forms from elsewhere")
}

// TestAWebSocketFromElsewhere begins a handshake as a page of somebody else's does:
// browsers send the cookie along and no Sec-Fetch-Site.
func TestAWebSocketFromElsewhere(t *testing.T) {
	s := stage(t)
	for from, header := range evil {
		if strings.HasPrefix(header[0], "Sec") && len(header) == 2 {
			continue // a handshake always has an Origin
		}
		for _, path := range []string{"/", "/market", "/api/session/events"} {
			resp, body := s.attack("GET", path, "", s.cookie(s.victim), append([]string{
				"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==",
			}, header...)...)
			s.wantRefused("a handshake from "+from+" at "+path, resp, body, 403)
		}
	}
	s.wantUnharmed("a WebSocket from elsewhere")
}

// TestDNSRebinding asks by a name of the attacker's that resolves to this machine:
// for the browser, its page and the dashboard are one origin then.
func TestDNSRebinding(t *testing.T) {
	s := stage(t)
	for _, host := range []string{"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "[::ffff:203.0.113.7]"} {
		for _, path := range []string{"/", "/signin", "/market", "/api/session/info", "/api/session/csrf-token", "/static/nope"} {
			for _, method := range []string{"GET", "POST"} {
				resp, body := s.attack(method, path, "", s.cookie(s.victim), "Host", host, "Origin", "http://"+host, "Sec-Fetch-Site", "same-origin")
				s.wantRefused(method+" "+path+" by the name "+host, resp, body, 421)
			}
		}
	}
	s.wantUnharmed("DNS rebinding")
}

// TestNobodySignsTheVictimOut shows every token that an attacker can have short of
// the victim's own: her session's ID, which is no secret, a token that was hers
// before she signed in, and whatever he makes up.
func TestNobodySignsTheVictimOut(t *testing.T) {
	s := stage(t)
	guest := browser(t)
	get(t, guest, s.origin+"/signin")
	old := s.cookie(guest)
	signIn(t, guest, s.origin, "asha")
	s.victim = guest
	id := strings.TrimPrefix(s.cookie(guest), "satra=")[:21]
	for range 20 {
		for what, cookie := range map[string]string{
			"the token from before the sign-in": old, "her ID and a guess": "satra=" + id + strings.Repeat("B", 43), "a guess": "satra=" + strings.Repeat("C", 64),
		} {
			for _, agent := range []string{"curl/8", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"} {
				resp, _ := s.attack("GET", "/security", "", cookie, "User-Agent", agent)
				if resp.StatusCode == 200 {
					t.Errorf("%s opens the page", what)
				}
				s.attack("POST", "/session/end", "a=b", cookie, "User-Agent", agent)
			}
		}
	}
	s.wantUnharmed("showing old and made-up tokens")
}
