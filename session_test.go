package satra_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

var (
	theme  = satra.NewKey[string]("theme")
	visits = satra.NewKey[int]("visits")
)

// routes are the handlers that most tests use.
func routes(a *app) *app {
	a.on("/start", func(w http.ResponseWriter, r *http.Request) error { return satra.Start(r.Context()) })
	a.on("/me", func(w http.ResponseWriter, r *http.Request) error {
		s, err := satra.From(r.Context())
		if err == nil {
			fmt.Fprintf(w, "%s %s", s.ID, s.Principal)
		}
		return err
	})
	a.on("/visit", func(w http.ResponseWriter, r *http.Request) error {
		n, err := visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil })
		if err == nil {
			fmt.Fprint(w, n)
		}
		return err
	})
	a.on("/theme", func(w http.ResponseWriter, r *http.Request) error {
		if v := r.FormValue("set"); v != "" {
			return theme.Set(r.Context(), v)
		}
		v, err := theme.Get(r.Context())
		fmt.Fprint(w, v)
		return err
	})
	a.on("/ignore", func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprint(w, "nothing to do with sessions")
		return err
	})
	a.on("/extend", func(w http.ResponseWriter, r *http.Request) error { return satra.Extend(r.Context()) })
	a.on("/signout", func(w http.ResponseWriter, r *http.Request) error { return satra.SignOut(r.Context()) })
	a.on("/signin", func(w http.ResponseWriter, r *http.Request) error {
		attempt, err := satra.BeginSignIn(r.Context(), r.FormValue("as"))
		if err != nil {
			return err
		}
		if r.FormValue("remember") != "" {
			attempt = attempt.Remembered()
		}
		return attempt.Complete(r.Context(), "test")
	})
	a.on("/again", func(w http.ResponseWriter, r *http.Request) error {
		return satra.Reauthenticate(r.Context(), "test again")
	})
	return a
}

func TestASessionBeginsAndIsFoundAgain(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	wantStatus(t, b.get("/me"), 401)
	resp := b.get("/start")
	wantStatus(t, resp, 200)
	got := resp.Header["Set-Cookie"]
	if len(got) != 1 || !strings.HasSuffix(got[0], "; Path=/; HttpOnly; Secure; SameSite=Lax") || !strings.HasPrefix(got[0], "__Host-satra=") {
		t.Errorf("got Set-Cookie %q, want __Host-satra with Path, HttpOnly, Secure and SameSite", got)
	}
	if cc := resp.Header.Get("Cache-Control"); cc != "no-store" {
		t.Errorf("a response that sets the cookie: got Cache-Control %q, want no-store", cc)
	}
	resp = b.get("/me")
	wantStatus(t, resp, 200)
	if id := a.store.only(t).ID.String(); bodyOf(resp) != id+" " {
		t.Errorf("got another session than %s", id)
	}
	if resp.Header["Set-Cookie"] != nil {
		t.Errorf("reading set a cookie: %q", resp.Header["Set-Cookie"])
	}
	if got := resp.Header.Get("Vary") + "; " + resp.Header.Get("Cache-Control"); got != "Cookie; no-store" {
		t.Errorf("a response that used the session: got %q, want Vary: Cookie and no-store", got)
	}
}

func TestARequestThatIgnoresItsSessionAsksNoStore(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	a.store.took()
	resp := b.get("/ignore")
	if got := a.store.took(); got != "" {
		t.Errorf("the store was asked: %s", got)
	}
	if h := resp.Header; h["Set-Cookie"] != nil || h["Vary"] != nil || h["Cache-Control"] != nil {
		t.Errorf("got headers %v, want none of the session's", h)
	}
}

func TestJunkCookiesAskNoStore(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	for name, cookie := range map[string]string{
		"16 kB":       "__Host-satra=" + strings.Repeat("A", 16<<10),
		"short":       "__Host-satra=abc",
		"not base64":  "__Host-satra=" + strings.Repeat("!", 64),
		"other name":  "satra=" + strings.Repeat("B", 64),
		"prefix only": "__Host-satra",
		"zero ID":     "__Host-satra=" + strings.Repeat("A", 64),
	} {
		resp := a.browser().get("/me", "Cookie: "+cookie)
		if got := a.store.took(); got != "" || resp.StatusCode != 401 || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s: got %d, %q, commands %q; want 401, no cookie, no command", name, resp.StatusCode, resp.Header["Set-Cookie"], got)
		}
	}
}

