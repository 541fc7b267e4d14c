package csrf_test

import (
	"context"
	"encoding/base64"
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

func TestInsecureAllowUnknownOrigin(t *testing.T) {
	for _, test := range []struct {
		name   string
		header []string
		want   int
	}{
		{"neither header, no token", nil, 200},
		{"a wrong token", []string{"X-CSRF-Token: wrong"}, 403},
		{"an Origin, no token", []string{own}, 403},
		{"another site", []string{evil}, 403},
		{"Sec-Fetch-Site, no token", []string{"Sec-Fetch-Site: none"}, 403},
	} {
		a := newApp(t, csrf.Options{InsecureAllowUnknownOrigin: true})
		for name, h := range map[string]http.Handler{"all": a.all(), "some": a.p.CrossOrigin(a.m.Handler(a.p.RequireToken(a.mux)))} {
			cookie, _ := a.session()
			resp, body := send(h, request("POST", "/do", append(test.header, "Cookie: "+cookie)...))
			if resp.StatusCode != test.want || test.want == 200 && body != "session" {
				t.Errorf("%s, %s: got %d %s, want %d", test.name, name, resp.StatusCode, body, test.want)
			}
		}
	}
}

func TestPublicOrigin(t *testing.T) {
	a := newApp(t, csrf.Options{PublicOrigin: "https://www.dash.example"})
	for origin, want := range map[string]int{"https://www.dash.example": 200, "https://dash.example": 403, "http://www.dash.example": 403} {
		cookie, value := a.session()
		resp, _ := send(a.all(), request("POST", "/do", "Origin: "+origin, "Cookie: "+cookie, "X-CSRF-Token: "+value))
		if resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", origin, resp.StatusCode, want)
		}
		if got := len(resp.Cookies()) > 0; got != (want == 200) {
			t.Errorf("%s: sign-out deleted the cookie: %t", origin, got)
		}
	}
}

func TestAPortOfTheOtherSchemeIsAPort(t *testing.T) {
	for own, stated := range map[string]string{"http://localhost": "http://localhost:443", "https://localhost": "https://localhost:80"} {
		p, err := csrf.New(&csrf.Options{PublicOrigin: own})
		if err != nil {
			t.Fatal(err)
		}
		if p.Check(request("POST", "/", "Origin: "+own)) != nil || p.Check(request("POST", "/", "Origin: "+stated)) == nil {
			t.Errorf("%s: want it allowed, and %s refused", own, stated)
		}
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

// in runs f in a request of a new session, or of none.
func in(t *testing.T, session bool, f func(r *http.Request)) {
	t.Helper()
	a := newApp(t, csrf.Options{})
	send(a.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if session {
			if err := satra.Start(r.Context()); err != nil {
				t.Fatal(err)
			}
		}
		f(r)
	})), request("GET", "/"))
}

func TestTokensAreMaskedAfresh(t *testing.T) {
	in(t, true, func(r *http.Request) {
		stable, err := csrf.StableToken(r.Context())
		if err != nil || len(stable) != 43 {
			t.Fatalf("StableToken: got %q, %v; want 43 characters", stable, err)
		}
		if again, _ := csrf.StableToken(r.Context()); again != stable {
			t.Errorf("StableToken: got %q, then %q", stable, again)
		}
		seen := map[string]bool{}
		for range 50 {
			token, err := csrf.Token(r.Context())
			if err != nil || len(token) != 86 || seen[token[:43]] || seen[token[43:]] {
				t.Fatalf("Token: got %q, %v; want 86 characters, new ones each time", token, err)
			}
			seen[token[:43]], seen[token[43:]] = true, true
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil {
				t.Fatal(err)
			}
			if want, _ := base64.RawURLEncoding.DecodeString(stable); strings.Contains(string(raw), string(want)) {
				t.Fatal("the token stands in its masked form")
			}
			if ok, err := csrf.Valid(r.Context(), token); !ok || err != nil {
				t.Fatalf("Valid: got %t, %v", ok, err)
			}
		}
	})
}

