package csrf_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
)

func TestRow8(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(a *app, r *http.Request, cookie, token string)
		want    string // status, code and reason
	}{
		{"live, right token", func(_ *app, r *http.Request, _, token string) { r.Header.Set("X-CSRF-Token", token) }, "200 "},
		{"live, no token", func(*app, *http.Request, string, string) {}, "403 CSRF_INVALID"},
		{"live, wrong token", func(_ *app, r *http.Request, _, token string) { r.Header.Set("X-CSRF-Token", other(token)) }, "403 CSRF_INVALID"},
		{"live, empty header", func(_ *app, r *http.Request, _, _ string) { r.Header.Set("X-CSRF-Token", "") }, "403 CSRF_INVALID"},
		{"live, the header twice", func(_ *app, r *http.Request, _, token string) { r.Header["X-Csrf-Token"] = []string{token, token} }, "403 CSRF_INVALID"},
		{"live, another session's token", func(a *app, r *http.Request, _, _ string) {
			_, theirs := a.session()
			r.Header.Set("X-CSRF-Token", theirs)
		}, "403 CSRF_INVALID"},
		{"live, token in the query", func(_ *app, r *http.Request, _, token string) { r.URL.RawQuery = "csrf_token=" + token }, "403 CSRF_INVALID"},
		{"live, token in a cookie", func(_ *app, r *http.Request, _, token string) {
			r.AddCookie(&http.Cookie{Name: "csrf_token", Value: token})
			r.AddCookie(&http.Cookie{Name: "X-CSRF-Token", Value: token})
		}, "403 CSRF_INVALID"},
		{"no session", func(_ *app, r *http.Request, _, token string) {
			r.Header.Del("Cookie")
			r.Header.Set("X-CSRF-Token", token)
		}, "403 CSRF_INVALID"},
		{"expired, right token", func(a *app, r *http.Request, _, token string) {
			a.advance(2 * time.Hour)
			r.Header.Set("X-CSRF-Token", token)
		}, "401 SESSION_EXPIRED"},
		{"expired, no token", func(a *app, _ *http.Request, _, _ string) { a.advance(2 * time.Hour) }, "401 SESSION_EXPIRED"},
		{"signed out", func(a *app, _ *http.Request, cookie, _ string) {
			send(a.m.Handler(a.mux), request("GET", "/do", "Cookie: "+cookie))
		}, "401 SESSION_REVOKED"},
		{"store out of reach", func(a *app, r *http.Request, _, token string) {
			a.store.down.Store(true)
			r.Header.Set("X-CSRF-Token", token)
		}, "503 STORE_UNAVAILABLE"},
		{"two live sessions", func(a *app, r *http.Request, _, token string) {
			second, _ := a.session()
			r.Header.Add("Cookie", second)
			r.Header.Set("X-CSRF-Token", token)
		}, "400 BAD_REQUEST"},
	} {
		for kind := range map[string]bool{"all": true, "some": true} {
			a := newApp(t, csrf.Options{})
			h := a.all()
			if kind == "some" {
				h = a.p.CrossOrigin(a.m.Handler(a.p.RequireToken(a.mux)))
			}
			cookie, token := a.session()
			r := request("POST", "/do", "Sec-Fetch-Site: same-origin", "Cookie: "+cookie)
			test.prepare(a, r, cookie, token)
			a.took()
			resp, body := send(h, r)
			if got := fmt.Sprintf("%d %s", resp.StatusCode, codeOf(body)); got != test.want {
				t.Errorf("%s, %s: got %s, want %s", test.name, kind, got, test.want)
			}
			if resp.StatusCode != 200 && len(resp.Cookies()) != 0 {
				t.Errorf("%s, %s: a refusal with Set-Cookie %q", test.name, kind, resp.Header["Set-Cookie"])
			}
			if got, want := len(a.took()) > 0, strings.Contains(test.want, "CSRF_INVALID"); got != want {
				t.Errorf("%s, %s: got an event: %t, want %t", test.name, kind, got, want)
			}
			if want := "CSRF token validation failed"; strings.Contains(test.want, "CSRF_INVALID") && !strings.Contains(body, want) {
				t.Errorf("%s, %s: got %s, want the message %q", test.name, kind, body, want)
			}
		}
	}
}

func (a *app) advance(d time.Duration) {
	now := a.now.Load().Add(d)
	a.now.Store(&now)
}

// other is a well-formed token that differs in its first byte.
func other(token string) string {
	if token[0] == 'A' {
		return "B" + token[1:]
	}
	return "A" + token[1:]
}

