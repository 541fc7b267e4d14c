package web_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/satratest"
)

// A visitor is a browser in front of a dashboard, without a network.
type visitor struct {
	t      *testing.T
	site   http.Handler
	clock  *satratest.Clock
	log    *bytes.Buffer
	cookie string
}

func newVisitor(t *testing.T, c web.Config) *visitor {
	t.Helper()
	return visiting(t, memstore.New(nil), c)
}

func visiting(t *testing.T, store satra.Store, c web.Config) *visitor {
	t.Helper()
	v := &visitor{t: t, clock: satratest.NewClock(), log: &bytes.Buffer{}}
	c.Now, c.InsecureCookie = v.clock.Now, true
	if c.Calendar == nil {
		c.Calendar = market.NSE()
	}
	c.Log = slog.New(slog.NewTextHandler(v.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	site, err := web.New(store, c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { site.Close(context.Background()) })
	v.site = site
	return v
}

func (v *visitor) do(method, path string, form url.Values, header ...string) (*http.Response, string) {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, "http://localhost:8080"+path, body)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-User", "?1")
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	v.site.ServeHTTP(w, r)
	resp := w.Result()
	for _, c := range resp.Cookies() {
		if v.cookie = c.Name + "=" + c.Value; c.MaxAge < 0 {
			v.cookie = ""
		}
	}
	return resp, w.Body.String()
}

func (v *visitor) get(path string, header ...string) (*http.Response, string) {
	v.t.Helper()
	return v.do("GET", path, nil, header...)
}

var tokenOf = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)

// submit fills in a form of the first page and follows where it leads.
func (v *visitor) submit(path string, fields ...string) (*http.Response, string) {
	v.t.Helper()
	_, page := v.get("/")
	form := url.Values{"csrf_token": {tokenOf.FindStringSubmatch(page)[1]}}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		form.Set(name, value)
	}
	resp, body := v.do("POST", path, form)
	if resp.StatusCode == http.StatusSeeOther {
		return v.get(resp.Header.Get("Location"))
	}
	return resp, body
}

func (v *visitor) want(resp *http.Response, body string, status int, texts ...string) {
	v.t.Helper()
	if resp.StatusCode != status {
		v.t.Errorf("got %d, want %d:\n%s", resp.StatusCode, status, body)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			v.t.Errorf("the page lacks %q:\n%s", text, body)
		}
	}
}

func TestTheFirstPage(t *testing.T) {
	v := newVisitor(t, web.Config{})
	resp, body := v.get("/")
	v.want(resp, body, 200, "Guest", "not signed in", "Ends at 10:30:00 IST unless you use it", "Firefox on Windows", "<h1 id=\"market-title\">NSE cash market")
	first := v.cookie
	resp, body = v.get("/")
	if v.cookie != first || resp.Header["Set-Cookie"] != nil {
		t.Error("a reload made another session")
	}
	v.want(resp, body, 200)
}

func TestPreferencesAreKept(t *testing.T) {
	v := newVisitor(t, web.Config{})
	resp, body := v.submit("/watchlist/add", "symbol=m&m")
	v.want(resp, body, 200, "Added to your watchlist", "M&amp;M")
	resp, body = v.submit("/watchlist/add", "symbol=NIFTY 50")
	v.want(resp, body, 200, "NIFTY 50")
	resp, body = v.submit("/preferences/theme", "theme=dark")
	v.want(resp, body, 200, `data-theme="dark"`, "Your theme was saved")
	resp, body = v.submit("/watchlist/remove", "symbol=M&M")
	v.want(resp, body, 200, "Removed")
	if strings.Contains(body, "Remove M&amp;M") || !strings.Contains(body, "Remove NIFTY 50") {
		t.Errorf("got another watchlist than NIFTY 50:\n%s", body)
	}
	resp, body = v.submit("/preferences/theme", "theme=system")
	if v.want(resp, body, 200); strings.Contains(body, "data-theme") {
		t.Error("the system's theme is not back")
	}
}

