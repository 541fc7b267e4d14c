package csrf_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
)

// TestABearerTokenNeedsNoCSRFToken holds row 0a, and what only looks like it: a
// header that is no token of ours saves nobody the check.
func TestABearerTokenNeedsNoCSRFToken(t *testing.T) {
	m, err := satra.New(memstore.New(nil), &satra.Options{Bearer: true, SweepEvery: satra.Never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(t.Context()) })
	p, err := csrf.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(w http.ResponseWriter, r *http.Request) {
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		if err == nil {
			var token string
			if token, err = attempt.IssueToken(r.Context(), "test"); err == nil {
				io.WriteString(w, token)
			}
		}
		if err != nil {
			satra.WriteError(w, r, err)
		}
	}
	do := func(h http.Handler, header ...string) *http.Response {
		r := httptest.NewRequest("POST", "https://dash.example/do", nil)
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		w := httptest.NewRecorder()
		m.Handler(h).ServeHTTP(w, r)
		return w.Result()
	}
	body := func(resp *http.Response) string { b, _ := io.ReadAll(resp.Body); return string(b) }
	ours := "Authorization: Bearer " + body(do(http.HandlerFunc(issue)))
	acts := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := satra.From(r.Context())
		if err != nil {
			satra.WriteError(w, r, err)
			return
		}
		io.WriteString(w, s.Principal)
	})
	outside := func(next http.Handler) http.Handler { return p.CrossOrigin(p.RequireToken(next)) }
	for what, protect := range map[string]func(http.Handler) http.Handler{"Handler": p.Handler, "CrossOrigin and RequireToken": outside} {
		for _, c := range []struct {
			name   string
			header []string
			want   int
		}{
			{"ours", []string{ours}, 200},
			{"ours, from a page elsewhere", []string{ours, "Sec-Fetch-Site: cross-site", evil}, 200},
			{"of our form, and unknown", []string{"Authorization: Bearer " + strings.Repeat("B", 64), "Sec-Fetch-Site: cross-site"}, 401},
			{"another's", []string{"Authorization: Bearer x.y.z", "Sec-Fetch-Site: cross-site", evil}, 403},
			{"another scheme", []string{"Authorization: Basic eDp5", "Sec-Fetch-Site: cross-site", evil}, 403},
			{"two of them", []string{ours, ours, "Sec-Fetch-Site: cross-site", evil}, 403},
			{"with a cookie", []string{ours, "Cookie: __Host-satra=" + strings.Repeat("B", 64)}, 400},
		} {
			if resp := do(protect(acts), c.header...); resp.StatusCode != c.want {
				t.Errorf("%s, %s: got %d, want %d; %s", what, c.name, resp.StatusCode, c.want, body(resp))
			}
		}
	}
}

// TestAnothersTokenIsNoExcuse holds a manager that takes no bearer tokens: a header
// that looks like one changes nothing.
func TestAnothersTokenIsNoExcuse(t *testing.T) {
	a := newApp(t, csrf.Options{})
	resp := httptest.NewRecorder()
	a.m.Handler(a.mux).ServeHTTP(resp, httptest.NewRequest("GET", "https://dash.example/token", nil))
	cookie, text := resp.Result().Cookies()[0], resp.Body.String()
	for what, h := range map[string]http.Handler{
		"Handler":                       a.m.Handler(a.p.Handler(a.mux)),
		"CrossOrigin and RequireToken":  a.p.CrossOrigin(a.m.Handler(a.p.RequireToken(a.mux))),
		"CrossOrigin, inside a manager": a.m.Handler(a.p.CrossOrigin(a.p.RequireToken(a.mux))),
	} {
		for _, c := range []struct {
			header []string
			want   int
		}{
			{[]string{"Sec-Fetch-Site: same-origin"}, 403},
			{[]string{"Sec-Fetch-Site: same-origin", "X-CSRF-Token: " + text}, 200},
		} {
			r := httptest.NewRequest("POST", "https://dash.example/other", nil)
			r.Header.Set("Authorization", "Bearer "+strings.Repeat("deadbeef", 8))
			r.Header.Set("Cookie", cookie.Name+"="+cookie.Value)
			for _, line := range c.header {
				name, value, _ := strings.Cut(line, ": ")
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%s, %q: got %d, want %d; %s", what, c.header, w.Code, c.want, w.Body)
			}
			if w.Code == 200 && w.Body.String() != "session" {
				t.Errorf("%s: the session is not there: %s", what, w.Body)
			}
			if w.Code == 200 { // the app signs out: the next needs a session again
				again := httptest.NewRecorder()
				a.m.Handler(a.mux).ServeHTTP(again, httptest.NewRequest("GET", "https://dash.example/token", nil))
				cookie, text = again.Result().Cookies()[0], again.Body.String()
			}
		}
	}
}
