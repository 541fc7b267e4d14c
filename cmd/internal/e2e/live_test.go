package e2e

import (
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// TestThePageOfAnEndedDeviceSaysSoAtOnce ends a session from another browser. No
// clock is moved and no tab is touched: only the server's events can tell.
func TestThePageOfAnEndedDeviceSaysSoAtOnce(t *testing.T) {
	s := prepareTLS(t)
	s.signUp()
	beside := &stage{t: t, url: s.url, clock: s.clock, Tab: s.Sibling()} // another tab of the same browser
	beside.watchRequests()
	beside.open("/")
	const hears = `/api/session/events`
	s.Wait("the browser listens", func() bool { return len(s.asked(hears))+len(beside.asked(hears)) > 0 })

	other := s.elsewhere()
	other.signIn(false)
	other.open("/security")
	other.Click("#end-others button")
	other.wantText("main", "no other session")
	for _, tab := range []*stage{s, beside} {
		tab.Expect(`401`)
		tab.wantText("dialog", "signed out on another device")
	}
	if n := len(s.asked(hears)) + len(beside.asked(hears)); n != 1 {
		t.Errorf("the browser asked for %d streams, want one for both tabs", n)
	}
}

// TestAnotherTabListensOnceTheFirstIsGone closes the tab that listens.
func TestAnotherTabListensOnceTheFirstIsGone(t *testing.T) {
	s := prepareTLS(t)
	s.signUp()
	const hears = `/api/session/events`
	s.Wait("the tab listens", func() bool { return len(s.asked(hears)) > 0 })
	beside := &stage{t: t, url: s.url, clock: s.clock, Tab: s.Sibling()}
	beside.watchRequests()
	beside.open("/")
	s.Navigate("about:blank")
	s.Wait("the other tab listens", func() bool { return len(beside.asked(hears)) > 0 })
}

// TestThereIsNoStreamOverHTTP1 holds what leaves the six connections to the tabs.
func TestThereIsNoStreamOverHTTP1(t *testing.T) {
	s := play(t)
	if listens := chrome.Eval[bool](s.Tab, `performance.getEntriesByType("navigation")[0].nextHopProtocol === "http/1.1"`); !listens {
		t.Fatal("the page did not come over HTTP/1.1")
	}
	s.pass(idle / 4)
	for _, r := range s.asked("") {
		if strings.HasSuffix(r, "/events") {
			t.Errorf("the page asked for %s", r)
		}
	}
}
