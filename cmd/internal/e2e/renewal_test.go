package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/chrome"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/satratest"
)

// A renewing is an application whose tokens are renewed after half an hour, and a
// browser that is signed in to it.
type renewing struct {
	*chrome.Tab
	t      *testing.T
	clock  *satratest.Clock
	server *httptest.Server
}

const renewAfter = 30 * time.Minute

func newRenewing(t *testing.T) *renewing {
	t.Helper()
	s := &renewing{t: t, clock: satratest.NewClock()}
	m, err := satra.New(memstore.New(&memstore.Options{Now: s.clock.Now}), &satra.Options{
		InsecureCookie: true, RenewAfter: renewAfter, Now: s.clock.Now, SweepEvery: satra.Never, Lifetime: satra.Never,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><title>Renewal</title>`)
	})
	mux.HandleFunc("/signin", func(w http.ResponseWriter, r *http.Request) {
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		if err == nil {
			err = attempt.Complete(r.Context(), "password")
		}
		if err != nil {
			satra.WriteError(w, r, err)
		}
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) {
		got, err := satra.From(r.Context())
		if err != nil {
			satra.WriteError(w, r, err)
			return
		}
		io.WriteString(w, got.Principal)
	})
	inside := m.Handler(mux)
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("lost") == "" {
			inside.ServeHTTP(w, r)
			return
		}
		inside.ServeHTTP(httptest.NewRecorder(), r) // answered, and the answer never arrives
		panic(http.ErrAbortHandler)
	}))
	s.server.Config.ErrorLog = nil
	t.Cleanup(func() {
		s.server.Close()
		m.Close(t.Context())
	})
	s.Tab = chrome.New(t)
	s.Expect(`Failed to load resource`) // what is lost is told on the console
	s.Navigate(s.server.URL + "/")
	s.fetch(`fetch("/signin", {method: "POST"})`, `status === 200`)
	return s
}

// fetch runs a promise of a response, and holds what comes of it against a
// condition.
func (s *renewing) fetch(promise, want string) {
	s.t.Helper()
	s.Run(`window.said = undefined; ` + promise + `.then(async r => window.said = {status: r.status, body: await r.text()})`)
	s.Until(`window.said`)
	if !chrome.Eval[bool](s.Tab, `(({status, body}) => `+want+`)(window.said)`) {
		s.t.Errorf("%s: got %s", promise, chrome.Eval[string](s.Tab, `JSON.stringify(window.said)`))
	}
}

// together makes n requests at once, of which the first lose their responses, and
// returns how many of the others were answered as to alice.
func (s *renewing) together(n, lost int) (answered int) {
	s.t.Helper()
	s.Run(fmt.Sprintf(`window.count = undefined; Promise.allSettled([...Array(%d).keys()].map(i =>
		fetch("/me?n=" + i + (i < %d ? "&lost=1" : "")).then(async r => r.status === 200 && await r.text() === "alice")))
		.then(all => window.count = all.filter(x => x.value === true).length)`, n, lost))
	s.Until(`window.count !== undefined`)
	return chrome.Eval[int](s.Tab, `window.count`)
}

func (s *renewing) cookies() []string {
	s.t.Helper()
	got, err := chromedp.Call(s.Context(), network.GetCookies, network.GetCookiesParams{URLs: []string{s.server.URL}})
	if err != nil {
		s.t.Fatal(err)
	}
	var values []string
	for _, c := range got.Cookies {
		values = append(values, c.Value)
	}
	return values
}

// TestFiftyRequestsOfABrowserAcrossARenewal holds that nobody is signed out by a
// renewal, by those whose responses are lost, and by a sleep, in twenty rounds.
func TestFiftyRequestsOfABrowserAcrossARenewal(t *testing.T) {
	s := newRenewing(t)
	for round := range 20 {
		before := s.cookies()
		s.clock.Advance(renewAfter)
		if round%2 == 1 {
			if got := s.together(5, 5); got != 0 {
				t.Fatalf("%d lost responses have arrived", got)
			}
			s.clock.Advance(10 * time.Minute) // asleep, with the renewal's response lost
		}
		if got := s.together(50, 0); got != 50 {
			t.Fatalf("round %d: %d of 50 requests were answered", round, got)
		}
		after := s.cookies()
		if len(after) != 1 || after[0] == before[0] {
			t.Fatalf("round %d: the browser has %d tokens, the new one is another: %v", round, len(after), after[0] != before[0])
		}
		s.clock.Advance(5 * time.Minute)
		s.fetch(`fetch("/me")`, `status === 200 && body === "alice"`)
	}
}

// TestADoubleClickAndTwoTabsSignIn holds sign-ins that overlap.
func TestADoubleClickAndTwoTabsSignIn(t *testing.T) {
	s := newRenewing(t)
	for range 10 {
		s.fetch(`Promise.all([1, 2].map(() => fetch("/signin", {method: "POST"}))).then(all => all[0])`, `status === 200`)
		s.fetch(`fetch("/me")`, `status === 200 && body === "alice"`)
	}
	other := &renewing{Tab: s.Sibling(), t: t, clock: s.clock, server: s.server}
	other.Navigate(s.server.URL + "/")
	for range 10 {
		for _, tab := range []*renewing{s, other} {
			tab.Run(`window.done = false; fetch("/signin", {method: "POST"}).then(() => window.done = true)`)
		}
		for _, tab := range []*renewing{s, other} {
			tab.Until(`window.done`)
		}
		for _, tab := range []*renewing{s, other} {
			tab.fetch(`fetch("/me")`, `status === 200 && body === "alice"`)
		}
	}
}
