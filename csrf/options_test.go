package csrf_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/csrf"
)

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