func TestAHeaderFullOfCookiesCostsThreeLookUps(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	var cookies []string
	for i := range 100 {
		cookies = append(cookies, fmt.Sprintf("__Host-satra=%064d", i+1))
	}
	a.browser().get("/me", "Cookie: "+strings.Join(cookies, "; "))
	if got := a.store.took(); got != "find find find" {
		t.Errorf("got commands %q, want three finds", got)
	}
}

func TestAnUnknownTokenIsRefusedAndItsCookieLeftAlone(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	resp := a.browser().get("/me", "Cookie: __Host-satra="+strings.Repeat("Q", 64))
	wantStatus(t, resp, 401)
	if resp.Header["Set-Cookie"] != nil {
		t.Errorf("got Set-Cookie %q, want none", resp.Header["Set-Cookie"])
	}
	if got := a.kinds(); got != "unknown_token" {
		t.Errorf("got events %q, want unknown_token", got)
	}
}

func TestAWrongSecretOpensNothing(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	resp := b.get("/start")
	value := resp.Cookies()[0].Value
	last := "A"
	if strings.HasSuffix(value, "A") {
		last = "B"
	}
	wantStatus(t, a.browser().get("/me", "Cookie: __Host-satra="+value[:63]+last), 401)
	wantStatus(t, a.browser().get("/me", "Cookie: __Host-satra="+value), 200)
}

