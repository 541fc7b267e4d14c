// Package browser tests the browser client in real Chromium, against a server
// whose clock and session the tests hold in their hand. ./scripts/test runs
// them and installs Chromium; the whole package is tests.
package browser

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

func TestMain(m *testing.M) { os.Exit(chrome.Main(m)) }

// A stage is a server and a page of it, whose clocks move together.
type stage struct {
	*chrome.Tab
	*fake
	t testing.TB
}

// play opens the page with the options of its query, and waits until the client
// has had its first answer.
func play(t *testing.T, query string, prepare ...func(*fake)) *stage {
	t.Helper()
	s := &stage{fake: newFake(t), t: t}
	for _, f := range prepare {
		f(s.fake)
	}
	s.Tab = chrome.New(t)
	s.open(query)
	return s
}

func (s *stage) open(query string) {
	s.t.Helper()
	s.Navigate(s.URL + "/?" + query)
	s.Until(`window.sessionManager && sessionManager.askedAt > 0 && sessionManager.flights.size === 0`)
}

// pass lets time pass on the server and in the page, in steps that are short
// enough for both to agree.
func (s *stage) pass(d time.Duration) {
	s.t.Helper()
	for ; d > 0; d -= time.Second {
		step := min(d, time.Second)
		s.change(func() { s.now = s.now.Add(step) })
		s.Advance(step)
	}
}

// leap lets time pass on the server only, and has the page ask how things are:
// it has slept meanwhile.
func (s *stage) leap(d time.Duration) {
	s.t.Helper()
	s.change(func() { s.now = s.now.Add(d) })
	s.Run(`sessionManager.refreshSessionInfo().catch(() => {})`)
}

// An event as the page has noted it.
type event struct {
	Name   string
	Detail struct {
		Message, Reason, Code string
		RemainingSeconds      int
		Session               *struct {
			ID        string `json:"session_id"`
			Principal string
		}
	}
}

func (s *stage) events() []event {
	s.t.Helper()
	return chrome.Eval[[]event](s.Tab, `window.seen`)
}

// names of the events so far.
func (s *stage) names() []string {
	s.t.Helper()
	names := []string{}
	for _, e := range s.events() {
		names = append(names, e.Name)
	}
	return names
}

func (s *stage) wantEvents(want ...string) {
	s.t.Helper()
	if got := s.names(); !slices.Equal(got, want) {
		s.t.Errorf("events: got %q, want %q", got, want)
	}
}

func (s *stage) wantCount(method, path string, want int) {
	s.t.Helper()
	if got := s.count(method, path); got != want {
		s.t.Errorf("%s %s: got %d requests, want %d", method, path, got, want)
	}
}

// listeners counts the event listeners of an object, as the developer tools do.
func (s *stage) listeners(object string) int {
	s.t.Helper()
	n, err := chromedp.Run(s.Context(), chromedp.Evaluate[int](
		"Object.values(getEventListeners("+object+")).flat().length", chromedp.EvalWithCommandLineAPI))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
