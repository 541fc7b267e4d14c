package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/satratest"
)

// A watched dashboard is the program with a clock that the test moves, behind a proxy
// that it trusts, so that clients come from wherever they say.
type watched struct {
	t      *testing.T
	data   string
	clock  *satratest.Clock
	site   *web.Site
	audit  *audit.Log
	watch  *watch
	origin string
	log    *lines
	close  func()
}

// watchOver serves accounts of these names.
func watchOver(t *testing.T, names []string, args ...string) *watched {
	t.Helper()
	w := &watched{t: t, data: t.TempDir(), clock: satratest.NewClock(), log: new(lines)}
	s, err := settings.Load(append([]string{"-data-dir", w.data, "-trusted-proxies", "127.0.0.0/8"}, args...), []string{"DETECTION=enforce"}, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	f, err := loadFiles(s)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { // time goes on a little whenever somebody looks
		w.clock.Advance(time.Microsecond)
		return w.clock.Now()
	}
	p, err := open(t.Context(), s, f, newLog(s, w.log), now)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.book.Close(); err != nil {
		t.Fatal(err)
	}
	if p.book, err = accounts.Open(t.Context(), s.DatabaseName(), &accounts.Options{InsecureCheapHashes: true}); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := p.book.Create(t.Context(), name, passphrase); err != nil {
			t.Fatal(err)
		}
	}
	w.audit = p.audit.log
	server := httptest.NewUnstartedServer(nil)
	w.origin = "http://" + server.Listener.Addr().String()
	if w.site, err = p.site(s, f, server.Listener.Addr().(*net.TCPAddr).Port, newLog(s, w.log), now); err != nil {
		t.Fatal(err)
	}
	w.watch = p.audit.watch
	server.Config.Handler = w.site
	server.Start()
	w.close = sync.OnceFunc(func() {
		server.Close()
		if err := w.site.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.close)
	return w
}

// said is the program's log without the requests.
func (w *watched) said() string {
	var b strings.Builder
	for line := range strings.Lines(w.log.String()) {
		if !strings.Contains(line, "msg=request") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// A visit is how a client comes: its browser, and the address that it has.
type visit struct{ agent, from string }

func (v *visit) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", v.agent)
	r.Header.Set("X-Forwarded-For", v.from)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-User", "?1")
	return http.DefaultTransport.RoundTrip(r)
}

// The browsers of the tests, and where they are.
const (
	aFirefox = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
	aChrome  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
	aPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
	home     = "203.0.113.7"
	abroad   = "198.51.100.9"
)

// A client is a browser that follows no redirect.
type client struct {
	*http.Client
	*visit
	w *watched
}

func (w *watched) client(agent, from string) *client {
	w.t.Helper()
	c := &client{browser(w.t), &visit{agent, from}, w}
	c.Client.Transport = c.visit
	c.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// thief has the cookies of another, and a browser and an address of its own.
func (c *client) thief(agent, from string) *client {
	c.w.t.Helper()
	thief := c.w.client(agent, from)
	u, _ := url.Parse(c.w.origin)
	thief.Jar.SetCookies(u, c.Jar.Cookies(u))
	return thief
}

// get returns the status and where the answer leads, or its body.
func (c *client) get(path string) (status int, text string) {
	c.w.t.Helper()
	resp, body := get(c.w.t, c.Client, c.w.origin+path)
	if to := resp.Header.Get("Location"); to != "" {
		return resp.StatusCode, to
	}
	return resp.StatusCode, body
}

// post fills in a form that is on a page.
func (c *client) post(page, path string, fields ...string) (status int, text string) {
	c.w.t.Helper()
	_, body := c.get(page)
	return c.send(path, body, fields...)
}

// send sends a form that is on a page that was loaded before.
func (c *client) send(path, body string, fields ...string) (status int, text string) {
	c.w.t.Helper()
	token := hiddenToken.FindStringSubmatch(body)
	if token == nil {
		c.w.t.Fatalf("there is no form:\n%s", body)
	}
	form := url.Values{"csrf_token": {token[1]}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(c.w.t.Context(), "POST", c.w.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", c.w.origin)
	resp, text := send(c.w.t, c.Client, r)
	if to := resp.Header.Get("Location"); to != "" {
		return resp.StatusCode, to
	}
	return resp.StatusCode, text
}

func (c *client) signIn(name string) *client {
	c.w.t.Helper()
	if status, to := c.post("/signin", "/signin", "name", name, "passphrase", passphrase); status != http.StatusSeeOther {
		c.w.t.Fatalf("the sign-in of %s: got %d %s", name, status, to)
	}
	return c
}

// session is the ID of the session that the client has.
func (c *client) session() satra.ID {
	c.w.t.Helper()
	_, info := c.get("/api/session/info")
	_, rest, _ := strings.Cut(info, `"session_id":"`)
	text, _, _ := strings.Cut(rest, `"`)
	id, err := satra.ParseID(text)
	if err != nil {
		c.w.t.Fatalf("%v: %s", err, info)
	}
	return id
}

// until asks for a page until it is answered so: what a policy does follows the request
// that was found, and is not waited for by anybody.
func (c *client) until(path string, status int, text string) {
	c.w.t.Helper()
	gotStatus, got := 0, ""
	for range 2000 {
		if gotStatus, got = c.get(path); gotStatus == status && strings.Contains(got, text) {
			return
		}
	}
	c.w.t.Errorf("%s: got %d %.300s, want %d with %q\nthe program's log:\n%s", path, gotStatus, got, status, text, c.w.said())
}

// untilSaid asks for a page until the program's log says so.
func (c *client) untilSaid(path, text string) {
	c.w.t.Helper()
	for range 2000 {
		if strings.Contains(c.w.said(), text) {
			return
		}
		c.get(path)
	}
	c.w.t.Errorf("the program's log does not say %q:\n%s", text, c.w.said())
}

// untilAsked waits until the session is led to where a proof is given.
func (c *client) untilAsked() {
	c.w.t.Helper()
	c.until("/", http.StatusSeeOther, "/reauth")
}

// wantIn is that the session goes on, and nobody asks it for anything.
func (c *client) wantIn(why string) {
	c.w.t.Helper()
	if status, text := c.get("/security"); status != http.StatusOK {
		c.w.t.Errorf("%s: got %d %.300s\nthe program's log:\n%s", why, status, text, c.w.said())
	}
}

// prove gives the passphrase where it is asked for.
func (c *client) prove() {
	c.w.t.Helper()
	if status, to := c.post("/reauth", "/reauth", "passphrase", passphrase); status != http.StatusSeeOther {
		c.w.t.Errorf("the proof: got %d %.300s", status, to)
	}
}

// entries ends the program and returns its log's entries of a kind, oldest first.
func (w *watched) entries(kind string) (all []audit.Entry) {
	w.t.Helper()
	w.close()
	for _, e := range logOf(w.t, w.data) {
		if string(e.Kind) == kind {
			all = append(all, e)
		}
	}
	return all
}

// wantFinding is that the rule spoke, and said so.
func (w *watched) wantFinding(rule, fact string) audit.Entry {
	w.t.Helper()
	all := w.entries(string(audit.KindFinding))
	for _, e := range all {
		if string(e.Reason) == rule && strings.Contains(e.Detail, fact) {
			return e
		}
	}
	w.t.Errorf("no finding of %s says %q, but %+v", rule, fact, all)
	return audit.Entry{}
}

// wantAct is that the policy acted once, for that rule: it is written before and after,
// with the finding, its entries and the request.
func (w *watched) wantAct(kind, rule string, because audit.Entry) {
	w.t.Helper()
	var acts []audit.Entry
	for _, e := range w.entries(kind) {
		if e.Actor == policyActor && strings.HasPrefix(e.Detail, rule+": ") {
			acts = append(acts, e)
		}
	}
	if len(acts) != 2 || acts[0].Outcome != audit.Intent || acts[1].Outcome != "" {
		w.t.Errorf("got acts %+v, want an intent and what came of it", acts)
		return
	}
	for _, e := range acts {
		if e.Principal == "" || e.Session != because.Session || e.Request != because.Request || !strings.Contains(e.Detail, because.Detail) || !strings.Contains(e.Detail, "(entries "+e.Writer+"/") {
			w.t.Errorf("got %+v, want the session, the request and the finding of %+v", e, because)
		}
	}
}
