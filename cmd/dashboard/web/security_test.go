package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
)

var idOf = regexp.MustCompile(`name="id" value="([^"]+)"`)

// twoDevices are two browsers of one account in front of one dashboard.
func twoDevices(t *testing.T) (v, other *visitor, name string) {
	t.Helper()
	name = account(t)
	v = newVisitor(t, web.Config{IdleTimeout: time.Hour})
	v.signIn(name)
	other = v.another()
	other.signIn(name)
	return v, other, name
}

func TestOnlyWhoIsSignedInSeesSecurity(t *testing.T) {
	v := newVisitor(t, web.Config{})
	for path, next := range map[string]string{"/security": "/signin?next=%2Fsecurity", "/security/passphrase": "/signin?next=%2Fsecurity%2Fpassphrase", "/reauth": "/signin?next=%2Freauth"} {
		resp, _ := v.get(path)
		v.wantTo(resp, next)
	}
	v.get("/") // with a session, too
	for _, path := range []string{"/security/end", "/security/end-others", "/security/end-all", "/security/passphrase", "/reauth"} {
		resp, _ := v.form("/", path)
		next := "/signin?next=%2Fsecurity"
		if path == "/security/passphrase" {
			next += "%2Fpassphrase"
		}
		v.wantTo(resp, next)
		resp, body := v.do("POST", path, url.Values{})
		v.want(resp, body, 403, "This form is out of date")
	}
}

func TestEndingAnotherDevice(t *testing.T) {
	v, other, _ := twoDevices(t)
	resp, body := v.get("/security")
	v.want(resp, body, 200, "198.51.100.7", "192.0.2.1", "End all others")
	ids := idOf.FindAllStringSubmatch(body, -1)
	if len(ids) != 1 {
		t.Fatalf("got %d sessions to end, want the other's", len(ids))
	}
	resp, _ = v.form("/security", "/security/end", "id="+ids[0][1])
	v.wantTo(resp, "/security?done=ended")
	resp, body = v.get("/security?done=ended")
	v.want(resp, body, 200, "That session was ended.", "You ended this session from another device.", "There is no other session")
	resp, _ = v.form("/security", "/security/end", "id="+ids[0][1])
	v.wantTo(resp, "/security?done=gone")
	resp, body = v.form("/security", "/security/end", "id=nonsense")
	v.want(resp, body, 400, "The form names no session")
	resp, body = other.get("/")
	other.want(resp, body, 401, "Your session has ended", "from another device")
}

func TestNobodyEndsTheSessionOfAnotherAccount(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.signIn(account(t))
	_, info := v.get("/api/session/info", "Accept: application/json")
	id := regexp.MustCompile(`"session_id":"([^"]+)"`).FindStringSubmatch(info)[1]
	stranger := v.another()
	stranger.signIn(account(t))
	resp, body := stranger.get("/security")
	stranger.want(resp, body, 200, "There is no other session")
	if strings.Contains(body, id) {
		t.Error("the stranger sees the session")
	}
	resp, _ = stranger.form("/security", "/security/end", "id="+id)
	stranger.wantTo(resp, "/security?done=gone") // as if there were none
	resp, body = v.get("/security")
	v.want(resp, body, 200, "This device")
}

// TestAStaleProofIsMadeFresh goes the way from a page that wants a fresh proof,
// over the proof and back.
func TestAStaleProofIsMadeFresh(t *testing.T) {
	v, _, name := twoDevices(t)
	v.clock.Advance(5*time.Minute + time.Second)
	const page = "/reauth?next=%2Fsecurity%2Fpassphrase"
	resp, _ := v.form("/security", "/security/passphrase", "passphrase=grazing geese tulsi", "again=grazing geese tulsi")
	v.wantTo(resp, page)
	resp, _ = v.get("/security/passphrase")
	v.wantTo(resp, page)
	resp, body := v.get(page)
	v.want(resp, body, 200, "Confirm that it is you", name, `name="next" value="/security/passphrase"`)
	resp, body = v.form(page, "/reauth", "passphrase=wrong", "next=/security/passphrase")
	v.want(resp, body, 401, "That is not your passphrase.", `name="next" value="/security/passphrase"`)
	before := v.cookie
	resp, _ = v.form(page, "/reauth", "passphrase="+passphrase, "next=/security/passphrase")
	if v.wantTo(resp, "/security/passphrase"); v.cookie == before {
		t.Error("the fresh proof has left the token as it was")
	}
	resp, _ = v.form(page, "/reauth", "passphrase="+passphrase, "next=//evil.example")
	v.wantTo(resp, "/")
}

