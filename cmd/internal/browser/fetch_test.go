package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// outcome runs a request through the client's fetch in the page, and returns
// the status and the body as the caller reads them.
func (s *stage) outcome(call string) string {
	s.t.Helper()
	return chrome.Eval[string](s.Tab, `sessionManager.fetch(`+call+`).then(
		async (r) => r.status + " " + (await r.text()).trim(), (e) => "throws " + e.name)`)
}

func TestTheTokenIsAttached(t *testing.T) {
	s := play(t, "")
	for _, c := range []struct{ what, call, body string }{
		{"options", `"/echo", { method: "POST", body: "text" }`, "text"},
		{"lower case", `"/echo", { method: "post", body: "text" }`, "text"},
		{"a URL object", `new URL("/echo", location.href), { method: "PUT", body: "text" }`, "text"},
		{"a Request object", `new Request("/echo", { method: "POST", body: "text", headers: { "X-Own": "1" } })`, "text"},
		{"a Request object and options", `new Request("/echo", { method: "POST", body: "text" }), { headers: { "X-Own": "1" } }`, "text"},
		{"a Headers object", `"/echo", { method: "POST", body: "text", headers: new Headers({ "X-Own": "1" }) }`, "text"},
		{"a header array", `"/echo", { method: "DELETE", headers: [["X-Own", "1"]] }`, ""},
		{"FormData", `"/echo", { method: "POST", headers: { "X-Own": "1" }, body: (() => { const f = new FormData(); f.set("a", "b"); return f; })() }`, `name="a"`},
		{"addCSRFToken", `"/echo", sessionManager.addCSRFToken({ method: "POST", body: "text" })`, "text"},
		{"a Blob", `"/echo", { method: "PATCH", body: new Blob(["text"]) }`, "text"},
	} {
		before := len(s.echoes())
		if got := s.outcome(c.call); !strings.HasPrefix(got, "200 ") {
			t.Fatalf("%s: got %s", c.what, got)
		}
		s.mustSee(before + 1)
		r := s.lastEcho()
		if r.Header.Get("X-CSRF-Token") != s.token {
			t.Errorf("%s: token: got %q, want %q", c.what, r.Header.Get("X-CSRF-Token"), s.token)
		}
		if strings.Contains(c.call, "X-Own") && r.Header.Get("X-Own") != "1" {
			t.Errorf("%s: the caller's own header is lost", c.what)
		}
		if !strings.Contains(r.Body, c.body) {
			t.Errorf("%s: body: got %q, want %q in it", c.what, r.Body, c.body)
		}
	}
	s.wantCount("GET", "/csrf-token", 0)
}

// echoes are the requests that reached the application's route.
func (s *stage) echoes() []request {
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	var found []request
	for _, r := range s.requests {
		if r.Path == "/echo" {
			found = append(found, r)
		}
	}
	return found
}

func (s *stage) mustSee(want int) {
	s.t.Helper()
	if got := s.echoes(); len(got) != want {
		s.t.Fatalf("the server has seen %d requests, want %d: %v", len(got), want, got)
	}
}

func (s *stage) lastEcho() request {
	all := s.echoes()
	return all[len(all)-1]
}

func TestSafeMethodsCarryNoToken(t *testing.T) {
	s := play(t, "")
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		s.outcome(fmt.Sprintf(`"/echo", { method: %q }`, method))
		if got := s.lastEcho(); got.Method != method || got.Header.Get("X-CSRF-Token") != "" {
			t.Errorf("%s: got %s with token %q", method, got.Method, got.Header.Get("X-CSRF-Token"))
		}
	}
}

func TestTheTokenNeverLeavesTheOrigin(t *testing.T) {
	s := play(t, "")
	var seen []http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.change(func() { seen = append(seen, r.Header.Clone()) })
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		w.Header().Set("Access-Control-Allow-Methods", "*")
	}))
	defer other.Close()
	for _, call := range []string{
		`%q, { method: "POST", body: "x" }`,
		`new Request(%q, { method: "POST", body: "x" })`,
		`%q, sessionManager.addCSRFToken({ method: "POST" })`,
		`%q`,
	} {
		if got := s.outcome(fmt.Sprintf(call, other.URL+"/x")); !strings.HasPrefix(got, "200") {
			t.Fatalf("%s: got %s", call, got)
		}
	}
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	if len(seen) < 4 {
		t.Fatalf("got %d requests", len(seen))
	}
	for _, h := range seen {
		for _, name := range []string{"X-Csrf-Token", "X-Session-Activity", "X-Session-Background"} {
			if h.Get(name) != "" || strings.Contains(strings.ToLower(h.Get("Access-Control-Request-Headers")), strings.ToLower(name)) {
				t.Errorf("another origin was sent %s: %v", name, h)
			}
		}
	}
}