func TestTwoLiveSessionsAreRefused(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	mine, planted := a.browser().get("/start").Cookies()[0].Value, a.browser().get("/start").Cookies()[0].Value
	a.kinds()
	both := "Cookie: __Host-satra=" + planted + "; __Host-satra=" + mine
	for _, path := range []string{"/me", "/start", "/visit", "/theme?set=dark"} {
		resp := a.browser().get(path, both)
		if resp.StatusCode != 400 || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s: got %d with %q, want 400 and no cookie", path, resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
	if got := a.kinds(); !strings.HasPrefix(got, "ambiguous_tokens") {
		t.Errorf("got events %q, want ambiguous_tokens", got)
	}
	dead := "__Host-satra=" + strings.Repeat("Q", 64)
	wantStatus(t, a.browser().get("/me", "Cookie: "+dead+"; __Host-satra="+mine), 200)
	wantStatus(t, a.browser().get("/me", "Cookie: __Host-satra="+mine+"; __Host-satra="+mine), 200)
}

func TestIdleTimeoutAndLifetime(t *testing.T) {
	a := routes(newApp(t, satra.Options{IdleTimeout: time.Hour, Lifetime: 3 * time.Hour}))
	idle, busy := a.browser(), a.browser()
	idle.get("/start")
	busy.get("/start")
	for range 5 {
		a.clock.advance(35 * time.Minute)
		busy.get("/me")
	}
	wantStatus(t, busy.get("/me"), 200) // 2 h 55 min
	resp := idle.get("/me")
	wantStatus(t, resp, 401)
	if got, want := bodyOf(resp), `{"status":"error","message":"Session expired. Please refresh the page.","code":"SESSION_EXPIRED","reason":"idle"}`+"\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	a.clock.advance(5*time.Minute - satra.Precision)
	wantStatus(t, busy.get("/me"), 200)
	a.clock.advance(satra.Precision)
	resp = busy.get("/me")
	wantStatus(t, resp, 401)
	if got := bodyOf(resp); !strings.Contains(got, `"reason":"lifetime"`) {
		t.Errorf("got %s, want the reason lifetime", got)
	}
}

func TestAHundredReadsWithinAMinuteWriteAtMostOnce(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	a.store.took()
	for range 100 {
		a.clock.advance(590 * time.Millisecond)
		b.get("/me")
	}
	if got := strings.Count(a.store.took(), "touch"); got > 1 {
		t.Errorf("got %d writes for 100 reads within 59 s, want at most 1", got)
	}
	a.clock.advance(time.Minute)
	b.get("/me")
	if got := a.store.took(); got != "find touch" {
		t.Errorf("a minute later: got %q, want find touch", got)
	}
}

func TestOnlyActivityPutsOffTheEnd(t *testing.T) {
	for _, test := range []struct {
		name     string
		activity func(*http.Request) bool
		header   []string
		method   string
		want     bool
	}{
		{"any: a plain request", nil, nil, "GET", true},
		{"any: declared background", nil, []string{"X-Session-Background: 1"}, "GET", false},
		{"any: prefetch", nil, []string{"Sec-Purpose: prefetch"}, "GET", false},
		{"any: event stream", nil, []string{"Accept: text/event-stream"}, "GET", false},
		{"any: WebSocket", nil, []string{"Upgrade: websocket"}, "GET", false},
		{"person: a fetch", satra.ByPerson, []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin"}, "GET", false},
		{"person: a page that reloads itself", satra.ByPerson, []string{"Sec-Fetch-Mode: navigate", "Accept: text/html"}, "GET", false},
		{"person: a click", satra.ByPerson, []string{"Sec-Fetch-Mode: navigate", "Sec-Fetch-User: ?1"}, "GET", true},
		{"person: an old browser's page", satra.ByPerson, []string{"Accept: text/html"}, "GET", true},
		{"person: a program's poll", satra.ByPerson, nil, "GET", false},
		{"person: an unsafe method", satra.ByPerson, []string{"Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin"}, "POST", true},
		{"person: a background POST", satra.ByPerson, []string{"X-Session-Background: 1"}, "POST", false},
		{"person: the client's header", satra.ByPerson, []string{"Sec-Fetch-Mode: cors", "X-Session-Activity: 1"}, "GET", true},
	} {
		a := routes(newApp(t, satra.Options{Activity: test.activity}))
		b := a.browser()
		b.get("/start")
		a.clock.advance(30 * time.Minute)
		wantStatus(t, b.do(b.request(test.method, "/me", test.header...)), 200)
		a.clock.advance(31 * time.Minute)
		if got := b.get("/me").StatusCode == 200; got != test.want {
			t.Errorf("%s: lives on is %v, want %v", test.name, got, test.want)
		}
	}
}

func TestABackgroundRouteIsNoActivity(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.mux.Handle("/poll", satra.Background(satra.RequireSession(http.NotFoundHandler())))
	b := a.browser()
	b.get("/start")
	for range 12 {
		a.clock.advance(5 * time.Minute)
		b.get("/poll")
	}
	wantStatus(t, b.get("/me"), 401)
}

func TestAnActiveKeyIsActivity(t *testing.T) {
	a := routes(newApp(t, satra.Options{Active: []satra.AnyKey{theme}}))
	b := a.browser()
	b.get("/start")
	a.clock.advance(59 * time.Minute)
	b.get("/theme?set=dark", "X-Session-Background: 1")
	a.clock.advance(59 * time.Minute)
	wantStatus(t, b.get("/me"), 200)
}

func TestExtend(t *testing.T) {
	a := routes(newApp(t, satra.Options{IdleTimeout: time.Hour, Lifetime: 90 * time.Minute}))
	b := a.browser()
	wantStatus(t, b.post("/extend"), 401)
	b.get("/start")
	a.clock.advance(10 * time.Second)
	a.store.took()
	wantStatus(t, b.post("/extend", "X-Session-Background: 1"), 200)
	if got := a.store.took(); got != "find touch" {
		t.Errorf("got commands %q, want find touch: an extension is always written", got)
	}
	if got := a.store.only(t).Seen; !got.Equal(a.clock.Now()) {
		t.Errorf("last seen is %v, want %v", got, a.clock.Now())
	}
}

func TestSessionTells(t *testing.T) {
	a := routes(newApp(t, satra.Options{IdleTimeout: time.Hour, Lifetime: 90 * time.Minute}))
	var got satra.Session
	a.on("/look", func(w http.ResponseWriter, r *http.Request) (err error) {
		got, err = satra.From(r.Context())
		return err
	})
	began := a.clock.Now()
	b := a.browser()
	b.get("/start")
	b.get("/look")
	if !got.Extendable() || got.Remaining() != time.Hour || !got.ExpiresAt.Equal(began.Add(time.Hour)) || !got.AbsoluteExpires.Equal(began.Add(90*time.Minute)) {
		t.Errorf("at the begin: got %+v", got)
	}
	a.clock.advance(40 * time.Minute)
	b.get("/look")
	if got.Extendable() || got.Remaining() != 50*time.Minute || !got.LastSeen.Equal(a.clock.Now()) {
		t.Errorf("near the absolute end: got %+v; want 50 minutes, not extendable", got)
	}
}

func TestANavigationIsToldWhyAndThenBeginsAgain(t *testing.T) {
	a := routes(newApp(t, satra.Options{IdleTimeout: 30 * time.Minute}))
	b := a.browser()
	b.get("/start")
	a.clock.advance(30 * time.Minute)
	resp := b.get("/me", "Sec-Fetch-Mode: cors", "X-Session-Background: 1")
	if resp.Header["Set-Cookie"] != nil {
		t.Errorf("a background request touched the cookie: %q", resp.Header["Set-Cookie"])
	}
	resp = b.get("/me", "Sec-Fetch-Mode: navigate", "Accept: text/html")
	wantStatus(t, resp, 401)
	if got := bodyOf(resp); !strings.Contains(got, "nothing happened for 30 minutes") {
		t.Errorf("got page %q, want the reason", got)
	}
	if got := resp.Header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
		t.Errorf("got Set-Cookie %q, want it deleted", got)
	}
	wantStatus(t, b.get("/start"), 200)
	wantStatus(t, b.get("/me"), 200)
}

func TestARequestFromElsewhereStartsNothing(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: whatever", "Origin: https://evil.example", "Origin: null"} {
		for _, path := range []string{"/start", "/theme?set=dark", "/visit", "/signin?as=mallory"} {
			resp := a.browser().post(path, header)
			if resp.StatusCode != 403 || resp.Header["Set-Cookie"] != nil {
				t.Errorf("%s, %s: got %d with %q, want 403 and no cookie", header, path, resp.StatusCode, resp.Header["Set-Cookie"])
			}
		}
	}
	if n := len(a.store.records); n != 0 {
		t.Errorf("got %d records, want none", n)
	}
	for _, header := range []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", "Origin: https://dash.example"} {
		wantStatus(t, a.browser().post("/start", header), 200)
	}
}

