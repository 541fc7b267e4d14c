package sessionapi_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// calls are all of them, in the order of the columns below.
var calls = []string{"GET info", "GET csrf-token", "POST extend", "POST clear", "POST validate-csrf"}

// standings are what a request's cookie can turn out to be, and what each call
// then answers, in the order of calls: status, code, reason, and "cookie" if it
// sets or deletes it.
var standings = []struct {
	name string
	make func(a *app) (cookie, token string)
	want [5]string
}{
	{"no cookie", func(a *app) (string, string) { return "Cookie: ", "" },
		[5]string{"200", "200 cookie", "400 BAD_REQUEST", "200", "200"}},
	{"junk", func(a *app) (string, string) { return "Cookie: __Host-satra=junk", "" },
		[5]string{"200", "200 cookie", "400 BAD_REQUEST", "200", "200"}},
	{"a token that was never given out", func(a *app) (string, string) {
		return "Cookie: __Host-satra=" + strings.Repeat("Q", 64), ""
	}, [5]string{"200", "200 cookie", "400 BAD_REQUEST", "200", "200"}},
	{"live", func(a *app) (string, string) { return a.session() },
		[5]string{"200", "200", "200", "200 cookie", "200"}},
	{"signed in", func(a *app) (string, string) {
		cookie, _ := a.session()
		cookie = a.with(cookie, signIn("alice"))
		return cookie, a.send(request("GET", base+"/csrf-token", cookie)).Token
	}, [5]string{"200", "200", "200", "200 cookie", "200"}},
	{"signed out", func(a *app) (string, string) {
		cookie, token := a.session()
		a.with(cookie, satra.SignOut)
		return cookie, token
	}, every("401 SESSION_REVOKED signed_out")},
	{"ended by an administrator", func(a *app) (string, string) {
		cookie, token := a.session()
		if err := a.m.End(context.Background(), a.id(cookie), satra.End{Reason: satra.ReasonAdministrator, Actor: "root"}); err != nil {
			a.t.Fatal(err)
		}
		return cookie, token
	}, every("401 SESSION_REVOKED administrator")},
	{"idle for too long", func(a *app) (string, string) {
		cookie, token := a.session()
		a.clock.Advance(time.Hour)
		return cookie, token
	}, every("401 SESSION_EXPIRED idle")},
	{"at the end of its lifetime", func(a *app) (string, string) {
		cookie, token := a.session()
		for range 12 {
			a.clock.Advance(time.Hour - time.Minute)
			a.with(cookie, satra.Extend)
		}
		a.clock.Advance(12 * time.Minute)
		return cookie, token
	}, every("401 SESSION_EXPIRED lifetime")},
	// What a sign-in has replaced: the request repeats itself with the new
	// cookie. That the token of its page is valid is what a form gets that was
	// open meanwhile.
	{"retired by a sign-in", func(a *app) (string, string) {
		cookie, token := a.session()
		a.with(cookie, signIn("alice"))
		a.clock.Advance(satra.RetiredFor)
		return cookie, token
	}, [5]string{"409 SESSION_RETRY", "409 SESSION_RETRY", "409 SESSION_RETRY", "409 SESSION_RETRY", "200"}},
	{"retired by a sign-in some time ago", func(a *app) (string, string) {
		cookie, token := a.session()
		a.with(cookie, signIn("alice"))
		a.clock.Advance(satra.RetiredFor + time.Millisecond)
		return cookie, token
	}, [5]string{"200", "200 cookie", "400 BAD_REQUEST", "200", "200"}},
	{"two live sessions", func(a *app) (string, string) {
		one, token := a.session()
		other, _ := a.session()
		return one + "; " + strings.TrimPrefix(other, "Cookie: "), token
	}, every("400 BAD_REQUEST")},
	{"the store is down", func(a *app) (string, string) {
		cookie, token := a.session()
		a.store.down = true
		return cookie, token
	}, every("503 STORE_UNAVAILABLE")},
}

func every(want string) (all [5]string) {
	for i := range all {
		all[i] = want
	}
	return all
}

