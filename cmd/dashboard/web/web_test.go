package web_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
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
	cookie string // the session's
	device string // that of the browser, if it has one
	addr   string
}

// book holds the accounts of all tests here, each with names of its own.
var book *accounts.Book

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "satra-web-")
	if err == nil {
		book, err = accounts.Open(context.Background(), "sqlite:"+filepath.Join(dir, "app.db"), &accounts.Options{InsecureCheapHashes: true})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	book.Close()
	os.RemoveAll(dir)
	os.Exit(code)
}

func newVisitor(t *testing.T, c web.Config) *visitor {
	t.Helper()
	return visiting(t, memstore.New(nil), c)
}

func visiting(t *testing.T, store satra.Store, c web.Config) *visitor {
	t.Helper()
	v := &visitor{t: t, clock: satratest.NewClock(), log: &bytes.Buffer{}, addr: "192.0.2.1:1234"}
	c.Now, c.InsecureCookie = v.clock.Now, true
	if c.Accounts == nil {
		c.Accounts = book
	}
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
	r.RemoteAddr = v.addr
	if both := strings.Trim(v.cookie+"; "+v.device, "; "); both != "" {
		r.Header.Set("Cookie", both)
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
		if strings.HasSuffix(c.Name, "-device") {
			v.device = c.Name + "=" + c.Value
			continue
		}
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