// A session API answers a missing session itself.
func TestVerifyRequestTellsWhatIsWrong(t *testing.T) {
	a := newApp(t, csrf.Options{})
	cookie, value := a.session()
	var got error
	h := a.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = a.p.VerifyRequest(r) }))

	send(h, request("POST", "/", "Sec-Fetch-Site: same-origin"))
	if !errors.Is(got, satra.ErrNoSession) || len(a.took()) != 0 {
		t.Errorf("no session: got %v, want ErrNoSession and no event", got)
	}
	send(h, request("POST", "/", "Sec-Fetch-Site: cross-site", "Cookie: "+cookie))
	if p := satra.ProblemOf(got); p.Code != satra.CodeCrossOrigin {
		t.Errorf("another site: got %v", got)
	}
	send(h, request("POST", "/", "Cookie: "+cookie, "X-CSRF-Token: "+value))
	if got != nil {
		t.Errorf("right token: got %v", got)
	}
	a.advance(24 * time.Hour)
	var ended *satra.EndedError
	if send(h, request("POST", "/", "Cookie: "+cookie)); !errors.As(got, &ended) {
		t.Errorf("ended: got %v, want an EndedError", got)
	}
}

// Row 7 behind CrossOrigin: only a token brings the cookie back.
func TestARequestOfUnknownOriginProvesItself(t *testing.T) {
	a := newApp(t, csrf.Options{})
	required := a.p.CrossOrigin(a.m.Handler(a.p.RequireToken(a.mux)))
	signedIn := a.p.CrossOrigin(a.m.Handler(satra.RequireSession(a.p.RequireToken(a.mux))))
	asked := a.p.CrossOrigin(a.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ok, err := csrf.Valid(r.Context(), r.URL.Query().Get("is"))
		fmt.Fprint(w, ok, err)
	})))
	form := func(cookie, token string) *http.Request {
		return withBody(request("POST", "/do", "Cookie: "+cookie, "Content-Type: application/x-www-form-urlencoded"), "csrf_token="+token)
	}
	for _, test := range []struct {
		name string
		h    http.Handler
		r    func(cookie, token string) *http.Request
		want string
	}{
		{"form", required, form, "session"},
		{"header", required, func(c, token string) *http.Request {
			return request("POST", "/do", "Cookie: "+c, "X-CSRF-Token: "+token)
		}, "session"},
		{"header, the session asked for first", signedIn, func(c, token string) *http.Request {
			return request("POST", "/do", "Cookie: "+c, "X-CSRF-Token: "+token)
		}, "session"},
		{"validation", asked, func(c, token string) *http.Request { return request("POST", "/do?is="+token, "Cookie: "+c) }, "true <nil>"},
	} {
		cookie, token := a.session()
		if resp, body := send(test.h, test.r(cookie, token)); resp.StatusCode != 200 || body != test.want {
			t.Errorf("%s: got %d %s, want %s", test.name, resp.StatusCode, body, test.want)
		}
	}
	cookie, token := a.session()
	if resp, _ := send(required, form(cookie, other(token))); resp.StatusCode != 403 {
		t.Errorf("wrong token: got %d, want 403", resp.StatusCode)
	}
}

// The page that tells of a refusal may use the session as every other: still no
// cookie is set or deleted.
func TestARefusalLeavesTheCookieAlone(t *testing.T) {
	theme := satra.NewKey[string]("theme")
	m, err := satra.New(memstore.New(nil), &satra.Options{Error: func(w http.ResponseWriter, r *http.Request, p *satra.Problem) {
		theme.Set(r.Context(), "dark")
		satra.SignOut(r.Context())
		w.WriteHeader(p.Status)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	a := newApp(t, csrf.Options{})
	a.m = m
	cookie, _ := a.session()
	for name, r := range map[string]*http.Request{
		"no session":   request("POST", "/do", "Sec-Fetch-Site: same-origin"),
		"wrong token":  request("POST", "/do", "Sec-Fetch-Site: same-origin", "Cookie: "+cookie),
		"another site": request("POST", "/do", evil, "Cookie: "+cookie),
	} {
		if resp, _ := send(a.all(), r); resp.StatusCode != 403 || len(resp.Cookies()) > 0 {
			t.Errorf("%s: got %d, Set-Cookie %q", name, resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
}

// RequireToken is row 8 alone: lists and safe methods pass, everything else
// needs the token, wherever it comes from.
func TestRequireTokenAlone(t *testing.T) {
	for _, test := range rows {
		a := newApp(t, options)
		cookie, tok := a.session()
		want := 403
		if test.row == "0" && test.want != refused || test.row == "0b" && test.want != refused || test.row == "1" && test.want == sessionOK || test.row == "2" && test.want != refused {
			want = 200
		}
		r := toRequest(test.line, append(test.header, "Cookie: "+cookie))
		h := a.m.Handler(a.p.RequireToken(a.mux))
		if resp, body := send(h, r); resp.StatusCode != want {
			t.Errorf("row %s: %s: got %d %s, want %d", test.row, test.name, resp.StatusCode, body, want)
		}
		if want == 403 {
			r.Header.Set("X-CSRF-Token", tok)
			if resp, body := send(h, r); resp.StatusCode != 200 {
				t.Errorf("row %s: %s, with token: got %d %s, want 200", test.row, test.name, resp.StatusCode, body)
			}
		}
	}
}
