package csrf_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
)

// What a request of the table gets: passes (with its session or without),
// token (passes with the session's token, and only with it), refused.
const (
	passes    = "passes"
	sessionOK = "passes with its session"
	ignored   = "passes without a session"
	token     = "needs the token"
	refused   = "is refused"
)

const (
	evil    = "Origin: https://evil.example"
	own     = "Origin: https://dash.example"
	partner = "Origin: https://partner.example:8443"
	null    = "Origin: null"
	upgrade = "Upgrade: websocket"
)

var options = csrf.Options{
	TrustedOrigins: []string{"https://partner.example:8443"},
	Exempt:         []string{"POST /hooks/kite"},
	OwnProof:       []string{"POST /dbsc/refresh"},
}

// rows are the decision table, in its order. cookie says whether the response
// may set or delete the cookie.
var rows = []struct {
	row, name string
	line      string
	header    []string
	want      string
	cookie    bool
}{
	{"0", "an exempt route", "POST /hooks/kite", nil, ignored, false},
	{"0", "from another site", "POST /hooks/kite", []string{"Sec-Fetch-Site: cross-site", evil}, ignored, false},
	{"0", "another method", "PUT /hooks/kite", []string{"Sec-Fetch-Site: cross-site"}, refused, false},
	{"0", "a path below", "POST /hooks/kite/x", []string{"Sec-Fetch-Site: cross-site"}, refused, false},
	{"0", "the path, escaped", "POST /hooks%2Fkite", []string{"Sec-Fetch-Site: cross-site"}, refused, false},

	{"0b", "a route with its own proof", "POST /dbsc/refresh", []string{"Sec-Fetch-Site: same-origin"}, sessionOK, true},
	{"0b", "from another site", "POST /dbsc/refresh", []string{"Sec-Fetch-Site: cross-site", evil}, sessionOK, false},
	{"0b", "the path, escaped", "POST /dbsc%2frefresh", []string{"Sec-Fetch-Site: cross-site"}, refused, false},

	{"1", "handshake, our Origin", "GET /ws", []string{upgrade, own}, sessionOK, true},
	{"1", "handshake, a trusted Origin", "GET /ws", []string{upgrade, partner}, sessionOK, true},
	{"1", "handshake, no Origin", "GET /ws", []string{upgrade}, refused, false},
	{"1", "handshake, another Origin", "GET /ws", []string{upgrade, evil}, refused, false},
	{"1", "handshake, our host over HTTP", "GET /ws", []string{upgrade, "Origin: http://dash.example"}, refused, false},
	{"1", "handshake, our host on another port", "GET /ws", []string{upgrade, "Origin: https://dash.example:8443"}, refused, false},
	{"1", "handshake, a sibling", "GET /ws", []string{upgrade, "Origin: https://a.dash.example"}, refused, false},
	{"1", "handshake, null", "GET /ws", []string{upgrade, null}, refused, false},
	{"1", "handshake, two Origins", "GET /ws", []string{upgrade, own, own}, refused, false},
	{"1", "handshake, Sec-Fetch-Site does not help", "GET /ws", []string{upgrade, evil, "Sec-Fetch-Site: same-origin"}, refused, false},
	{"1", "handshake, any case, in a list", "GET /ws", []string{"Upgrade: h2c, WebSocket", evil}, refused, false},
	{"1", "handshake over HTTP/2", "CONNECT /ws", []string{":protocol: websocket", evil}, refused, false},
	{"1", "handshake over HTTP/2, our Origin", "CONNECT /ws", []string{":protocol: websocket", own}, sessionOK, true},
	{"1", "a POST that says handshake", "POST /ws", []string{upgrade, own}, token, true},

	{"2", "GET", "GET /do", []string{"Sec-Fetch-Site: cross-site", evil}, sessionOK, true},
	{"2", "HEAD", "HEAD /do", []string{"Sec-Fetch-Site: cross-site", evil}, passes, true},
	{"2", "OPTIONS", "OPTIONS /do", []string{"Sec-Fetch-Site: cross-site", evil}, sessionOK, true},
	{"2", "TRACE is not safe", "TRACE /do", []string{"Sec-Fetch-Site: cross-site"}, refused, false},
	{"2", "an unknown method is not safe", "get /do", []string{"Sec-Fetch-Site: cross-site"}, refused, false},

	{"3", "same-origin", "POST /do", []string{"Sec-Fetch-Site: same-origin", own}, token, true},
	{"3", "same-origin, Origin null", "POST /do", []string{"Sec-Fetch-Site: same-origin", null}, token, true},
	{"3", "same-origin, PUT", "PUT /do", []string{"Sec-Fetch-Site: same-origin"}, token, true},
	{"3", "same-origin, DELETE", "DELETE /do", []string{"Sec-Fetch-Site: same-origin"}, token, true},

	{"4", "none", "POST /do", []string{"Sec-Fetch-Site: none"}, token, true},

	{"5", "cross-site", "POST /do", []string{"Sec-Fetch-Site: cross-site", evil}, refused, false},
	{"5", "same-site", "POST /do", []string{"Sec-Fetch-Site: same-site", "Origin: https://a.dash.example"}, refused, false},
	{"5", "same-site, our host over HTTP", "POST /do", []string{"Sec-Fetch-Site: cross-site", "Origin: http://dash.example"}, refused, false},
	{"5", "cross-site that states our Origin", "POST /do", []string{"Sec-Fetch-Site: cross-site", own}, refused, false},
	{"5", "unknown", "POST /do", []string{"Sec-Fetch-Site: same-planet"}, refused, false},
	{"5", "empty", "POST /do", []string{"Sec-Fetch-Site: "}, refused, false},
	{"5", "another case", "POST /do", []string{"Sec-Fetch-Site: Same-Origin"}, refused, false},
	{"5", "repeated", "POST /do", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-origin"}, refused, false},
	{"5", "a list", "POST /do", []string{"Sec-Fetch-Site: same-origin, same-origin"}, refused, false},
	{"5", "cross-site, no Origin", "POST /do", []string{"Sec-Fetch-Site: cross-site"}, refused, false},
	{"5", "cross-site, null", "POST /do", []string{"Sec-Fetch-Site: cross-site", null}, refused, false},
	{"5", "a trusted Origin", "POST /do", []string{"Sec-Fetch-Site: cross-site", partner}, token, true},
	{"5", "a trusted Origin, repeated", "POST /do", []string{"Sec-Fetch-Site: cross-site", partner, partner}, refused, false},
	{"5", "a trusted host on another port", "POST /do", []string{"Sec-Fetch-Site: cross-site", "Origin: https://partner.example"}, refused, false},

	{"6", "our Origin", "POST /do", []string{own}, token, true},
	{"6", "our Origin with its own port", "POST /do", []string{"Origin: https://dash.example:443"}, token, true},
	{"6", "our Origin in capitals", "POST /do", []string{"Origin: HTTPS://DASH.example"}, token, true},
	{"6", "a trusted Origin", "POST /do", []string{partner}, token, true},
	{"6", "our host over HTTP", "POST /do", []string{"Origin: http://dash.example"}, refused, false},
	{"6", "our host over HTTP on the port of HTTPS", "POST /do", []string{"Origin: http://dash.example:443"}, refused, false},
	{"6", "our host on another port", "POST /do", []string{"Origin: https://dash.example:8443"}, refused, false},
	{"6", "another host", "POST /do", []string{evil}, refused, false},
	{"6", "a host that ends in ours", "POST /do", []string{"Origin: https://evildash.example"}, refused, false},
	{"6", "a host that begins with ours", "POST /do", []string{"Origin: https://dash.example.evil.example"}, refused, false},
	{"6", "ours as a user", "POST /do", []string{"Origin: https://dash.example@evil.example"}, refused, false},
	{"6", "ours with a path", "POST /do", []string{"Origin: https://dash.example/"}, refused, false},
	{"6", "null", "POST /do", []string{null}, refused, false},
	{"6", "empty", "POST /do", []string{"Origin: "}, refused, false},
	{"6", "repeated", "POST /do", []string{own, own}, refused, false},

	{"7", "neither header", "POST /do", nil, token, true},
}

// toRequest makes the request of a line of the table.
func toRequest(line string, header []string) *http.Request {
	method, path, _ := strings.Cut(line, " ")
	r := request("GET", path)
	r.Method = method // httptest reads another target for CONNECT
	for _, h := range header {
		if value, ok := strings.CutPrefix(h, ":protocol: "); ok {
			r.Header[":protocol"] = []string{value}
			continue
		}
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestRows(t *testing.T) {
	for _, test := range rows {
		for _, withToken := range []bool{false, true} {
			a := newApp(t, options)
			cookie, value := a.session()
			r := toRequest(test.line, append(test.header, "Cookie: "+cookie))
			if withToken {
				r.Header.Set("X-CSRF-Token", value)
			}
			before := a.store.finds.Load()
			resp, body := send(a.all(), r)
			name := "row " + test.row + ": " + test.name
			if withToken {
				name += " (with token)"
			}
			want, code, session := 200, "", "session"
			switch {
			case test.want == refused:
				want, code, session = 403, "CROSS_ORIGIN", ""
			case test.want == token && !withToken:
				want, code, session = 403, "CSRF_INVALID", ""
			case test.want == ignored:
				session = "no session"
			}
			if resp.StatusCode != want || codeOf(body) != code {
				t.Errorf("%s: got %d %s, want %d %s", name, resp.StatusCode, body, want, code)
				continue
			}
			if want == 200 && test.want != passes && body != session {
				t.Errorf("%s: got %q, want %q", name, body, session)
			}
			if got, want := len(resp.Cookies()) > 0, test.cookie && want == 200; got != want {
				t.Errorf("%s: got Set-Cookie %q, want one: %t", name, resp.Header["Set-Cookie"], want)
			}
			wantEvent(t, name, a, code)
			if code == "CROSS_ORIGIN" && a.store.finds.Load() != before {
				t.Errorf("%s: the store was asked", name)
			}
		}
	}
}

func wantEvent(t *testing.T, name string, a *app, code string) {
	t.Helper()
	want := map[string]satra.Kind{"CROSS_ORIGIN": satra.EventCrossOrigin, "CSRF_INVALID": satra.EventCSRFRejected}[code]
	events := a.took()
	if want == "" && len(events) == 0 {
		return
	}
	if len(events) != 1 || events[0].Kind != want || events[0].Path == "" || events[0].Detail == "" || events[0].At.IsZero() || !events[0].Client.Addr.IsValid() {
		t.Errorf("%s: got events %+v, want one %s with its facts", name, events, want)
	}
}

// The same table, where the routes ask for no token: what passes the check has
// its session, but for row 7, whose cookie counts for nothing.
func TestRowsOfTheCheckAlone(t *testing.T) {
	for _, test := range rows {
		a := newApp(t, options)
		cookie, _ := a.session()
		r := toRequest(test.line, append(test.header, "Cookie: "+cookie))
		name := "row " + test.row + ": " + test.name
		var problem *satra.Problem
		err := a.p.Check(r)
		if got := errors.As(err, &problem) && problem.Code == satra.CodeCrossOrigin && problem.Status == 403; got != (test.want == refused) {
			t.Errorf("%s: Check: got %v", name, err)
		}
		want, wantCookie := "session", test.cookie
		if test.want == ignored || test.row == "7" {
			want, wantCookie = "no session", false
		}
		for where, h := range map[string]http.Handler{"outside": a.some(), "inside": a.m.Handler(a.p.CrossOrigin(a.mux))} {
			cookie, _ = a.session()
			r.Header.Set("Cookie", cookie)
			resp, body := send(h, r)
			if test.want == refused {
				if resp.StatusCode != 403 || codeOf(body) != "CROSS_ORIGIN" || len(resp.Cookies()) > 0 {
					t.Errorf("%s, %s: got %d %s, cookies %q", name, where, resp.StatusCode, body, resp.Header["Set-Cookie"])
				}
				wantEvent(t, name+", "+where, a, "CROSS_ORIGIN")
			} else if resp.StatusCode != 200 || test.want != passes && body != want || len(resp.Cookies()) > 0 != wantCookie {
				t.Errorf("%s, %s: got %d %q, cookies %q; want %q, cookie %t", name, where, resp.StatusCode, body, resp.Header["Set-Cookie"], want, wantCookie)
			}
		}
	}
}

// Where http.CrossOriginProtection lets through what this package does not.
func TestHolesOfTheStandardLibrary(t *testing.T) {
	for _, test := range []struct {
		name   string
		line   string
		header []string
	}{
		{"it compares hosts only: http to https", "POST /do", []string{"Origin: http://dash.example"}},
		{"a WebSocket handshake is a GET", "GET /ws", []string{upgrade, evil}},
		{"neither header", "POST /do", nil},
	} {
		r := toRequest(test.line, test.header)
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			t.Errorf("%s: net/http refuses it: %v; this test and the documentation are out of date", test.name, err)
		}
		a := newApp(t, csrf.Options{})
		cookie, _ := a.session()
		r.Header.Set("Cookie", cookie)
		if resp, _ := send(a.all(), r); resp.StatusCode != 403 {
			t.Errorf("%s: got %d, want 403", test.name, resp.StatusCode)
		}
		if _, body := send(a.some(), r); body == "session" {
			t.Errorf("%s: the check alone lets it have its session", test.name)
		}
	}
}
