package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/memstore"
)

const passphrase = "tulsi wok glimt"

var made atomic.Int64

// account makes an account with a name that no other test has.
func account(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("asha%d", made.Add(1))
	if _, err := book.Create(t.Context(), name, passphrase); err != nil {
		t.Fatal(err)
	}
	return name
}

// another is a second browser in front of the same dashboard.
func (v *visitor) another() *visitor {
	return &visitor{t: v.t, site: v.site, clock: v.clock, log: v.log, addr: "198.51.100.7:4321"}
}

// form fills in the form of a page and sends it.
func (v *visitor) form(page, action string, fields ...string) (*http.Response, string) {
	v.t.Helper()
	_, body := v.get(page)
	token := tokenOf.FindStringSubmatch(body)
	if token == nil {
		v.t.Fatalf("%s has no form:\n%s", page, body)
	}
	form := url.Values{"csrf_token": {token[1]}}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		form.Set(name, value)
	}
	return v.do("POST", action, form)
}

// signIn signs in and wants that to succeed.
func (v *visitor) signIn(name string, fields ...string) {
	v.t.Helper()
	resp, body := v.form("/signin", "/signin", append(fields, "name="+name, "passphrase="+passphrase)...)
	if resp.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("signing in: got %d\n%s", resp.StatusCode, body)
	}
}

func (v *visitor) wantTo(resp *http.Response, location string) {
	v.t.Helper()
	if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != location {
		v.t.Errorf("got %d to %q, want 303 to %q", resp.StatusCode, got, location)
	}
}

func TestSignUpSignOutAndSignIn(t *testing.T) {
	v := newVisitor(t, web.Config{SignUp: true})
	resp, body := v.get("/")
	v.want(resp, body, 200, "Guest", `<a href="/signin">Sign in</a>`)
	name := fmt.Sprintf("Rohan.%d", made.Add(1))
	anonymous := v.cookie
	resp, _ = v.form("/signup", "/signup", "name="+name, "passphrase="+passphrase, "again="+passphrase)
	v.wantTo(resp, "/")
	if v.cookie == anonymous || v.device == "" {
		t.Errorf("got the cookies %q and %q, want new ones", v.cookie, v.device)
	}
	resp, body = v.get("/")
	v.want(resp, body, 200, "<strong>"+name+"</strong>", "signed in", `<a href="/security">Security</a>`, "Sign out")
	resp, _ = v.get("/signin?next=/security")
	v.wantTo(resp, "/security") // nothing to do here
	resp, body = v.submit("/session/end")
	v.want(resp, body, 200, "You ended the session")

	resp, _ = v.form("/signin", "/signin", "name="+strings.ToUpper(name), "passphrase="+passphrase, "next=/security")
	v.wantTo(resp, "/security")
	resp, body = v.get("/security")
	v.want(resp, body, 200, "Firefox on Windows", "This device", "192.0.2.1", "with the passphrase", "just now", "You signed out.", ">Sign out</button>")
	resp, body = v.get("/nope")
	v.want(resp, body, 404, ">Sign out</button>") // it is on every page
	if strings.Contains(v.log.String(), passphrase) {
		t.Error("the log has the passphrase")
	}
}

func TestWrongNamesAndPassphrasesAreAnsweredAlike(t *testing.T) {
	store := memstore.New(nil)
	v := visiting(t, store, web.Config{})
	known, disabled := account(t), account(t)
	candidate, err := book.Candidate(t.Context(), disabled)
	if err != nil {
		t.Fatal(err)
	}
	manager, err := satra.New(store, &satra.Options{SweepEvery: satra.Never})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close(t.Context())
	if _, err := manager.Disable(t.Context(), candidate.Principal(), "test"); err != nil {
		t.Fatal(err)
	}
	varies := regexp.MustCompile(`asha\d+|nobody|value="[A-Za-z0-9_-]{86}"|\d\d:\d\d:\d\d`)
	pages := map[string]string{}
	for what, try := range map[string][2]string{"wrong passphrase": {known, "grazing geese tulsi"}, "unknown name": {"nobody", passphrase}, "disabled": {disabled, passphrase}} {
		resp, body := v.form("/signin", "/signin", "name="+try[0], "passphrase="+try[1], "remember=on", "next=/security")
		v.want(resp, body, 401, "The name or the passphrase is wrong.", `value="`+try[0]+`"`, `name="remember" checked`, `name="next" value="/security"`, `role="alert"`)
		if strings.Contains(body, try[1]) {
			t.Errorf("%s: the page has the passphrase", what)
		}
		pages[varies.ReplaceAllString(body, "")] = what
	}
	if len(pages) != 1 {
		t.Errorf("the pages differ: %q", pages)
	}
	if resp, _ := v.get("/security"); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("after all that: got %d, want that nobody is signed in", resp.StatusCode)
	}
}