func TestWhatIsOutOfOrderPanicsOrErrs(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	var kept context.Context
	a.on("/keep", func(w http.ResponseWriter, r *http.Request) error {
		kept = r.Context()
		return satra.Start(r.Context())
	})
	a.browser().get("/keep")
	if _, err := satra.From(kept); !errors.Is(err, satra.ErrEnded) {
		t.Errorf("From after the handler has returned: got %v, want ErrEnded", err)
	}
	if err := theme.Set(kept, "x"); !errors.Is(err, satra.ErrEnded) {
		t.Errorf("Set after the handler has returned: got %v, want ErrEnded", err)
	}
	if _, err := satra.Derive(kept, "x"); !errors.Is(err, satra.ErrEnded) {
		t.Errorf("Derive after the handler has returned: got %v, want ErrEnded", err)
	}
	for name, f := range map[string]func(){
		"outside Handler": func() { satra.From(context.Background()) },
		"a second key":    func() { twoKeys(a) },
		"a bad key name":  func() { satra.NewKey[int]("a b") },
		"the core's key":  func() { satra.NewKey[int]("$x") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic", name)
				}
			}()
			f()
		}()
	}
}

// twoKeys uses two keys of one name.
func twoKeys(a *app) {
	one, two := satra.NewKey[int]("same"), satra.NewKey[string]("same")
	a.on("/one", func(w http.ResponseWriter, r *http.Request) error { return one.Set(r.Context(), 1) })
	a.on("/two", func(w http.ResponseWriter, r *http.Request) error { return two.Set(r.Context(), "2") })
	a.browser().get("/one")
	a.browser().get("/two")
}
