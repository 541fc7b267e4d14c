package satra_test

import (
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

func TestATokenInAnotherBrowserIsAnEvent(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.post("/signin?as=alice", firefox)
	a.kinds()
	a.store.took()
	newer := "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
	desktop := "User-Agent: Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0" // or the other way round
	for _, own := range []string{firefox, newer, desktop} {
		b.get("/me", own)
	}
	if got := a.kinds(); got != "" {
		t.Errorf("one's own browser, upgraded: got events %q", got)
	}
	thief := b.copy()
	thief.get("/me", chrome)
	if len(a.events) != 1 || a.events[0].Kind != satra.EventSeenElsewhere || a.events[0].Principal != "alice" ||
		"User-Agent: "+a.events[0].UserAgent != chrome || a.events[0].Session != a.store.only(t).ID {
		t.Errorf("a copy in another browser: got events %+v", a.events)
	}
	if got := a.events[0].Detail; got != "after Firefox on Linux" {
		t.Errorf("it says %q, want what it was used by before", got)
	}
	a.kinds()
	thief.get("/me", chrome)
	thief.get("/me", chrome, "X-Session-Background: 1")
	if got := a.kinds(); got != "" {
		t.Errorf("within the minute: got events %q", got)
	}
	if got := a.store.took(); got != strings.TrimSpace(strings.Repeat("find ", 6)) {
		t.Errorf("got commands %q, want nothing written", got)
	}
	a.clock.advance(time.Minute)
	thief.get("/me", chrome) // a touch: the last device is the thief's from now on
	b.get("/me", firefox)
	if got := a.kinds(); got != "seen_elsewhere" {
		t.Errorf("a minute later: got events %q", got)
	}
	a.clock.advance(time.Minute)
	b.get("/me", firefox)
	if got := a.kinds(); got != "seen_elsewhere" {
		t.Errorf("the owner, after the thief: got events %q", got)
	}
}

func TestATokenThatOpensNothingIsSeenNowhere(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start", firefox)
	a.kinds()
	b.get("/me", chrome)
	if got := a.kinds(); got != "" {
		t.Errorf("a guest's: got events %q", got)
	}
	b.post("/signin?as=alice", firefox)
	thief := b.copy()
	b.post("/signout", firefox)
	a.kinds()
	thief.get("/me", chrome)
	if got := a.kinds(); got != "shown_over" {
		t.Errorf("got events %q, want shown_over alone", got)
	}
}

// TestAProofIsOfTheBrowserThatGaveIt has a thief be the last that was seen, and the owner
// give a proof within the same minute.
func TestAProofIsOfTheBrowserThatGaveIt(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.post("/signin?as=alice", firefox)
	a.clock.advance(time.Minute)
	b.copy().get("/me", chrome)
	a.clock.advance(time.Second)
	b.post("/again", firefox)
	a.clock.advance(time.Second)
	a.kinds()
	b.get("/me", firefox)
	if got := a.kinds(); got != "" || "User-Agent: "+a.store.only(t).LastDevice.UserAgent != firefox {
		t.Errorf("got events %q; last used by %s", got, a.store.only(t).LastDevice.UserAgent)
	}
}

func TestATokenOnAnotherSystemIsAnEvent(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.post("/signin?as=alice", firefox)
	a.kinds()
	b.copy().get("/me", "User-Agent: Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0")
	if got := a.kinds(); got != "seen_elsewhere" {
		t.Errorf("the same browser on another system: got events %q", got)
	}
}