// TestAnActGoesOnAfterAFreshProof holds the interrupted act: it is named, done along
// with the proof, and not without.
func TestAnActGoesOnAfterAFreshProof(t *testing.T) {
	v, other, _ := twoDevices(t)
	_, body := v.get("/security")
	id := "id=" + idOf.FindAllStringSubmatch(body, -1)[0][1]
	v.clock.Advance(5*time.Minute + time.Second)
	for path, what := range map[string]string{
		"/security/end": "To end that session you", "/security/end-others": "To end all other sessions you", "/security/end-all": "To end all sessions, this one too, you",
	} {
		resp, body := v.form("/security", path, id)
		v.want(resp, body, 403, what, `name="act" value="`+path+`"`, strings.ReplaceAll(id, "id=", `name="id" value="`))
	}
	resp, body := v.form("/security", "/reauth", "passphrase=wrong", "act=/security/end", id)
	v.want(resp, body, 401, "That is not your passphrase.", `name="act" value="/security/end"`)
	resp, body = v.form("/security", "/reauth", "passphrase="+passphrase, "act=/session/end")
	v.want(resp, body, 400, "nothing of that name")
	resp, body = other.get("/security")
	other.want(resp, body, 200, "This device")

	resp, _ = v.form("/security", "/reauth", "passphrase="+passphrase, "act=/security/end", id)
	v.wantTo(resp, "/security?done=ended")
	resp, body = other.get("/")
	other.want(resp, body, 401, "from another device")
}

func TestEndingAllSessions(t *testing.T) {
	v, other, _ := twoDevices(t)
	resp, _ := v.form("/security", "/security/end-all")
	if v.wantTo(resp, "/ended"); v.cookie != "" {
		t.Error("the cookie is still there")
	}
	resp, body := other.get("/")
	other.want(resp, body, 401, "from another device")
}

func TestChangingThePassphrase(t *testing.T) {
	const changed = "grazing geese tulsi"
	v, other, name := twoDevices(t)
	for fields, want := range map[string]string{
		"passphrase=" + changed + "&again=other":                                      "not the same",
		"passphrase=short&again=short":                                                "at least 15 characters",
		"passphrase=" + strings.Repeat(name, 3) + "&again=" + strings.Repeat(name, 3): "among the first to be tried",
	} {
		resp, body := v.form("/security/passphrase", "/security/passphrase", strings.Split(fields, "&")...)
		v.want(resp, body, 422, want, `role="alert"`)
	}
	before := v.cookie
	resp, _ := v.form("/security/passphrase", "/security/passphrase", "passphrase="+changed, "again="+changed)
	if v.wantTo(resp, "/security?done=passphrase"); v.cookie == before {
		t.Error("the token is the one of before")
	}
	resp, body := other.get("/security")
	other.want(resp, body, 200, "This device") // it was not asked for
	resp, _ = other.form("/security/passphrase", "/security/passphrase", "passphrase="+passphrase, "again="+passphrase, "end-others=on")
	other.wantTo(resp, "/security?done=changed")
	resp, body = v.get("/security")
	v.want(resp, body, 401, "from another device")
	v.signIn(name) // with the first passphrase, which is the present one again
	resp, body = v.another().form("/signin", "/signin", "name="+name, "passphrase="+changed)
	v.want(resp, body, 401, "The name or the passphrase is wrong.")
}