func TestAnOriginThatIsAllowedGetsTheToken(t *testing.T) {
	s := play(t, "")
	got := make(chan string, 2)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*")
		if r.Method == "POST" {
			got <- r.Header.Get("X-CSRF-Token")
		}
	}))
	defer other.Close()
	s.Run(fmt.Sprintf(`window.wide = new SessionManagerClient({ origins: [%q] }); wide.fetch(%q, { method: "POST" }).then(() => 0)`, other.URL, other.URL))
	if token := <-got; token != s.token {
		t.Errorf("token: got %q, want %q", token, s.token)
	}
}

func TestARefusedTokenIsRenewedOnceForAll(t *testing.T) {
	s := play(t, "")
	s.change(s.newToken)
	got := chrome.Eval[[]int](s.Tab, `Promise.all([1, 2, 3, 4, 5].map((n) =>
		sessionManager.fetch("/echo", { method: "POST", body: "body " + n }).then((r) => r.status)))`)
	for _, status := range got {
		if status != 200 {
			t.Fatalf("got %v, want 200 five times", got)
		}
	}
	s.wantCount("GET", "/csrf-token", 1)
	s.mustSee(10)
	bodies := map[string]int{}
	for _, r := range s.echoes() {
		bodies[r.Body]++
	}
	for body, n := range bodies {
		if n != 2 || !strings.HasPrefix(body, "body ") {
			t.Errorf("body %q: got %d requests, want 2", body, n)
		}
	}
	// A refusal that comes after the renewal uses what was renewed.
	s.outcome(`"/echo", { method: "POST" }`)
	s.wantCount("GET", "/csrf-token", 1)
}

func TestARefusalIsRepeatedOnceOnly(t *testing.T) {
	for _, c := range []struct {
		code   string
		status int
	}{{"CSRF_INVALID", 403}, {"SESSION_RETRY", 409}} {
		t.Run(c.code, func(t *testing.T) {
			s := play(t, "")
			for range 5 {
				s.answer("POST /echo", refusal(c.status, c.code))
			}
			got := s.outcome(`"/echo", { method: "POST", body: "text" }`)
			if !strings.HasPrefix(got, fmt.Sprint(c.status)) || !strings.Contains(got, c.code) {
				t.Errorf("got %s, want the second refusal with its body", got)
			}
			s.mustSee(2)
		})
	}
}

func TestSessionRetryIsRepeated(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		s := play(t, "")
		s.answer(method+" /echo", refusal(409, "SESSION_RETRY"))
		if got := s.outcome(fmt.Sprintf(`"/echo", { method: %q }`, method)); !strings.HasPrefix(got, "200") {
			t.Errorf("%s: got %s, want 200", method, got)
		}
		s.mustSee(2)
	}
}

func TestOtherRefusalsAreTheCallers(t *testing.T) {
	s := play(t, "")
	for _, c := range []struct {
		status int
		code   string
	}{{403, "CROSS_ORIGIN"}, {401, "SESSION_REQUIRED"}, {403, "REAUTH_REQUIRED"}, {429, "RATE_LIMITED"}, {503, "STORE_UNAVAILABLE"}} {
		before := len(s.echoes())
		s.answer("POST /echo", refusal(c.status, c.code))
		got := s.outcome(`"/echo", { method: "POST", body: "text" }`)
		if !strings.HasPrefix(got, fmt.Sprint(c.status)) || !strings.Contains(got, c.code) {
			t.Errorf("got %s, want %d with its body", got, c.status)
		}
		s.mustSee(before + 1)
	}
	s.wantEvents()
}

func TestACallersOwnTokenIsLeftAlone(t *testing.T) {
	s := play(t, "")
	got := s.outcome(`"/echo", { method: "POST", headers: { "X-CSRF-Token": "their own" } }`)
	if !strings.HasPrefix(got, "403") {
		t.Errorf("got %s, want 403", got)
	}
	s.mustSee(1)
	if got := s.lastEcho().Header.Get("X-CSRF-Token"); got != "their own" {
		t.Errorf("token: got %q", got)
	}
}

