package web_test

import (
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/dashboard/web"
)

// TestTheSessionAPIIsBounded holds the limits of the calls: of one's own session,
// while another behind the same address goes on.
func TestTheSessionAPIIsBounded(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.get("/signin") // begins a session
	other := v.another()
	other.get("/signin")
	for i := range 31 {
		resp, body := v.get("/api/session/devices")
		want := 401 // nobody is signed in
		if i == 30 {
			want = 429
		}
		v.want(resp, body, want)
		if want == 429 && (resp.Header.Get("Retry-After") != "2" || resp.Header.Get("RateLimit") == "") {
			t.Errorf("got headers %v", resp.Header)
		}
	}
	resp, body := other.get("/api/session/devices")
	other.want(resp, body, 401)
	resp, body = v.get("/api/session/info")
	v.want(resp, body, 200)
	resp, body = v.get("/api/session/nothing")
	v.want(resp, body, 404)
}

// TestJunkKeepsNobodyFromAnAccount sends forms that are refused, more than an address
// may make accounts.
func TestJunkKeepsNobodyFromAnAccount(t *testing.T) {
	v := newVisitor(t, web.Config{SignUp: true})
	for range 40 {
		resp, body := v.form("/signup", "/signup", "name=x", "passphrase=short", "again=short")
		v.want(resp, body, 422)
	}
	const name = "brand-new"
	resp, _ := v.form("/signup", "/signup", "name="+name, "passphrase="+passphrase, "again="+passphrase)
	v.wantTo(resp, "/")
}

// TestAPassphraseIsNotChangedAgainAndAgain bounds what a session can make the program
// hash.
func TestAPassphraseIsNotChangedAgainAndAgain(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.signIn(account(t))
	for i := range 8 {
		next := passphrase + " " + strings.Repeat("glimt", i+1)
		resp, body := v.form("/security/passphrase", "/security/passphrase", "passphrase="+next, "again="+next)
		want := 303
		if i >= 5 {
			want = 429
		}
		if resp.StatusCode != want {
			t.Errorf("change %d: got %d, want %d\n%.200s", i+1, resp.StatusCode, want, body)
		}
	}
}

// TestSessionsFromOneAddressAreBounded has an address begin sessions without end: it
// must not push those of others out of the store.
func TestSessionsFromOneAddressAreBounded(t *testing.T) {
	v := newVisitor(t, web.Config{})
	begun := 0
	for range 3100 {
		if resp, _ := v.another().get("/signin"); resp.StatusCode == 200 {
			begun++
		} else if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("got %d", resp.StatusCode)
		}
	}
	if begun != 3000 {
		t.Errorf("%d sessions were begun, want 3000", begun)
	}
}
