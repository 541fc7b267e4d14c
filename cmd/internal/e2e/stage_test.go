// Package e2e tests the dashboard as people meet it: the program's own site
// behind a server on the loopback interface, in real Chromium. ./scripts/test
// runs it and installs Chromium; the whole package is tests.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/cmd/internal/chrome"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/satratest"
)

func TestMain(m *testing.M) { os.Exit(chrome.Main(m)) }

// idle is the idle timeout of the sessions here: long enough for the client's
// warning, five minutes ahead, to be news.
const idle = 20 * time.Minute

// A stage is a dashboard and a tab in front of it, whose clocks move together.
type stage struct {
	*chrome.Tab
	t     testing.TB
	url   string
	site  *web.Site
	clock *satratest.Clock

	mu       sync.Mutex
	requests []string // "METHOD URL", as the browser sent them
	log      bytes.Buffer
}

// Write takes the log of the server, which goes on while the test reads it.
func (s *stage) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

func (s *stage) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// play starts a dashboard and opens its first page.
func play(t testing.TB) *stage {
	t.Helper()
	s := prepare(t)
	s.open("/")
	return s
}

// prepare starts a dashboard and opens an empty tab.
func prepare(t testing.TB) *stage {
	t.Helper()
	return prepareOn(t, memstore.New(nil))
}

// prepareOn is prepare with a store of the test's own.
func prepareOn(t testing.TB, store satra.Store) *stage {
	t.Helper()
	return prepareBehind(t, store, false)
}

// prepareTLS is prepare over HTTPS, and HTTP/2.
func prepareTLS(t testing.TB) *stage {
	t.Helper()
	return prepareBehind(t, memstore.New(nil), true)
}

func prepareBehind(t testing.TB, store satra.Store, https bool) *stage {
	t.Helper()
	s := &stage{t: t, clock: satratest.NewClock()}
	book, err := accounts.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "app.db"), &accounts.Options{InsecureCheapHashes: true})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := audit.NewRing(audit.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	history, err := audit.Open(t.Context(), audit.NewMemory(0), &audit.Options{Keys: keys, Now: s.clock.Now, Window: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	site, err := web.New(store, web.Config{
		Accounts: book, Audit: history, SignUp: true, IdleTimeout: idle, InsecureCookie: !https, Calendar: market.NSE(), Now: s.clock.Now,
		Log: slog.New(slog.NewTextHandler(s, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(site)
	if server.EnableHTTP2 = https; https {
		server.StartTLS()
	} else {
		server.Start()
	}
	s.url, s.site = server.URL, site
	t.Cleanup(func() {
		err := site.Close(context.Background()) // first: it ends open streams
		server.Close()
		if err := errors.Join(err, book.Close(), history.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	s.Tab = chrome.New(t)
	s.watchRequests()
	return s
}

// watchRequests notes what the browser asks for, and fails the test if it asks
// anybody but the dashboard.
func (s *stage) watchRequests() {
	if _, err := chromedp.Call(s.Context(), network.Enable, network.EnableParams{}); err != nil {
		s.t.Fatal(err)
	}
	err := chromedp.Listen(s.Context(), func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, e.Request.Method+" "+e.Request.URL)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// asked lists the requests of the browser that are for path, or all of them.
func (s *stage) asked(path string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, r := range s.requests {
		if path == "" || strings.HasSuffix(r, path) {
			list = append(list, r)
		}
	}
	return list
}

// open loads a page and waits until the client, if the page has it, has heard
// from the server.
func (s *stage) open(path string) {
	s.t.Helper()
	s.Navigate(s.url + path)
	s.ready()
}

func (s *stage) ready() {
	s.t.Helper()
	s.Settle(`document.readyState === "complete" && (!document.getElementById("session-bar") || window.sessionManager?.session)`)
}

// pass lets time pass on the server and in the page, in steps that are short
// enough for both to agree.
func (s *stage) pass(d time.Duration) {
	s.t.Helper()
	const step = 4 * time.Second
	for ; d > 0; d -= step {
		s.clock.Advance(min(d, step))
		s.Advance(min(d, step))
	}
}

// text is what an element says, "" if there is none.
func (s *stage) text(selector string) string {
	s.t.Helper()
	return chrome.Eval[string](s.Tab, `document.querySelector(`+quote(selector)+`)?.innerText ?? ""`)
}

// wantText waits until an element says something with that in it.
func (s *stage) wantText(selector, want string) {
	s.t.Helper()
	s.Settle(`document.querySelector(` + quote(selector) + `)?.innerText.includes(` + quote(want) + `)`)
}

func quote(text string) string { return "`" + text + "`" }

// remaining is what the session bar counts down, in seconds.
func (s *stage) remaining() int {
	s.t.Helper()
	return chrome.Eval[int](s.Tab, `Number(document.getElementById("session-bar").dataset.remaining ?? -1)`)
}

func (s *stage) wantRemaining(want time.Duration) {
	s.t.Helper()
	if got := s.remaining(); got < int(want.Seconds())-5 || got > int(want.Seconds())+5 {
		s.t.Errorf("the bar counts %d s, want %v; it says %q", got, want, s.text("#session-text"))
	}
}

// cookie is the session's, which no script can read; "" if there is none.
func (s *stage) cookie() string {
	s.t.Helper()
	got, err := chromedp.Call(s.Context(), network.GetCookies, network.GetCookiesParams{URLs: []string{s.url}})
	if err != nil {
		s.t.Fatal(err)
	}
	var values []string
	for _, c := range got.Cookies {
		if strings.HasSuffix(c.Name, "-device") {
			continue // that of the browser, not of a session
		}
		if !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != "/" {
			s.t.Errorf("the cookie %s is HttpOnly %v, SameSite %q, Path %q", c.Name, c.HTTPOnly, c.SameSite, c.Path)
		}
		values = append(values, c.Name+"="+c.Value)
	}
	if len(values) > 1 {
		s.t.Errorf("the browser has %d cookies, want one", len(values))
	}
	return strings.Join(values, "; ")
}

// send makes a request without the browser, with a cookie of the test's choice,
// and returns status and body.
func (s *stage) send(method, path, cookie string, form url.Values) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
