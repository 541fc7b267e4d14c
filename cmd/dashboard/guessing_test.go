package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/satra-sessions/satra/audit/detect"
)

// TestGuessingIsFound has passphrases and tokens guessed, from many addresses, and forms
// sent from elsewhere. It is told, and the victim stays signed in throughout.
func TestGuessingIsFound(t *testing.T) {
	var names []string
	for i := range 25 {
		names = append(names, fmt.Sprint("user", i))
	}
	told := newReceiver(t)
	w := watchOver(t, names, append(told.args, "-store", "memory", "-detection-actions",
		"guessing_account=notify,guessing_wide=notify,token_guessing=notify,refused_forms=notify")...)
	victim := w.client(aFirefox, home).signIn("user0")
	guess := func(name, from string) {
		if status, text := w.client(aChrome, from).post("/signin", "/signin", "name", name, "passphrase", "not the passphrase"); status != http.StatusUnauthorized {
			t.Fatalf("a guess: got %d\n%.200s", status, text)
		}
	}
	for i := range 12 { // one account, from many networks
		guess("user0", fmt.Sprintf("198.51.100.%d", i+1))
	}
	for i := range 22 { // many accounts, from one network
		guess(fmt.Sprint("user", i+1), abroad)
	}
	for i := range 320 { // tokens, from one network of IPv6
		stray := w.client(aChrome, fmt.Sprintf("2001:db8::%x", i+1))
		stray.Client.Transport = headerOf{"Cookie", fmt.Sprintf("satra=B%020d%043d", i, 7), stray.visit}
		stray.get("/security")
	}
	elsewhere := victim.thief(aFirefox, home) // the victim's browser, on a page of somebody else
	elsewhere.Client.Transport = headerOf{"Origin", "https://evil.example", headerOf{"Sec-Fetch-Site", "cross-site", http.DefaultTransport}}
	for range 12 {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.origin+"/session/end", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, _ := send(t, elsewhere.Client, r); resp.StatusCode != http.StatusForbidden {
			t.Errorf("a form from elsewhere: got %d", resp.StatusCode)
		}
	}
	victim.wantIn("after all")
	for rule, fact := range map[string]string{
		"guessing_account": "10 sign-ins of one account", "guessing_wide": "Sign-ins of 20 accounts or more from 198.51.100.9",
		"token_guessing": "unknown tokens or more came from 2001:db8::/64", "refused_forms": "forms of network 127.0.0.1 were refused",
	} {
		w.wantFinding(rule, fact)
	}
	told.want(map[detect.Rule]string{
		detect.GuessingAccount: "notify", detect.GuessingWide: "notify", detect.TokenGuessing: "notify", detect.RefusedForms: "notify",
	})
}
