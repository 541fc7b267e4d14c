package satra_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

const firefox, chrome = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	"User-Agent: Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"

// renewing is an app whose tokens are renewed after half an hour, and a browser
// that is signed in and has a token of that age.
func renewing(t *testing.T) (*app, *browser) {
	t.Helper()
	a := routes(newApp(t, satra.Options{RenewAfter: 30 * time.Minute}))
	b := a.browser()
	wantStatus(t, b.post("/signin?as=alice", firefox), 200)
	a.clock.advance(30*time.Minute - time.Microsecond)
	if resp := b.get("/me", firefox); resp.Header["Set-Cookie"] != nil {
		t.Fatal("the token was renewed before its time")
	}
	a.clock.advance(time.Microsecond)
	a.kinds()
	a.store.took()
	return a, b
}

// value is what the browser's cookie holds.
func (b *browser) value() string { return b.jar.Cookies(b.request("GET", "/").URL)[0].Value }

func TestATokenIsRenewedByAge(t *testing.T) {
	a, b := renewing(t)
	before, seed := b.value(), a.store.only(t).Seed
	wantStatus(t, b.get("/theme?set=dark", firefox), 200)
	if got := a.store.took(); got != "find renew" {
		t.Errorf("got commands %q: a renewal takes along what waits", got)
	}
	after := a.store.only(t)
	if b.value() == before || after.Seed != seed || after.Generation != 2 {
		t.Errorf("renewed: %v; the seed stays: %v; generation %d, want 2", b.value() != before, after.Seed == seed, after.Generation)
	}
	if v, ok := after.Value("theme"); !ok || string(v.Data) != `"dark"` {
		t.Errorf("what waited was not saved: %v %s", ok, v.Data)
	}
	a.clock.advance(time.Second)
	if resp := b.get("/me", firefox); resp.StatusCode != 200 || resp.Header["Set-Cookie"] != nil {
		t.Errorf("the successor: got %d with %q", resp.StatusCode, resp.Header["Set-Cookie"])
	}
	if got := a.store.took(); got != "find touch" {
		t.Errorf("got commands %q, want its first showing written", got)
	}
	b.get("/me", firefox)
	if got := a.store.took(); got != "find" {
		t.Errorf("got commands %q, want it written once", got)
	}
	if got := a.kinds(); got != "renewed" {
		t.Errorf("got events %q", got)
	}
}

// TestAPlantedTokenKeepsNobodyFromARenewal has a cookie with the session's ID, which
// is no secret, before the genuine one.
func TestAPlantedTokenKeepsNobodyFromARenewal(t *testing.T) {
	_, b := renewing(t)
	r := b.request("GET", "/me", firefox)
	genuine := b.value()
	r.Header.Set("Cookie", "__Host-satra="+genuine[:44]+strings.Repeat("B", 20)+"; __Host-satra="+genuine)
	if resp := b.do(r); resp.StatusCode != 200 || resp.Header["Set-Cookie"] == nil || b.value() == genuine {
		t.Errorf("got %d with %q, want the token renewed", resp.StatusCode, resp.Header["Set-Cookie"])
	}
}

// TestALostResponseLosesNothing holds the previous token until its successor is
// shown: a response is lost, a laptop sleeps.
func TestALostResponseLosesNothing(t *testing.T) {
	a, b := renewing(t)
	asleep := b.copy()
	b.get("/me", firefox) // its response is lost: nobody shows the successor
	for range 5 {
		a.clock.advance(10 * time.Minute)
		lost := asleep.copy()
		wantStatus(t, lost.get("/me", firefox), 200)
		if lost.value() != b.value() {
			t.Fatal("the previous token was given another successor")
		}
	}
	wantStatus(t, asleep.get("/me", firefox), 200)
	wantStatus(t, asleep.get("/me", firefox), 200)
	if a.store.only(t).Ended != nil {
		t.Error("the session was ended")
	}
}