func TestTheEndNeverLoops(t *testing.T) {
	s := play(t, "")
	s.change(func() { s.reason = "idle" })
	got := s.outcome(`"/echo", { method: "POST", body: "text" }`)
	if !strings.HasPrefix(got, "401") || !strings.Contains(got, `"reason":"idle"`) {
		t.Errorf("got %s, want 401 with its body", got)
	}
	s.mustSee(1)
	s.wantEvents("sessionExpired")
	// Another try is told the same by the server. No token is asked for: that
	// could start another session.
	if got := s.outcome(`"/echo", { method: "POST", body: "text" }`); !strings.HasPrefix(got, "401") {
		t.Errorf("got %s, want 401", got)
	}
	s.mustSee(2)
	s.wantCount("GET", "/csrf-token", 0)
	s.wantEvents("sessionExpired")
}

func TestTheCallersBodiesAreNotRead(t *testing.T) {
	s := play(t, "")
	s.change(s.newToken)
	got := chrome.Eval[string](s.Tab, `(async () => {
		const request = new Request("/echo", { method: "POST", body: "text" });
		const response = await sessionManager.fetch(request);
		return [request.bodyUsed, await request.text(), response.bodyUsed, response.status].join(" ");
	})()`)
	if want := "false text false 200"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnAbortIsTheCallers(t *testing.T) {
	s := play(t, "")
	s.answer("POST /echo", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	got := s.outcome(`"/echo", { method: "POST", signal: AbortSignal.timeout(50) }`)
	if got != "throws TimeoutError" {
		t.Errorf("got %s, want throws TimeoutError", got)
	}
}

func TestActivityAndBackgroundAreTold(t *testing.T) {
	s := play(t, "")
	want := func(what, activity, background string) {
		t.Helper()
		h := s.lastEcho().Header
		if h.Get("X-Session-Activity") != activity || h.Get("X-Session-Background") != background {
			t.Errorf("%s: got activity %q, background %q", what, h.Get("X-Session-Activity"), h.Get("X-Session-Background"))
		}
	}
	s.outcome(`"/echo"`)
	want("by a script", "", "")
	s.Run(`document.querySelector("#button").click()`)
	s.outcome(`"/echo"`)
	want("after a click that a script made", "", "")
	s.Click("#button")
	s.outcome(`"/echo"`)
	want("after a click", "1", "")
	s.outcome(`"/echo", { background: true }`)
	want("in the background", "", "1")
	s.StopTime()
	s.pass(6 * time.Second)
	s.outcome(`"/echo"`)
	want("long after a click", "", "")
}

func TestTheTokenFollowsNoRedirectToAnotherOrigin(t *testing.T) {
	s := play(t, "")
	reached := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached <- r.Method
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Headers", "*")
	}))
	defer other.Close()
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}
	s.answer("POST /echo", away)
	s.answer("GET /echo", away, away)
	s.Expect("Unsafe attempt to load URL")
	for _, call := range []string{`"/echo", { method: "POST" }`, `"/echo", sessionManager.addCSRFToken()`} {
		if got := s.outcome(call); got != "throws TypeError" || len(reached) > 0 {
			t.Errorf("%s: got %s, and the other origin was asked %d times", call, got, len(reached))
		}
	}
	// What carries no token goes where it likes.
	if got := s.outcome(`"/echo"`); !strings.HasPrefix(got, "200") || len(reached) != 1 {
		t.Errorf("got %s, and the other origin was asked %d times, want once", got, len(reached))
	}
	// Within the origin it is followed.
	s.answer("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
	})
	if got := s.outcome(`"/echo", { method: "POST", body: "text" }`); !strings.HasPrefix(got, "200") {
		t.Errorf("within the origin: got %s", got)
	}
}

func TestOptionsWithAnEarlierTokenAreOurs(t *testing.T) {
	s := play(t, "")
	s.Run(`window.options = sessionManager.addCSRFToken({ method: "POST" })`)
	s.change(s.newToken)
	s.Run(`sessionManager.refreshCSRFToken()`)
	if got := s.outcome(`"/echo", options`); !strings.HasPrefix(got, "200") {
		t.Errorf("got %s, want 200", got)
	}
	s.mustSee(1)
	got := make(chan string, 2)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		got <- r.Header.Get("X-CSRF-Token") + r.Header.Get("Access-Control-Request-Headers")
	}))
	defer other.Close()
	s.outcome(fmt.Sprintf(`%q, options`, other.URL))
	if token := <-got; token != "" {
		t.Errorf("another origin was sent %q", token)
	}
}