func TestRememberMe(t *testing.T) {
	name := account(t)
	v := newVisitor(t, web.Config{Remember: 48 * time.Hour})
	resp, _ := v.form("/signin", "/signin", "name="+name, "passphrase="+passphrase, "remember=on")
	v.wantTo(resp, "/")
	if set := strings.Join(resp.Header["Set-Cookie"], "\n"); !strings.Contains(set, "satra=") || !regexp.MustCompile(`satra=[^\n]*Max-Age=\d`).MatchString(set) {
		t.Errorf("got %q, want a session cookie that lasts", set)
	}
	resp, body := v.get("/security")
	v.want(resp, body, 200, "Remembered")
	v.clock.Advance(23 * time.Hour)
	resp, body = v.get("/")
	v.want(resp, body, 200, name)
	v.clock.Advance(24 * time.Hour)
	resp, body = v.get("/")
	v.want(resp, body, 401, "Your session has ended")

	v = newVisitor(t, web.Config{Remember: satra.Never})
	if resp, body := v.get("/signin"); strings.Contains(body, "remember") {
		t.Errorf("got %d, and remembering is offered:\n%s", resp.StatusCode, body)
	}
	resp, _ = v.form("/signin", "/signin", "name="+name, "passphrase="+passphrase, "remember=on")
	if set := strings.Join(resp.Header["Set-Cookie"], "\n"); regexp.MustCompile(`satra=[^\n]*Max-Age=\d`).MatchString(set) {
		t.Errorf("got %q, want a session cookie that ends with the browser", set)
	}
}

// TestLoginCSRF sends the forms of somebody else's page: the victim must not end
// up in the attacker's account.
func TestLoginCSRF(t *testing.T) {
	name := account(t)
	attacker := newVisitor(t, web.Config{SignUp: true})
	_, page := attacker.get("/signin")
	stolen := tokenOf.FindStringSubmatch(page)[1]
	victim := attacker.another()
	form := url.Values{"name": {name}, "passphrase": {passphrase}}
	wantNobody := func(what string) {
		t.Helper()
		if resp, _ := victim.get("/security"); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: the victim is signed in: %d", what, resp.StatusCode)
		}
	}
	for _, path := range []string{"/signin", "/signup"} {
		resp, body := victim.do("POST", path, form, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example")
		victim.want(resp, body, 403, "That request came from another site")
		resp, _ = victim.do("POST", path, form) // without a session
		victim.wantTo(resp, path+"?again")
		victim.get("/")
		resp, _ = victim.do("POST", path, form) // without a token
		victim.wantTo(resp, path+"?again")
		form.Set("csrf_token", stolen)
		resp, _ = victim.do("POST", path, form) // with another session's
		victim.wantTo(resp, path+"?again")
		form.Del("csrf_token")
		wantNobody(path)
	}
	resp, body := victim.get("/signin?again")
	victim.want(resp, body, 200, "That form had been open for too long")
}

func TestNextLeadsNowhereElse(t *testing.T) {
	name := account(t)
	v := newVisitor(t, web.Config{})
	for _, next := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "javascript:alert(1)", "/..//evil.example", "security", ""} {
		resp, _ := v.form("/signin?next="+url.QueryEscape(next), "/signin", "name="+name, "passphrase="+passphrase, "next="+next)
		v.wantTo(resp, "/")
		v.clock.Advance(time.Minute)
		v.submit("/session/end")
	}
}

// TestADoubleClickOnSignIn sends the form twice at once, and twice one after the
// other, as a tab does that was open before.
func TestADoubleClickOnSignIn(t *testing.T) {
	name := account(t)
	v := newVisitor(t, web.Config{})
	_, page := v.get("/signin")
	form := url.Values{"csrf_token": {tokenOf.FindStringSubmatch(page)[1]}, "name": {name}, "passphrase": {passphrase}, "next": {"/security"}}
	var wg sync.WaitGroup
	tabs := make([]*visitor, 2)
	for i := range tabs {
		tabs[i] = v.another()
		tabs[i].cookie = v.cookie
		wg.Go(func() {
			if resp, body := tabs[i].do("POST", "/signin", form); resp.StatusCode != 303 || resp.Header.Get("Location") != "/security" {
				t.Errorf("click %d: got %d to %q\n%s", i+1, resp.StatusCode, resp.Header.Get("Location"), body)
			}
		})
	}
	wg.Wait()
	for i, tab := range tabs {
		resp, body := tab.get("/security")
		if v.want(resp, body, 200, "This device"); tab.cookie == v.cookie {
			t.Errorf("click %d kept the cookie of before", i+1)
		}
	}
	// The other tab's form, with the cookie that the browser now has.
	resp, _ := tabs[0].do("POST", "/signin", form)
	tabs[0].wantTo(resp, "/signin?next=%2Fsecurity&again")
	resp, _ = tabs[0].get("/signin?next=%2Fsecurity&again")
	tabs[0].wantTo(resp, "/security")
}

func TestFaultsOfASignUpAreNamed(t *testing.T) {
	taken := account(t)
	v := newVisitor(t, web.Config{SignUp: true})
	for fields, want := range map[string]string{
		"name=" + strings.ToUpper(taken) + "&passphrase=" + passphrase + "&again=" + passphrase: "This name is taken",
		"name=a&passphrase=" + passphrase + "&again=" + passphrase:                              "3 to 64 characters",
		"name=asha&passphrase=short&again=short":                                                "at least 15 characters",
		"name=asha&passphrase=" + passphrase + "&again=other":                                   "not the same",
		"name=kavitha&passphrase=kavitha-kavitha-1&again=kavitha-kavitha-1":                     "among the first to be tried",
	} {
		resp, body := v.form("/signup", "/signup", strings.Split(fields, "&")...)
		if v.want(resp, body, 422, want, `role="alert"`, `aria-invalid="true"`); strings.Contains(body, passphrase) {
			t.Error("the page has the passphrase")
		}
	}
	v = newVisitor(t, web.Config{})
	resp, body := v.get("/signup")
	v.want(resp, body, 403, "Accounts are made by whoever runs this dashboard")
	resp, body = v.form("/signin", "/signup", "name=closed", "passphrase="+passphrase, "again="+passphrase)
	v.want(resp, body, 403, "Accounts are made by whoever runs this dashboard")
}