func TestBadFormsAreRefusedAndLoseNothing(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.submit("/watchlist/add", "symbol=INFY")
	for _, test := range []struct{ path, field, text string }{
		{"/watchlist/add", "symbol=<b>", "is not in the list of symbols"},
		{"/watchlist/add", "symbol=", "is not in the list of symbols"},
		{"/watchlist/add", "symbol=\xff", "is not in the list of symbols"},
		{"/preferences/theme", "theme=pink", "one of system, light and dark"},
	} {
		resp, body := v.submit(test.path, test.field)
		v.want(resp, body, 400, test.text)
		if strings.Contains(body, "<b>") {
			t.Errorf("%s: what was typed is not escaped", test.path)
		}
	}
	resp, body := v.get("/")
	v.want(resp, body, 200, "Remove INFY")
	for _, symbol := range market.Instruments() {
		v.submit("/watchlist/add", "symbol="+symbol.Symbol)
	}
	resp, body = v.submit("/watchlist/add", "symbol="+market.Instruments()[99].Symbol)
	v.want(resp, body, 400, "holds 50 symbols")
	resp, body = v.submit("/watchlist/add", "symbol="+strings.Repeat("x", 100<<10))
	v.want(resp, body, 413, "The form is larger than 64 kB.")
}

func TestAFormWithoutItsTokenChangesNothing(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.get("/")
	for _, path := range []string{"/watchlist/add", "/watchlist/remove", "/preferences/theme", "/session/extend", "/session/end"} {
		resp, body := v.do("POST", path, url.Values{"csrf_token": {"wrong"}})
		v.want(resp, body, 403, "This form is out of date")
		resp, body = v.do("POST", path, url.Values{}, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example")
		v.want(resp, body, 403, "another site")
		resp, body = v.get(path)
		v.want(resp, body, 405)
		if resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s: got Allow %q", path, resp.Header.Get("Allow"))
		}
	}
	resp, body := v.get("/")
	v.want(resp, body, 200)
}

func TestEndingTheSession(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.get("/")
	old := v.cookie
	resp, body := v.submit("/session/end")
	v.want(resp, body, 200, "You ended the session")
	if v.cookie != "" {
		t.Error("the cookie is still there")
	}
	v.cookie = old
	resp, body = v.get("/")
	v.want(resp, body, 401, "Your session has ended", "You signed out")
}

func TestAPageThatPollsAndReloadsItselfEndsAllTheSame(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: 10 * time.Minute})
	v.get("/")
	for range 9 {
		v.clock.Advance(time.Minute)
		resp, body := v.get("/market", "X-Session-Background: 1", "Sec-Fetch-Mode: cors", "Sec-Fetch-User: ")
		v.want(resp, body, 200)
		resp, body = v.get("/", "Sec-Fetch-User: ")
		v.want(resp, body, 200)
	}
	v.clock.Advance(time.Minute)
	resp, body := v.get("/")
	v.want(resp, body, 401, "nothing happened for 10 minutes")
}

func TestExpirySaysWhyAndThenBeginsAgain(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: 10 * time.Minute})
	v.get("/")
	v.clock.Advance(10 * time.Minute)
	resp, body := v.get("/market", "X-Session-Background: 1", "Accept: application/json", "Sec-Fetch-Mode: cors", "Sec-Fetch-User: ")
	v.want(resp, body, 200) // the market is open to all, and leaves the reason to the page
	resp, body = v.get("/")
	v.want(resp, body, 401, "Your session has ended", "nothing happened for 10 minutes", "Begin a new session")
	resp, body = v.get("/")
	v.want(resp, body, 200, "Guest")
}

func TestTheFormOfAnExpiredPage(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: time.Minute})
	_, page := v.get("/")
	v.clock.Advance(time.Minute)
	resp, body := v.do("POST", "/watchlist/add", url.Values{"csrf_token": {tokenOf.FindStringSubmatch(page)[1]}, "symbol": {"INFY"}})
	v.want(resp, body, 401, "Your session has ended")
	resp, body = v.get("/")
	if v.want(resp, body, 200); strings.Contains(body, "Remove INFY") {
		t.Error("the form of the expired page was carried out in a new session")
	}
}