func TestValid(t *testing.T) {
	in(t, true, func(r *http.Request) {
		stable, _ := csrf.StableToken(r.Context())
		masked, _ := csrf.Token(r.Context())
		spare := stable[:42] + string(stable[42]+1) // the last character has two spare bits, which are zero
		for _, test := range []struct {
			name, text string
			want       bool
		}{
			{"stable", stable, true},
			{"masked", masked, true},
			{"empty", "", false},
			{"zeros", strings.Repeat("A", 43), false},
			{"masked zeros", strings.Repeat("A", 86), false},
			{"one character changed", other(stable), false},
			{"one character of the pad changed", other(masked), false},
			{"spare bits", spare, false},
			{"too short", stable[:42], false},
			{"padded", stable + "=", false},
			{"twice", stable + stable, false},
			{"line break", stable[:20] + "\n" + stable[20:42], false},
			{"white space", " " + stable[:42], false},
			{"standard alphabet", strings.Repeat("+", 43), false},
			{"very long", strings.Repeat("A", 1<<20), false},
		} {
			if got, err := csrf.Valid(r.Context(), test.text); got != test.want || err != nil {
				t.Errorf("%s: got %t, %v; want %t", test.name, got, err, test.want)
			}
		}
	})
}

func TestTokensNeedASession(t *testing.T) {
	in(t, false, func(r *http.Request) {
		_, masked := csrf.Token(r.Context())
		_, stable := csrf.StableToken(r.Context())
		_, field := csrf.FormField(r.Context())
		_, valid := csrf.Valid(r.Context(), strings.Repeat("A", 43))
		for _, err := range []error{masked, stable, field, valid} {
			if !errors.Is(err, satra.ErrNoSession) {
				t.Errorf("got %v, want ErrNoSession", err)
			}
		}
	})
}

func TestNewTellsEveryProblem(t *testing.T) {
	_, err := csrf.New(&csrf.Options{
		PublicOrigin:   "dash.example",
		TrustedOrigins: []string{"null", "https://*.example", "https://a.example/", "https://u@a.example", "https://a.example:", "https://a.example:0", "https://a.example:99999", "https://bücher.example", "//a.example", "https://a.example?x", "https://", "https://[1.2.3.4]", "https://a..example", "a b"},
		Exempt:         []string{"/hooks", "post /hooks", "POST hooks", "POST /hooks/{x}", "POST /hooks%2F", "POST /a//b", "POST /a/../b", "POST /both"},
		OwnProof:       []string{"GET /dbsc", "POST /both"},
		MaxBody:        -1,
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		`PublicOrigin: "dash.example"`, `"null"`, `"https://*.example"`, `"https://a.example/"`, `"https://u@a.example"`, `"https://a.example:"`,
		`"https://a.example:0"`, `"https://a.example:99999"`, `"https://bücher.example"`, `"//a.example"`, `"https://a.example?x"`, `"https://"`,
		`"https://[1.2.3.4]"`, `"https://a..example"`, `"a b"`, `"/hooks"`, `"post /hooks"`, `"POST hooks"`, `"POST /hooks/{x}"`, `"POST /hooks%2F"`,
		`"POST /a//b"`, `"POST /a/../b"`, "OwnProof: GET /dbsc", "POST /both is in", "MaxBody: -1",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got no word of %s in:\n%v", want, err)
		}
	}
	if _, err := csrf.New(&csrf.Options{PublicOrigin: "chrome-extension://abc"}); err == nil {
		t.Error("PublicOrigin: got no error for a scheme that is not HTTP's")
	}
	if _, err := csrf.New(&csrf.Options{
		PublicOrigin: "http://localhost:8080", TrustedOrigins: []string{"chrome-extension://abcdef", "http://[::1]:8080", "https://192.0.2.1"},
		Exempt: []string{"POST /", "POST /hooks/"},
	}); err != nil {
		t.Errorf("got %v, want no problem", err)
	}
}

func TestTheZeroValueProtects(t *testing.T) {
	a := newApp(t, csrf.Options{})
	p := &csrf.Protection{}
	cookie, tok := a.session()
	for _, test := range []struct {
		name string
		r    *http.Request
		want int
	}{
		{"another site", request("POST", "/do", "Cookie: "+cookie, evil, "X-CSRF-Token: "+tok), 403},
		{"no token", request("POST", "/do", "Cookie: "+cookie, own), 403},
		{"token", withBody(request("POST", "/do", "Cookie: "+cookie, own, "Content-Type: "+formType), "csrf_token="+tok), 200},
	} {
		if resp, body := send(p.CrossOrigin(a.m.Handler(p.RequireToken(a.mux))), test.r); resp.StatusCode != test.want {
			t.Errorf("%s: got %d %s, want %d", test.name, resp.StatusCode, body, test.want)
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
