package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// A scene is the running program, a victim who is signed in, and the account of
// an attacker. The victim is asha, the attacker mallory.
type scene struct {
	*running
	t         *testing.T
	end       func() // the program, once
	data      string
	name      string            // of the session's cookie
	transport http.RoundTripper // over HTTPS; nil: plain HTTP
	victim    *http.Client
}

// stage is a scene over plain HTTP, as the program starts by itself.
func stage(t *testing.T) *scene {
	t.Helper()
	return (&scene{t: t, name: "satra"}).begin()
}

func (s *scene) begin(args ...string) *scene {
	s.t.Helper()
	s.data = s.t.TempDir()
	for _, name := range []string{"asha", "mallory"} {
		if _, err := add(s.t, passphrase, "-data-dir", s.data, "-add-account", name); err != nil {
			s.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	s.running, s.victim = start(s.t, ctx, s.data, args...), s.browser()
	s.end = sync.OnceFunc(func() {
		cancel()
		s.wantEnd()
	})
	s.t.Cleanup(s.end)
	s.signIn(s.victim, "asha")
	return s
}

// browser is one that keeps the dashboard's cookies.
func (s *scene) browser() *http.Client {
	c := browser(s.t)
	c.Transport = s.transport
	return c
}

func (s *scene) signIn(c *http.Client, name string) {
	s.t.Helper()
	if page := signIn(s.t, c, s.origin, name); !strings.Contains(page, "<strong>"+name+"</strong>") {
		s.t.Fatalf("after the sign-in:\n%s", page)
	}
}

// token is the secret that a browser has of the dashboard.
func (s *scene) token(c *http.Client) string {
	s.t.Helper()
	u, err := url.Parse(s.origin)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range c.Jar.Cookies(u) {
		if c.Name == s.name {
			return c.Value
		}
	}
	s.t.Fatal("the browser has no session")
	return ""
}

// cookie is what a browser sends.
func (s *scene) cookie(c *http.Client) string { return s.name + "=" + s.token(c) }

// plant has a browser keep a cookie that the dashboard has not set.
func (s *scene) plant(c *http.Client, cookies ...*http.Cookie) {
	s.t.Helper()
	u, err := url.Parse(s.origin)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, cookie := range cookies {
		cookie.Secure = s.transport != nil
	}
	if c.Jar == nil {
		c.Jar, _ = cookiejar.New(nil)
	}
	c.Jar.SetCookies(u, cookies)
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
	return send(s.t, &http.Client{Transport: s.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, r)
}

// wantRefused wants that answer, and that the browser's cookies are left alone.
func (s *scene) wantRefused(what string, resp *http.Response, body string, status int, code string) {
	s.t.Helper()
	if resp.StatusCode != status || !strings.Contains(body, `"code":"`+code+`"`) {
		s.t.Errorf("%s: got %d, want %d %s\n%.300s", what, resp.StatusCode, status, code, body)
	}
	s.wantCookiesLeft(what, resp)
}

// wantCookiesLeft wants that a response sets and deletes none.
func (s *scene) wantCookiesLeft(what string, resp *http.Response) {
	s.t.Helper()
	if set := resp.Header.Values("Set-Cookie"); len(set) > 0 || resp.Header.Get("Clear-Site-Data") != "" {
		s.t.Errorf("%s: got the cookies %q and Clear-Site-Data %q, want neither", what, set, resp.Header.Get("Clear-Site-Data"))
	}
}

// principal is whose session a cookie is to the session API, "" for nobody's.
func (s *scene) principal(cookie string) string {
	s.t.Helper()
	_, body := s.attack("GET", "/api/session/info", "", cookie)
	var info struct{ Session struct{ Principal string } }
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		s.t.Errorf("%v: %s", err, body)
	}
	return info.Session.Principal
}

// wantUnharmed wants that the victim is signed in as before.
func (s *scene) wantUnharmed(what string) {
	s.t.Helper()
	before := s.token(s.victim)
	_, page := get(s.t, s.victim, s.origin+"/")
	if s.principal(s.cookie(s.victim)) == "" || !strings.Contains(page, "<strong>asha</strong>") || s.token(s.victim) != before {
		s.t.Errorf("after %s the victim is not signed in as asha, in the session of before:\n%s", what, page)
	}
	if strings.Contains(page, "INFY</") || strings.Contains(page, `data-theme="dark"`) {
		s.t.Errorf("%s has changed the victim's watchlist or theme", what)
	}
}

// recorded ends the program and reads its audit log.
func (s *scene) recorded() []audit.Entry {
	s.t.Helper()
	s.end()
	return logOf(s.t, s.data)
}

// wantRecorded wants that a kind of refusal was written down as often as it
// happened. Refusals from one address are counted together.
func (s *scene) wantRecorded(entries []audit.Entry, kind satra.Kind, times int) {
	s.t.Helper()
	n := 0
	for _, e := range entries {
		if e.Kind == kind {
			n += e.Count
			if e.Address.String() != "127.0.0.1" || e.Request == "" || e.Path == "" {
				s.t.Errorf("got %+v, want from where, by which request, to what", e)
			}
		}
	}
	if n != times {
		s.t.Errorf("the log has %d of %s, want %d", n, kind, times)
	}
}

// anonymous is the token of a session that an attacker has begun, and the CSRF
// token of its form.
func (s *scene) anonymous() (token, csrf string) {
	s.t.Helper()
	resp, page := s.attack("GET", "/signin", "", "")
	form := hiddenToken.FindStringSubmatch(page)
	for _, c := range resp.Cookies() {
		if c.Name == s.name && form != nil {
			return c.Value, form[1]
		}
	}
	s.t.Fatal("no session was begun")
	return "", ""
}
