package sessionapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/sessionapi"
)

// Asking how long a session lasts does not make it last, and costs one look-up.
func TestInfoNeverCountsAsActivity(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, _ := a.session()
	a.store.took()
	for minute := 1; minute < 60; minute++ {
		a.clock.Advance(time.Minute)
		got := a.send(request("GET", base+"/info", cookie, "X-Session-Activity: 1", "Sec-Fetch-User: ?1", "Sec-Fetch-Mode: navigate"))
		if got.Told == nil || got.Told.Elapsed != 60*minute || got.Told.Remaining == nil || *got.Told.Remaining != 3600-60*minute {
			t.Fatalf("after %d minutes: got %s, want them elapsed", minute, got.raw)
		}
		if asked := a.store.took(); asked != "find" {
			t.Fatalf("after %d minutes: the store was asked %q, want one find", minute, asked)
		}
	}
	a.clock.Advance(time.Minute)
	if got := a.send(request("GET", base+"/info", cookie)); inShort(got) != "401 SESSION_EXPIRED idle" {
		t.Errorf("got %s, want the session to be over by then", inShort(got))
	}
}

// Each call costs the store as little as it can.
func TestWhatTheStoreIsAsked(t *testing.T) {
	for call, want := range map[string][2]string{ // with a session that was not touched for long, and without
		"GET info": {"find", ""}, "GET csrf-token": {"find", "create"}, "POST extend": {"find apply", ""},
		"POST clear": {"find apply", ""}, "POST validate-csrf": {"find", ""},
	} {
		a := newApp(t, satra.Options{}, nil)
		cookie, token := a.session()
		a.clock.Advance(59 * time.Minute)
		a.store.took()
		a.call(call, cookie, token)
		if got := a.store.took(); got != want[0] {
			t.Errorf("%s: the store was asked %q, want %q", call, got, want[0])
		}
		a.call(call, "Cookie: ", "")
		if got := a.store.took(); got != want[1] {
			t.Errorf("%s without a session: the store was asked %q, want %q", call, got, want[1])
		}
	}
}

func TestInfoTellsVisibleValuesAndNoToken(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, token := a.session()
	if got := a.send(request("GET", base+"/info", cookie)); got.Told == nil || string(got.Told.UserData) != "{}" {
		t.Errorf("without values: got %s, want an empty object", got.raw)
	}
	a.with(cookie, func(ctx context.Context) error {
		if err := theme.Set(ctx, "dark </script>"); err != nil {
			return err
		}
		return secret.Set(ctx, "hidden")
	})
	got := a.send(request("GET", base+"/info", cookie))
	if got.Told == nil || string(got.Told.UserData) != `{"theme":"dark \u003c/script\u003e"}` {
		t.Errorf("got %s, want the theme alone, safe in a page", got.raw)
	}
	value := strings.TrimPrefix(cookie, "Cookie: __Host-satra=")
	for name, s := range map[string]string{"the CSRF token": token, "the cookie": value, "the cookie's secret": value[22:], "what is not visible": "hidden"} {
		if strings.Contains(got.raw, s) {
			t.Errorf("info tells %s: %s", name, got.raw)
		}
	}
}

// A value that the application encoded itself may hold any bytes. The answer is
// one that every parser takes.
func TestInfoIsAlwaysUTF8(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	raw := satra.NewKey[json.RawMessage]("theme")
	cookie, _ := a.session()
	a.with(cookie, func(ctx context.Context) error { return raw.Set(ctx, json.RawMessage("\"a\xffb\"")) })
	got := a.send(request("GET", base+"/info", cookie))
	if got.Told == nil || string(got.Told.UserData) != `{"theme":"a`+"\ufffd"+`b"}` {
		t.Errorf("got %q, want the byte replaced", got.raw)
	}
}

func TestCSRFTokenIsOneForASession(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, token := a.session()
	again := a.send(request("GET", base+"/csrf-token", cookie))
	if again.Token != token || len(token) != 43 || again.Header["Set-Cookie"] != nil {
		t.Errorf("got the tokens %q and %q, want one of 43 characters and no new cookie", token, again.Token)
	}
	_, other := a.session()
	if other == token {
		t.Error("two sessions have one token")
	}
	cookie = a.with(cookie, signIn("alice"))
	if after := a.send(request("GET", base+"/csrf-token", cookie)); after.Token == token {
		t.Error("a sign-in left the token as it was")
	}
}

// Programs and browsers of old that say nothing of their origin get a session,
// as does an address that was typed in.
func TestCSRFTokenBeginsASessionFor(t *testing.T) {
	for _, from := range [][]string{
		nil, {"Sec-Fetch-Site: none"}, {"Sec-Fetch-Site: "}, {"Sec-Fetch-Site: ", "Origin: https://dash.example"},
	} {
		a := newApp(t, satra.Options{}, nil)
		if got := a.send(request("GET", base+"/csrf-token", from...)); inShort(got) != "200 cookie" {
			t.Errorf("%q: got %s, want a session", from, inShort(got))
		}
	}
}

