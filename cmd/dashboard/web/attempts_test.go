package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/dashboard/web"
)

// guess tries a wrong passphrase and returns the status.
func (v *visitor) guess(name string) int {
	v.t.Helper()
	resp, _ := v.form("/signin", "/signin", "name="+name, "passphrase=grazing geese tulsi")
	return resp.StatusCode
}

func TestGuessingIsSlow(t *testing.T) {
	v := newVisitor(t, web.Config{})
	for _, name := range []string{account(t), "nobody"} {
		for range 5 {
			if got := v.guess(name); got != 401 {
				t.Fatalf("%s: got %d, want 401", name, got)
			}
		}
		resp, body := v.form("/signin", "/signin", "name="+strings.ToUpper(name), "passphrase="+passphrase)
		v.want(resp, body, 429, "Please wait a moment", "The next one is possible in 1")
		if resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	v.clock.Advance(12 * time.Second)
	if got := v.guess("nobody"); got != 401 {
		t.Errorf("after 12 seconds: got %d, want another try", got)
	}
}

// TestAGuesserKeepsTheOwnerOutOfNothing: somebody behind the same address uses up
// all tries of the account and of the address.
func TestAGuesserKeepsTheOwnerOutOfNothing(t *testing.T) {
	name, stranger := account(t), account(t)
	owner := newVisitor(t, web.Config{})
	owner.signIn(name)
	owner.submit("/session/end")
	guesser := owner.another()
	guesser.addr = owner.addr
	for i := range 7 {
		if got := guesser.guess(name); (got == 401) != (i < 4) { // the owner's sign-in was one
			t.Fatalf("guess %d: got %d", i+1, got)
		}
	}
	owner.signIn(name)
	owner.submit("/session/end")

	for i := range 120 {
		guesser.guess(fmt.Sprintf("somebody%d", i))
	}
	if got := guesser.guess(stranger); got != 429 {
		t.Errorf("the hundred-and-somethingth try of an address: got %d, want 429", got)
	}
	owner.signIn(name)
	owner.submit("/session/end")
	if resp, _ := owner.form("/signin", "/signin", "name="+stranger, "passphrase="+passphrase); resp.StatusCode != 429 {
		t.Errorf("the browser of one account tries another: got %d, want 429 as from any other", resp.StatusCode)
	}
	elsewhere := owner.another()
	elsewhere.signIn(name)
}

func TestADeviceHasNoMoreTriesThanOthers(t *testing.T) {
	name := account(t)
	v := newVisitor(t, web.Config{})
	v.signIn(name)
	v.submit("/session/end")
	for range 5 {
		if got := v.guess(name); got != 401 {
			t.Fatalf("got %d, want 401", got)
		}
	}
	if got := v.guess(name); got != 429 {
		t.Errorf("the sixth try of a device: got %d, want 429", got)
	}
}

func TestTheCookieOfADeviceIsNobodyElsesToMake(t *testing.T) {
	name := account(t)
	v := newVisitor(t, web.Config{})
	resp, _ := v.form("/signin", "/signin", "name="+name, "passphrase="+passphrase)
	set := strings.Join(resp.Header["Set-Cookie"], "\n")
	if !strings.Contains(set, "satra-device=") || !strings.Contains(set, "; Path=/; Max-Age=15552000; HttpOnly; SameSite=Lax") {
		t.Errorf("got %q", set)
	}
	v.submit("/session/end")
	right := v.device
	used := v.another()
	used.addr = v.addr
	for range 5 {
		used.guess(name)
	}
	for _, forged := range []string{right[:len(right)-1] + "!", right + ".", "satra-device=", "satra-device=" + strings.Repeat("A", 22) + "." + strings.Repeat("A", 22), strings.Replace(right, "=", "=A", 1)} {
		v.device = forged
		if got := v.guess(name); got != 429 {
			t.Errorf("%s: got %d, want 429 as without it", forged, got)
		}
	}
	v.device = right
	v.signIn(name)
}

func TestIPv6AddressesAreCountedByTheirNetwork(t *testing.T) {
	name := account(t)
	v := newVisitor(t, web.Config{})
	for i := range 6 {
		v.addr = fmt.Sprintf("[2001:db8::%d]:1", i+1)
		if got := v.guess(name); (got == 401) != (i < 5) {
			t.Errorf("try %d: got %d", i+1, got)
		}
	}
}
