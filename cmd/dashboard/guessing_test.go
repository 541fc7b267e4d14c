package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/detect"
)

// TestAttacksAreFound carries attacks out against the running dashboard, from many
// addresses behind a proxy that it trusts, and looks for what is found in its log. The
// victim stays signed in throughout.
func TestAttacksAreFound(t *testing.T) {
	data := t.TempDir()
	for i := range 25 {
		if _, err := add(t, passphrase, "-data-dir", data, "-add-account", fmt.Sprint("user", i)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &scene{running: start(t, ctx, data, "-trusted-proxies", "127.0.0.0/8"), t: t, name: "satra", victim: browser(t)}
	signIn(t, s.victim, s.origin, "user0")
	guess := func(name, from string) {
		resp, page := s.attack("GET", "/signin", "", "", "X-Forwarded-For", from)
		form := url.Values{"csrf_token": {hiddenToken.FindStringSubmatch(page)[1]}, "name": {name}, "passphrase": {"not the passphrase"}}
		cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
		if resp, body := s.attack("POST", "/signin", form.Encode(), cookie, "X-Forwarded-For", from, "Origin", s.origin); resp.StatusCode != 401 {
			t.Fatalf("a guess: got %d\n%.200s", resp.StatusCode, body)
		}
	}
	for i := range 12 { // one account, from many networks
		guess("user0", fmt.Sprintf("198.51.100.%d", i+1))
	}
	for i := range 22 { // many accounts, from one network
		guess(fmt.Sprint("user", i+1), "203.0.113.7")
	}
	for i := range 320 { // tokens, from one network of IPv6
		s.attack("GET", "/security", "", fmt.Sprintf("satra=B%020d%043d", i, 7), "X-Forwarded-For", fmt.Sprintf("2001:db8::%x", i+1))
	}
	for range 12 { // forms from elsewhere, by the victim's browser
		s.attack("POST", "/session/end", "a=b", s.cookie(s.victim), "Origin", "https://evil.example")
	}
	if resp, _ := get(t, s.victim, s.origin+"/security"); resp.StatusCode != http.StatusOK {
		t.Errorf("the victim gets %d", resp.StatusCode)
	}
	cancel()
	s.wantEnd() // what was counted is written

	found := map[string]audit.Entry{}
	for _, e := range logOf(t, data) {
		if e.Kind == audit.KindFinding {
			found[string(e.Reason)] = e
		}
	}
	for rule, fact := range map[detect.Rule]string{
		detect.GuessingAccount: "10 sign-ins of one account", detect.GuessingWide: "Sign-ins of 20 accounts or more from 203.0.113.7",
		detect.TokenGuessing: "unknown tokens or more came from 2001:db8::/64", detect.RefusedForms: "forms of network 127.0.0.1 were refused",
	} {
		if e, ok := found[string(rule)]; !ok || !strings.Contains(e.Detail, fact) {
			t.Errorf("%s: got %+v, want it to say %q", rule, e, fact)
		}
	}
}
