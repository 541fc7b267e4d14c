package sessionapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
)

// The order of answers on a POST: from another site, over, no session (the
// call's own answer), and only then the token.
func TestTheOrderOfAnswers(t *testing.T) {
	const (
		elsewhere = "403 CROSS_ORIGIN"
		over      = "401 SESSION_EXPIRED idle"
		invalid   = "403 CSRF_INVALID"
	)
	for _, test := range []struct {
		name     string
		evil     bool
		standing string // "over", "none" or "live"
		token    string // "right", "wrong" or "none"
		extend   string
		clear    string
		validate string
	}{
		{"from another site, over", true, "over", "wrong", elsewhere, elsewhere, elsewhere},
		{"from another site, none", true, "none", "none", elsewhere, elsewhere, elsewhere},
		{"from another site, live", true, "live", "right", elsewhere, elsewhere, elsewhere},
		{"over, the right token", false, "over", "right", over, over, over},
		{"over, a wrong token", false, "over", "wrong", over, over, over},
		{"over, no token", false, "over", "none", over, over, over},
		{"none, a wrong token", false, "none", "wrong", "400 BAD_REQUEST", "200", "200"},
		{"none, no token", false, "none", "none", "400 BAD_REQUEST", "200", "400 BAD_REQUEST"},
		{"live, a wrong token", false, "live", "wrong", invalid, invalid, "200"},
		{"live, no token", false, "live", "none", invalid, invalid, "400 BAD_REQUEST"},
		{"live, the right token", false, "live", "right", "200", "200 cookie", "200"},
	} {
		for name, want := range map[string]string{"extend": test.extend, "clear": test.clear, "validate-csrf": test.validate} {
			a := newApp(t, satra.Options{}, nil)
			cookie, token := a.session()
			header := []string{cookie}
			if test.standing == "none" {
				header = []string{"Cookie: "}
			}
			if test.standing == "over" {
				a.clock.Advance(time.Hour)
			}
			if test.evil {
				header = append(header, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example")
			}
			switch test.token {
			case "wrong":
				token = strings.Repeat("A", len(token))
			case "none":
				token = ""
			}
			r := request("POST", base+"/"+name, append(header, "X-CSRF-Token: "+token)...)
			if name == "validate-csrf" {
				r = validating(token, header...)
			}
			a.store.took()
			if got := a.send(r); inShort(got) != want {
				t.Errorf("%s, %s: got %s, want %s: %s", name, test.name, inShort(got), want, got.raw)
			}
			if asked := a.store.took(); test.evil && asked != "" {
				t.Errorf("%s, %s: the store was asked: %s", name, test.name, asked)
			}
		}
	}
}

// What another site makes a browser send is refused, sets and deletes no
// cookie, changes nothing, and is reported.
func TestAnotherSiteDoesNothing(t *testing.T) {
	for _, from := range [][]string{
		{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"},
		{"Sec-Fetch-Site: same-site", "Origin: https://blog.dash.example"},
		{"Sec-Fetch-Site: cross-site", "Origin: null"},
		{"Sec-Fetch-Site: ", "Origin: https://evil.example"},
		{"Sec-Fetch-Site: ", "Origin: http://dash.example"},
		{"Sec-Fetch-Site: nonsense"},
	} {
		for _, call := range []string{"GET csrf-token", "POST extend", "POST clear", "POST validate-csrf"} {
			a := newApp(t, satra.Options{}, nil)
			cookie, token := a.session()
			for _, shown := range []string{cookie, "Cookie: "} {
				a.kinds()
				method, name, _ := strings.Cut(call, " ")
				got := a.send(request(method, base+"/"+name, append(from, shown, "X-CSRF-Token: "+token)...))
				if inShort(got) != "403 CROSS_ORIGIN" || got.Header["Clear-Site-Data"] != nil || strings.Contains(got.raw, token) {
					t.Errorf("%s with %q: got %s with %v, want 403 CROSS_ORIGIN alone", call, from, got.raw, got.Header)
				}
				if kinds := a.kinds(); kinds != "cross_origin" {
					t.Errorf("%s with %q: got the events %q, want cross_origin", call, from, kinds)
				}
			}
			if got := a.send(request("GET", base+"/info", cookie)); got.Told == nil {
				t.Errorf("%s with %q: the session is gone: %s", call, from, got.raw)
			}
		}
	}
}

// A trusted origin is treated as the application's own: it gets the token, and
// needs it.
func TestATrustedOriginIsServed(t *testing.T) {
	a := newApp(t, satra.Options{}, &csrf.Options{TrustedOrigins: []string{"https://partner.example"}})
	from := []string{"Sec-Fetch-Site: cross-site", "Origin: https://partner.example"}
	got := a.send(request("GET", base+"/csrf-token", from...))
	if inShort(got) != "200 cookie" {
		t.Fatalf("csrf-token: got %s, want a session", got.raw)
	}
	cookie := a.cookie(got.Header)
	if without := a.send(request("POST", base+"/extend", append(from, cookie)...)); inShort(without) != "403 CSRF_INVALID" {
		t.Errorf("extend without the token: got %s, want 403 CSRF_INVALID", inShort(without))
	}
	if with := a.send(request("POST", base+"/extend", append(from, cookie, "X-CSRF-Token: "+got.Token)...)); inShort(with) != "200" {
		t.Errorf("extend: got %s, want 200", inShort(with))
	}
}

// The token is taken from where the original took it.
func TestWhereTheTokenMayStand(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	cookie, token := a.session()
	post := func() *http.Request { return request("POST", base+"/extend", cookie) }
	for name, test := range map[string]struct {
		r    *http.Request
		want string
	}{
		"in a form":                   {withBody(post(), "application/x-www-form-urlencoded", "csrf_token="+token), "200"},
		"in JSON":                     {withBody(post(), "application/json", `{"csrf_token":"`+token+`"}`), "200"},
		"in the query":                {request("POST", base+"/extend?csrf_token="+token, cookie), "403 CSRF_INVALID"},
		"in a wrong header and JSON":  {withBody(request("POST", base+"/extend", cookie, "X-CSRF-Token: x"), "application/json", `{"csrf_token":"`+token+`"}`), "403 CSRF_INVALID"},
		"in JSON that is malformed":   {withBody(post(), "application/json", `{"csrf_token":"`+token+`"`), "403 CSRF_INVALID"},
		"in JSON that is no object":   {withBody(post(), "application/json", `["`+token+`"]`), "403 CSRF_INVALID"},
		"in a form that is malformed": {withBody(post(), "application/x-www-form-urlencoded", "%zz&csrf_token=%zz"), "403 CSRF_INVALID"},
	} {
		if got := a.send(test.r); inShort(got) != test.want {
			t.Errorf("%s: got %s, want %s", name, inShort(got), test.want)
		}
	}
}

// Behind Protection.CrossOrigin a request that says nothing of its origin comes
// without its cookie. A token brings it back, and so does what only answers.
func TestBehindTheCrossOriginCheck(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	a.handler = a.p.CrossOrigin(a.handler)
	cookie, token := a.session()
	const nothing = "Sec-Fetch-Site: "
	for _, test := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"validate-csrf", validating(token, cookie, nothing), "200"},
		{"extend without a token", request("POST", base+"/extend", cookie, nothing), "403 CSRF_INVALID"},
		{"extend with the token in a form", withBody(request("POST", base+"/extend", cookie, nothing), "application/x-www-form-urlencoded", "csrf_token="+token), "200"},
		{"clear with the token", request("POST", base+"/clear", cookie, nothing, "X-CSRF-Token: "+token), "200 cookie"},
		{"validate-csrf, once over", validating(token, cookie, nothing), "401 SESSION_REVOKED signed_out"},
		{"extend, once over", request("POST", base+"/extend", cookie, nothing), "401 SESSION_REVOKED signed_out"},
	} {
		got := a.send(test.r)
		if inShort(got) != test.want || got.Valid != nil && !*got.Valid {
			t.Errorf("%s: got %s %s, want %s", test.name, inShort(got), got.raw, test.want)
		}
	}
}