func TestExtendPutsOffTheEnd(t *testing.T) {
	a := newApp(t, satra.Options{Lifetime: 100 * time.Minute}, nil)
	cookie, token := a.session()
	a.clock.Advance(30 * time.Minute)
	got := a.call("POST extend", cookie, token)
	if got.Told == nil || *got.Told.Remaining != 3600 || !got.Told.Extendable || got.Told.Elapsed != 0 {
		t.Errorf("after 30 of 100 minutes: got %s, want an hour more, extendable", got.raw)
	}
	a.clock.Advance(30 * time.Minute)
	got = a.call("POST extend", cookie, token)
	if got.StatusCode != 200 || *got.Told.Remaining != 40*60 || got.Told.Extendable || *got.Told.ExpiresAt != *got.Told.Absolute {
		t.Errorf("after 60 of 100 minutes: got %d %s, want the absolute end, not extendable", got.StatusCode, got.raw)
	}
	if kinds := a.kinds(); kinds != "created extended extended" {
		t.Errorf("got the events %q", kinds)
	}
}

func TestASessionThatNeverEnds(t *testing.T) {
	a := newApp(t, satra.Options{IdleTimeout: satra.Never, Lifetime: satra.Never}, nil)
	cookie, token := a.session()
	a.clock.Advance(1000 * time.Hour)
	for _, call := range []string{"GET info", "POST extend"} {
		got := a.call(call, cookie, token)
		if s := got.Told; s == nil || s.Remaining != nil || s.ExpiresAt != nil || s.Absolute != nil || s.Extendable {
			t.Errorf("%s: got %s, want null for the ends, and nothing to extend", call, got.raw)
		}
	}
}

// Clearing is final: the cookie that the browser has lost opens nothing any more
// for whoever has kept it.
func TestClearRevokes(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, token := a.session()
	got := a.call("POST clear", cookie, token)
	if lines := got.Header["Set-Cookie"]; len(lines) != 1 || lines[0] != "__Host-satra=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("got Set-Cookie %q, want the cookie deleted", lines)
	}
	if clear := got.Header.Get("Clear-Site-Data"); clear != `"cache", "storage"` {
		t.Errorf("got Clear-Site-Data %q, want cache and storage, and not the cookies of others", clear)
	}
	for _, call := range calls {
		if replayed := a.call(call, cookie, token); inShort(replayed) != "401 SESSION_REVOKED signed_out" {
			t.Errorf("%s with the cookie of before: got %s, want 401 and why", call, inShort(replayed))
		}
	}
	if got := a.call("POST clear", "Cookie: ", ""); got.Msg != "Session cleared" || got.Header["Clear-Site-Data"] != nil {
		t.Errorf("without a session: got %s with %v, want the same answer and nothing cleared", got.raw, got.Header)
	}
}

func TestValidateKnowsBothFormsOfTheToken(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, token := a.session()
	var masked string
	a.with(cookie, func(ctx context.Context) (err error) {
		masked, err = csrf.Token(ctx)
		return err
	})
	_, others := a.session()
	for text, want := range map[string]bool{token: true, masked: true, others: false, token + "A": false, "é": false, `\ud800`: false} {
		if got := a.send(validating(text, cookie)); got.Valid == nil || *got.Valid != want {
			t.Errorf("%q: got %s, want %t", text, got.raw, want)
		}
	}
}

func TestNewTellsWhatIsWrong(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	if _, err := sessionapi.New(nil, a.p, nil); err == nil {
		t.Error("without a manager: got no error")
	}
	if _, err := sessionapi.New(a.m, nil, nil); err == nil {
		t.Error("without a protection: got no error")
	}
	for _, bad := range []string{"api", "api/", "//", "/a//b", "/a/../b", "/a?b", "/{id}", "/%41"} {
		if _, err := sessionapi.New(a.m, a.p, &sessionapi.Options{Base: bad}); err == nil {
			t.Errorf("Base %q: got no error", bad)
		}
	}
	for base, path := range map[string]string{"": "/api/session/info", "/": "/info", "/s": "/s/info", "/s/t/": "/s/t/info"} {
		api, err := sessionapi.New(a.m, a.p, &sessionapi.Options{Base: base})
		if err != nil {
			t.Errorf("Base %q: %v", base, err)
			continue
		}
		a.handler = a.m.Handler(api)
		if got := a.send(request("GET", path)); got.StatusCode != http.StatusOK {
			t.Errorf("Base %q: got %d at %s, want 200", base, got.StatusCode, path)
		}
	}
}
