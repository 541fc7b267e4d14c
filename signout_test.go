package satra_test

import (
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
)

func TestSignOutIsFinal(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	cookie := b.get("/start").Cookies()[0]
	resp := b.post("/signout")
	wantStatus(t, resp, 200)
	if got := resp.Header.Get("Set-Cookie"); !strings.HasPrefix(got, "__Host-satra=; Path=/; Max-Age=0") {
		t.Errorf("got Set-Cookie %q, want one that deletes it", got)
	}
	if got := resp.Header.Get("Clear-Site-Data"); got != `"cache", "storage"` {
		t.Errorf("got Clear-Site-Data %q", got)
	}
	for _, path := range []string{"/me", "/visit", "/theme?set=dark", "/extend", "/start"} {
		resp := a.browser().get(path, "Cookie: __Host-satra="+cookie.Value)
		if resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), `"reason":"signed_out"`) || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s with the old cookie: got %d and %q, want 401 signed_out and no cookie", path, resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
	if rec := a.store.only(t); rec.Live(a.clock.Now()) || len(rec.Values) != 0 || rec.Seed != (satra.Seed{}) {
		t.Errorf("the record lives on: %+v", rec.Ended)
	}
	wantStatus(t, a.browser().post("/signout"), 200)
}

// A record may be swept, or its store emptied, between the look and the end.
func TestSignOutOfARecordThatVanishes(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	a.store.failing(func(command string) error {
		if command == "end" {
			return satra.ErrNotFound
		}
		return nil
	})
	resp := b.post("/signout")
	wantStatus(t, resp, 200)
	if got := resp.Header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
		t.Errorf("got Set-Cookie %q, want one that deletes it", got)
	}
}

func TestSignOutFromElsewhereLeavesTheCookie(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	resp := b.post("/signout", "Sec-Fetch-Site: same-site")
	if resp.Header["Set-Cookie"] != nil {
		t.Errorf("got Set-Cookie %q, want none", resp.Header["Set-Cookie"])
	}
}