// TestMoreSessionsThanTheLimit: the oldest gives way, and its page says so.
func TestMoreSessionsThanTheLimit(t *testing.T) {
	name := account(t)
	v := newVisitor(t, web.Config{SessionLimit: 2})
	v.signIn(name)
	v.clock.Advance(time.Second)
	v.another().signIn(name)
	v.clock.Advance(time.Second)
	v.another().signIn(name)
	resp, body := v.get("/")
	v.want(resp, body, 401, "the oldest of your sessions")
}

func TestAnAccountThatIsRenewedByAge(t *testing.T) {
	v := newVisitor(t, web.Config{RenewAfter: 30 * time.Minute, IdleTimeout: 2 * time.Hour})
	v.signIn(account(t))
	before := v.cookie
	v.clock.Advance(31 * time.Minute)
	resp, body := v.get("/security")
	if v.want(resp, body, 200, "This device"); v.cookie == before {
		t.Error("the token is the one of before")
	}
	if resp, _ := v.get("/security"); resp.StatusCode != http.StatusOK {
		t.Errorf("with the new token: got %d", resp.StatusCode)
	}
}

// stepUp demands a proof of the visitor's session, as a policy does, and returns a token
// of its forms.
func (v *visitor) stepUp() (token string) {
	v.t.Helper()
	_, body := v.get("/")
	id, err := satra.ParseID(sessionOf.FindStringSubmatch(body)[1])
	if err == nil {
		err = v.site.(*web.Site).Sessions().StepUp(v.t.Context(), id, satra.StepUp{Reason: "two_places", Actor: "policy"})
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return tokenOf.FindStringSubmatch(body)[1]
}

var sessionOf = regexp.MustCompile(`name="satra-session" content="([^"]+)"`)

func TestADoubtedSessionShowsNothingBeforeTheProof(t *testing.T) {
	v, _, name := twoDevices(t)
	token := v.stepUp()
	for path, next := range map[string]string{
		"/": "", "/?done=theme": "?next=%2F%3Fdone%3Dtheme", "/security": "?next=%2Fsecurity", "/security/history": "?next=%2Fsecurity%2Fhistory",
		"/security/passphrase": "?next=%2Fsecurity%2Fpassphrase",
	} {
		resp, _ := v.get(path)
		v.wantTo(resp, "/reauth"+next)
	}
	for _, path := range []string{"/watchlist/add", "/preferences/theme", "/session/extend"} {
		resp, _ := v.do("POST", path, url.Values{"csrf_token": {token}, "symbol": {"INFY"}, "theme": {"dark"}})
		v.wantTo(resp, "/reauth")
	}
	resp, body := v.do("POST", "/watchlist/add", url.Values{"csrf_token": {token}, "symbol": {"INFY"}}, "Accept: application/json")
	v.want(resp, body, 403, "REAUTH_REQUIRED")
	resp, body = v.get("/reauth?next=%2F")
	v.want(resp, body, 200, "looked unusual", name, "Sign out")
	resp, body = v.form("/reauth", "/reauth", "passphrase=wrong", "next=/")
	v.want(resp, body, 401, "That is not your passphrase.", "looked unusual")

	thief := *v
	resp, _ = v.form("/reauth", "/reauth", "passphrase="+passphrase, "next=/")
	v.wantTo(resp, "/security?done=proven")
	resp, body = v.get("/security?done=proven")
	v.want(resp, body, 200, "What looked unusual", "This device")
	if resp, body := thief.get("/"); resp.StatusCode == 200 {
		t.Errorf("the copy still opens the dashboard: %s", body)
	}
}

// TestADoubtedSessionMaySignOut needs no proof for it.
func TestADoubtedSessionMaySignOut(t *testing.T) {
	v, _, _ := twoDevices(t)
	v.stepUp()
	resp, _ := v.form("/reauth", "/session/end")
	v.wantTo(resp, "/ended")
}
