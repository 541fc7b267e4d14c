package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// evilPage is a page of somebody else's that acts against the dashboard at
// ?target: by a form that a visitor submits, and by a fetch with credentials.
const evilPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Win a prize</title>
<form method="post" action="%[1]s%[2]s"><input name="symbol" value="INFY"><button id="go">Go</button></form>
<script>
window.attack = () => fetch("%[1]s%[2]s", { method: "POST", mode: "no-cors", credentials: "include",
	headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: "symbol=INFY" }).catch(() => {});
</script></html>`

func TestAnotherOriginCanDoNothing(t *testing.T) {
	// Another port is another origin of the same site, so that the browser sends
	// the cookie along; another name is another site.
	for _, host := range []string{"127.0.0.1", "localhost"} {
		t.Run(host, func(t *testing.T) {
			s := play(t)
			id, cookie := s.id(), s.cookie()
			for _, path := range []string{"/watchlist/add", "/session/end", "/session/extend", "/api/session/clear"} {
				evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/html; charset=utf-8")
					fmt.Fprintf(w, evilPage, s.url, path)
				}))
				s.Navigate(strings.Replace(evil.URL, "127.0.0.1", host, 1))
				s.Run(`attack()`)
				s.wantCookie(cookie)
				s.Click("#go")
				if strings.HasPrefix(path, "/api/") {
					s.wantText("body", "CROSS_ORIGIN")
				} else {
					s.wantText("h1", "That request came from another site")
				}
				evil.Close()
				if got := len(s.asked(s.url + path)); got != 2 {
					t.Errorf("%s: %d requests have reached the dashboard, want the fetch and the form", path, got)
				}
				s.wantCookie(cookie)
			}
			s.open("/")
			if s.id() != id {
				t.Errorf("the victim has the session %s, want %s", s.id(), id)
			}
			if strings.Contains(s.text(".watchlist"), "INFY") {
				t.Error("the other origin has changed the watchlist")
			}
		})
	}
}

func (s *stage) wantCookie(want string) {
	s.t.Helper()
	if got := s.cookie(); got != want {
		s.t.Errorf("the victim's cookie is %q, want %q", got, want)
	}
}