func TestThePreviousTokenHasAGrace(t *testing.T) {
	a, b := renewing(t)
	old := b.copy()
	b.get("/me", firefox)
	a.clock.advance(5 * time.Minute)
	b.get("/me", firefox) // shows the successor
	a.clock.advance(satra.RenewGrace)
	late := old.copy()
	wantStatus(t, late.get("/me", firefox), 200)
	if late.value() != b.value() {
		t.Error("within the grace: not given the successor")
	}
	a.clock.advance(satra.Precision)
	resp := old.get("/me", firefox)
	if body := bodyOf(resp); resp.StatusCode != 409 || !strings.Contains(body, "SESSION_RETRY") || resp.Header["Set-Cookie"] != nil {
		t.Errorf("after the grace: got %d, %s, %q; want 409 and the cookie left alone", resp.StatusCode, body, resp.Header["Set-Cookie"])
	}
	for _, path := range []string{"/start", "/visit", "/theme?set=x", "/extend", "/signout", "/again"} {
		if resp := old.post(path, firefox); resp.StatusCode != 409 || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s after the grace: got %d with %q, want 409", path, resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
	wantStatus(t, b.get("/me", firefox), 200)
}

// TestADormantCopyEndsTheSession holds reuse: refused, counted once in half a
// minute, and at the third time taken for what it is.
func TestADormantCopyEndsTheSession(t *testing.T) {
	a, b := renewing(t)
	thief := b.copy()
	b.get("/me", firefox)
	b.get("/me", firefox)
	a.clock.advance(time.Minute)
	a.kinds()
	for range 2 {
		for range 20 { // many at once count once
			wantStatus(t, thief.get("/me", firefox), 409)
		}
		a.clock.advance(30 * time.Second)
		wantStatus(t, b.get("/me", firefox), 200)
	}
	resp := thief.get("/me", firefox)
	if body := bodyOf(resp); resp.StatusCode != 401 || !strings.Contains(body, `"stolen"`) {
		t.Errorf("the third time: got %d, %s", resp.StatusCode, body)
	}
	resp = b.get("/me", firefox, "Accept: text/html")
	if body := bodyOf(resp); resp.StatusCode != 401 || !strings.Contains(body, "copy of this session") {
		t.Errorf("the owner: got %d, %s; want to be told why", resp.StatusCode, body)
	}
	if got := a.kinds(); strings.Count(got, "ended") != 1 || strings.Count(got, "reused_token") != 41 {
		t.Errorf("got events %q, want each reuse and one end", got)
	}
}

func TestAnotherBrowserEndsItAtOnce(t *testing.T) {
	a, b := renewing(t)
	thief := b.copy()
	b.get("/me", firefox)
	b.get("/me", firefox)
	a.clock.advance(time.Minute)
	if resp := thief.get("/me", chrome); resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), `"stolen"`) {
		t.Errorf("the copy in another browser: got %d", resp.StatusCode)
	}
	wantStatus(t, b.get("/me", firefox), 401)
}

func TestAnotherBrowserEndsItWhateverWasCounted(t *testing.T) {
	a, b := renewing(t)
	thief := b.copy()
	b.get("/me", firefox)
	b.get("/me", firefox)
	a.clock.advance(time.Minute)
	wantStatus(t, thief.get("/me", firefox), 409)
	wantStatus(t, thief.get("/me", chrome), 401)
}

// TestASuccessorThatNobodyHasShownIsNotTakenForShown holds an Update that loses a
// race against a request which renews the token, and whose response is lost.
func TestASuccessorThatNobodyHasShownIsNotTakenForShown(t *testing.T) {
	a, b := renewing(t)
	wantStatus(t, b.get("/me", firefox), 200) // the browser has a new token, and has not shown it
	a.clock.advance(31 * time.Minute)         // which is due again
	lost, once := b.copy(), false
	a.on("/raced", func(w http.ResponseWriter, r *http.Request) error {
		_, err := visits.Update(r.Context(), func(n int) (int, error) {
			if !once {
				once = true
				lost.get("/visit", firefox)
			}
			return n + 1, nil
		})
		return err
	})
	b.get("/raced", firefox, "X-Session-Background: 1")
	for range 4 {
		a.clock.advance(31 * time.Second)
		wantStatus(t, b.copy().get("/me", firefox), 200)
	}
}

// TestABodyThatTakesItsTime holds a request that came before the grace was over,
// and asks for its session afterwards.
func TestABodyThatTakesItsTime(t *testing.T) {
	a, b := renewing(t)
	a.on("/upload", func(w http.ResponseWriter, r *http.Request) error {
		a.clock.advance(10 * time.Minute)
		_, err := satra.From(r.Context())
		return err
	})
	uploading := b.copy()
	b.get("/me", firefox)
	b.get("/me", firefox)
	wantStatus(t, uploading.post("/upload", firefox), 200)
	wantStatus(t, b.get("/me", firefox), 200)
}

// TestNobodyElseCanSignTheOwnerOut holds what is no proof of a copy: unknown
// secrets, and those that a sign-in retired, however often they are shown.
func TestNobodyElseCanSignTheOwnerOut(t *testing.T) {
	a, b := renewing(t)
	renewed := b.copy()
	b.get("/me", firefox)
	b.get("/me", firefox)
	wantStatus(t, b.post("/again", firefox), 200) // a fresh proof: older tokens are dead, not evidence
	guessed := b.value()[:22] + strings.Repeat("A", 42)
	for range 10 {
		a.clock.advance(time.Minute)
		renewed.get("/me", chrome)
		r := b.request("GET", "/me", chrome)
		r.Header.Set("Cookie", "__Host-satra="+guessed)
		b.copy().do(r)
		wantStatus(t, b.get("/me", firefox), 200)
	}
}