// Where no token is asked for, the session's absence is still the call's own
// answer.
func TestExtendWithoutASessionAndWithoutAToken(t *testing.T) {
	for name, o := range map[string]*csrf.Options{
		"InsecureAllowUnknownOrigin": {InsecureAllowUnknownOrigin: true},
		"Exempt":                     {Exempt: []string{"POST " + base + "/extend"}},
		"OwnProof":                   {OwnProof: []string{"POST " + base + "/extend"}},
	} {
		a := newApp(t, satra.Options{}, o)
		got := a.send(request("POST", base+"/extend", "Sec-Fetch-Site: "))
		if inShort(got) != "400 BAD_REQUEST" || got.Msg != "No active session to extend" {
			t.Errorf("%s: got %s, want 400 and that there is none to extend", name, got.raw)
		}
	}
}

// A guard of the application may keep somebody from signing out; its answer is
// the client's.
func TestAGuardMayRefuseToClear(t *testing.T) {
	guard := func(_ context.Context, act satra.Act) error {
		if act.Kind == satra.EventEnded {
			return &satra.Problem{Status: 503, Code: "AUDIT_UNAVAILABLE", Message: "Nothing can be recorded just now."}
		}
		return nil
	}
	a := newApp(t, satra.Options{Before: guard}, nil)
	cookie, token := a.session()
	got := a.call("POST clear", cookie, token)
	if inShort(got) != "503 AUDIT_UNAVAILABLE" {
		t.Errorf("got %s, want the guard's answer and the cookie left alone", inShort(got))
	}
	if got := a.send(request("GET", base+"/info", cookie)); got.Told == nil {
		t.Errorf("the session has ended all the same: %s", got.raw)
	}
}