// call makes the call as a page does that has the token.
func (a *app) call(call, cookie, token string) answer {
	a.t.Helper()
	method, name, _ := strings.Cut(call, " ")
	if name == "validate-csrf" {
		return a.send(validating(cmp.Or(token, "x"), cookie))
	}
	header := []string{cookie}
	if method == "POST" {
		header = append(header, "X-CSRF-Token: "+token)
	}
	return a.send(request(method, base+"/"+name, header...))
}

// inShort is an answer as the table above has it.
func inShort(got answer) string {
	parts := []string{fmt.Sprint(got.StatusCode)}
	for _, part := range []string{got.Code, got.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(got.Header["Set-Cookie"]) > 0 {
		parts = append(parts, "cookie")
	}
	return strings.Join(parts, " ")
}

func TestEveryCallInEveryStanding(t *testing.T) {
	for _, standing := range standings {
		for i, call := range calls {
			t.Run(standing.name+"/"+call, func(t *testing.T) {
				a := newApp(t, satra.Options{}, nil)
				cookie, token := standing.make(a)
				got := a.call(call, cookie, token)
				if inShort(got) != standing.want[i] {
					t.Errorf("got %s, want %s: %s", inShort(got), standing.want[i], got.raw)
				}
				wait := got.Header.Get("Retry-After")
				if (got.StatusCode == 503) != (wait == "5") {
					t.Errorf("got %d with Retry-After %q, want one with a 503 alone", got.StatusCode, wait)
				}
			})
		}
	}
}

// A background request never takes a cookie away: the page behind it would not
// learn why its session is over. Not even one that looks like a navigation.
func TestTheCookieOfAnEndedSessionIsLeftForThePage(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, token := a.session()
	a.clock.Advance(time.Hour)
	for _, call := range calls {
		method, name, _ := strings.Cut(call, " ")
		got := a.send(request(method, base+"/"+name, cookie, "X-CSRF-Token: "+token,
			"Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"))
		if want := "401 SESSION_EXPIRED idle"; inShort(got) != want {
			t.Errorf("%s: got %s, want %s and no cookie", call, inShort(got), want)
		}
		if refresh := got.Header.Get("Refresh"); refresh != "" {
			t.Errorf("%s: got Refresh %q, want none", call, refresh)
		}
	}
}

// Without a cookie no store is asked, so that none can fail; only a new session
// needs one.
func TestWithTheStoreDownAndNoCookie(t *testing.T) {
	for i, want := range []string{"200", "503 STORE_UNAVAILABLE", "400 BAD_REQUEST", "200", "200"} {
		a := newApp(t, satra.Options{}, nil)
		a.store.down = true
		got := a.call(calls[i], "Accept: text/html", "")
		if kind := got.Header.Get("Content-Type"); inShort(got) != want || kind != "application/json" {
			t.Errorf("%s: got %s as %s, want %s in JSON whatever is accepted", calls[i], inShort(got), kind, want)
		}
	}
}

// The session ends between the look-up and the write of the same request.
func TestASessionThatEndsMeanwhile(t *testing.T) {
	for call, want := range map[string]string{
		"POST extend": "401 SESSION_REVOKED administrator",
		"POST clear":  "200 cookie", // over is over
	} {
		a := newApp(t, satra.Options{}, nil)
		cookie, token := a.session()
		id := a.id(cookie)
		a.store.found = func() {
			a.store.found = nil
			if err := a.m.End(context.Background(), id, satra.End{Reason: satra.ReasonAdministrator}); err != nil {
				t.Error(err)
			}
		}
		if got := a.call(call, cookie, token); inShort(got) != want {
			t.Errorf("%s: got %s, want %s", call, inShort(got), want)
		}
	}
}

// HEAD tells what GET would, without a body.
func TestHEADIsGETWithoutABody(t *testing.T) {
	for _, standing := range standings {
		for i, call := range calls[:2] {
			a := newApp(t, satra.Options{}, nil)
			cookie, _ := standing.make(a)
			got := a.send(request("HEAD", base+"/"+strings.TrimPrefix(call, "GET "), cookie))
			want := strings.Fields(standing.want[i])[0]
			if sets := len(got.Header["Set-Cookie"]) > 0; fmt.Sprint(got.StatusCode) != want || sets != strings.Contains(standing.want[i], "cookie") {
				t.Errorf("%s, HEAD for %s: got %d, a cookie: %t; want %s", standing.name, call, got.StatusCode, sets, standing.want[i])
			}
		}
	}
}