// TestFiftyRequestsAcrossARenewal holds concurrency: the same successor for all,
// and nobody signed out.
func TestFiftyRequestsAcrossARenewal(t *testing.T) {
	for range 20 {
		a, b := renewing(t)
		tabs := make([]*browser, 50)
		var at sync.WaitGroup
		for i := range tabs {
			tabs[i] = b.copy()
			at.Go(func() {
				path := []string{"/me", "/visit", "/extend"}[i%3]
				if resp := tabs[i].post(path, firefox); resp.StatusCode != 200 {
					t.Errorf("%s across a renewal: got %d", path, resp.StatusCode)
				}
			})
		}
		at.Wait()
		for _, x := range tabs {
			if x.value() == b.value() || x.value() != tabs[0].value() {
				t.Fatal("not all were given the same successor")
			}
		}
		if got := bodyOf(tabs[0].post("/visit", firefox)); got != fmt.Sprint(18) {
			t.Errorf("got %s visits, want 18", got)
		}
		if got := strings.Count(a.kinds(), "renewed"); got != 1 {
			t.Errorf("renewed %d times, want once", got)
		}
	}
}

func TestARenewalWaitsForAResponseThatCanCarryIt(t *testing.T) {
	a, b := renewing(t)
	a.on("/says", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := satra.From(r.Context()); err != nil {
			return err
		}
		for _, line := range r.Header["Say"] {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		if r.FormValue("status") == "304" {
			w.WriteHeader(http.StatusNotModified)
		}
		return nil
	})
	a.mux.Handle("/polled", satra.Background(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { satra.From(r.Context()) })))
	for what, resp := range map[string]*http.Response{
		"304":              b.get("/says?status=304"),
		"public":           b.get("/says", "Say: Cache-Control: max-age=60, Public"),
		"a shared cache":   b.get("/says", "Say: Cache-Control: s-maxage=60"),
		"an event stream":  b.get("/says", "Say: Content-Type: text/event-stream; charset=utf-8"),
		"one asked for":    b.get("/says", "Accept: text/event-stream"),
		"a prefetch":       b.get("/says", "Sec-Purpose: prefetch"),
		"an upgrade":       b.get("/says", "Upgrade: websocket"),
		"a background one": b.get("/says", "X-Session-Background: 1"),
		"declared so":      b.get("/polled"),
		"from elsewhere":   b.post("/says", "Sec-Fetch-Site: cross-site"),
		"not looked at":    b.get("/ignore"),
	} {
		if resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s: the response carries a new token", what)
		}
	}
	if resp := b.get("/says", "Say: Cache-Control: private, max-age=60"); resp.Header["Set-Cookie"] == nil || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a private one: got %q, %q; want a new token and no-store", resp.Header["Set-Cookie"], resp.Header.Get("Cache-Control"))
	}
}

func TestWhatIsNotRenewed(t *testing.T) {
	a, _ := renewing(t)
	anonymous := a.browser()
	anonymous.get("/start")
	a.clock.advance(31 * time.Minute)
	if resp := anonymous.get("/me"); resp.Header["Set-Cookie"] != nil {
		t.Error("an anonymous session was renewed")
	}
	off := routes(newApp(t, satra.Options{IdleTimeout: satra.Never, Lifetime: satra.Never}))
	b := off.browser()
	b.post("/signin?as=alice")
	off.clock.advance(1000 * time.Hour)
	if resp := b.get("/me"); resp.Header["Set-Cookie"] != nil {
		t.Error("a token was renewed that nobody asked to renew")
	}
	if _, err := satra.New(newFakeStore(), &satra.Options{RenewAfter: time.Minute, RenewKeep: -1}); err == nil ||
		!strings.Contains(err.Error(), "RenewAfter") || !strings.Contains(err.Error(), "RenewKeep") {
		t.Errorf("got %v, want both options named", err)
	}
}

// TestAStoreThatFailsRenewsLater holds that a renewal alone fails nothing.
func TestAStoreThatFailsRenewsLater(t *testing.T) {
	a, b := renewing(t)
	a.store.failing(func(command string) error {
		if command == "renew" {
			return satra.ErrUnavailable
		}
		return nil
	})
	before := b.value()
	wantStatus(t, b.get("/me"), 200)
	if b.value() != before || !strings.Contains(a.kinds(), "store_failed") {
		t.Error("the renewal was not left for later, or not told")
	}
	wantStatus(t, b.get("/theme?set=dark"), 503) // but a value is not left
	a.store.failing(nil)
	wantStatus(t, b.get("/me"), 200)
	if b.value() == before {
		t.Error("the renewal was not made up for")
	}
}

// TestTheStoreAloneCannotUseASuccessor looks for the new secret in the record.
func TestTheStoreAloneCannotUseASuccessor(t *testing.T) {
	a, b := renewing(t)
	b.get("/me", firefox)
	rec := a.store.only(t)
	if len(rec.Retired) == 0 || len(rec.Retired[0].Successor) == 0 {
		t.Fatal("no successor is kept")
	}
	secret, err := base64.RawURLEncoding.DecodeString(b.value())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(rec.Retired[0].Successor, secret[16:32]) || bytes.Contains(rec.Retired[0].Successor, secret[32:]) {
		t.Error("the record holds the secret in the clear")
	}
}