func TestHostsThatAreNotOurs(t *testing.T) {
	v := newVisitor(t, web.Config{Hosts: []string{"localhost:8080", "dash.example"}})
	for host, want := range map[string]int{
		"localhost:8080": 200, "dash.example": 200, "DASH.example": 200,
		"evil.example": 421, "localhost:8081": 421, "localhost": 421, "dash.example.evil.example": 421, "": 421,
	} {
		v.cookie = ""
		resp, body := v.get("/", "Host: "+host)
		if resp.StatusCode != want || want == 421 && resp.Header["Set-Cookie"] != nil {
			t.Errorf("host %q: got %d with %q, want %d", host, resp.StatusCode, resp.Header["Set-Cookie"], want)
		}
		_ = body
	}
	resp, body := v.get("/api/session/info", "Host: evil.example", "Accept: application/json")
	v.want(resp, body, 421, "MISDIRECTED_REQUEST")
}

func TestEveryResponseIsGuarded(t *testing.T) {
	v := newVisitor(t, web.Config{})
	for _, path := range []string{"/", "/nope", "/ended", "/market", "/api/session/info", "/static/nope.js"} {
		resp, body := v.get(path)
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: got Content-Security-Policy %q", path, csp)
		}
		if h := resp.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" {
			t.Errorf("%s: got headers %v", path, h)
		}
		for _, inline := range []string{"<style", " style=", "javascript:", " onclick", " onload", "http://", "https://"} {
			if strings.Contains(body, inline) {
				t.Errorf("%s: the page has %q: inline, or from elsewhere", path, inline)
			}
		}
	}
	if resp, _ := v.get("/"); resp.Header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS over plain HTTP")
	}
}

func TestBehindAProxy(t *testing.T) {
	v := newVisitor(t, web.Config{Proxies: []string{"192.0.2.1"}, PublicOrigin: "https://dash.example", Hosts: []string{"dash.example"}})
	resp, body := v.get("/", "Host: dash.example", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")
	v.want(resp, body, 200, "from 203.0.113.9")
	if resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over HTTPS")
	}
}

func TestAPanicIsAPageAndSavesNothing(t *testing.T) {
	v := visiting(t, panicking{Store: memstore.New(nil)}, web.Config{})
	resp, body := v.get("/")
	v.want(resp, body, 500, "Something went wrong on our side")
	if strings.Contains(body, "boom") || !strings.Contains(v.log.String(), "boom") {
		t.Error("the panic belongs in the log and not on the page")
	}
}

type panicking struct{ satra.Store }

func (panicking) Create(context.Context, *satra.Record) error { panic("boom") }

func TestAStoreThatIsDown(t *testing.T) {
	store := &down{Store: memstore.New(nil)}
	v := visiting(t, store, web.Config{})
	v.get("/")
	before := v.cookie
	store.is = true
	resp, body := v.get("/")
	v.want(resp, body, 503, "Your session is not lost")
	store.is = false
	resp, body = v.get("/")
	v.want(resp, body, 200)
	if v.cookie != before {
		t.Error("the session was lost")
	}
}

type down struct {
	satra.Store
	is bool
}

func (d *down) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	if d.is {
		return nil, satra.ErrUnavailable
	}
	return d.Store.Find(ctx, id, f)
}

func TestTheLogHasNoSecrets(t *testing.T) {
	v := newVisitor(t, web.Config{})
	_, page := v.get("/?q=" + "topsecret")
	v.submit("/watchlist/add", "symbol=INFY")
	_, token, _ := strings.Cut(v.cookie, "=")
	for name, secret := range map[string]string{
		"the token": token, "the token's secret": token[22:], "a CSRF token": tokenOf.FindStringSubmatch(page)[1], "the query": "topsecret",
	} {
		if strings.Contains(v.log.String(), secret) {
			t.Errorf("%s was logged:\n%s", name, v.log)
		}
	}
	if strings.Contains(page, token) || strings.Contains(page, token[22:]) {
		t.Error("the page holds the token")
	}
	if !strings.Contains(v.log.String(), "event.kind=created") {
		t.Errorf("the log lacks the session's begin:\n%s", v.log)
	}
}
