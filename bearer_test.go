package satra_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// programs is an app that issues tokens at /token.
func programs(t *testing.T, o satra.Options) *app {
	o.Bearer = true
	a := routes(newApp(t, o))
	a.on("/token", func(w http.ResponseWriter, r *http.Request) error {
		attempt, err := satra.BeginSignIn(r.Context(), r.FormValue("as"))
		if err != nil {
			return err
		}
		if v := r.FormValue("set"); v != "" {
			if err := theme.Set(r.Context(), v); err != nil {
				return err
			}
		}
		token, err := attempt.IssueToken(r.Context(), "api key")
		if err == nil {
			fmt.Fprint(w, token)
		}
		return err
	})
	return a
}

// bearer is a program's header.
func bearer(t *testing.T, resp *http.Response) string {
	t.Helper()
	token := bodyOf(resp)
	if resp.StatusCode != 200 || len(token) != 64 || resp.Header["Set-Cookie"] != nil || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("a token: got %d, %d characters, %q, %q", resp.StatusCode, len(token), resp.Header["Set-Cookie"], resp.Header["Cache-Control"])
	}
	return "Authorization: Bearer " + token
}

func TestAProgramHasATokenOfItsOwn(t *testing.T) {
	a := programs(t, satra.Options{})
	b := a.browser()
	b.get("/start")
	header := bearer(t, b.post("/token?as=alice"))
	if got := bodyOf(b.get("/me")); strings.Contains(got, "alice") {
		t.Errorf("the browser that asked for the token is signed in: %q", got)
	}
	program := a.browser()
	if got := bodyOf(program.get("/me", header)); !strings.HasSuffix(got, " alice") {
		t.Errorf("with the token: got %q, want alice", got)
	}
	for i := range 3 {
		resp := program.post("/visit", header)
		if got := bodyOf(resp); got != fmt.Sprint(i+1) || resp.Header["Set-Cookie"] != nil {
			t.Errorf("a value: got %q with %q", got, resp.Header["Set-Cookie"])
		}
	}
	a.clock.advance(59 * time.Minute)
	wantStatus(t, program.get("/me", header), 200)
	a.clock.advance(59 * time.Minute)
	wantStatus(t, program.post("/extend", header), 200)
	resp := program.post("/signout", header)
	if resp.StatusCode != 200 || resp.Header["Set-Cookie"] != nil || resp.Header["Clear-Site-Data"] != nil {
		t.Errorf("signing out: got %d, %q, %q", resp.StatusCode, resp.Header["Set-Cookie"], resp.Header["Clear-Site-Data"])
	}
	if resp := program.get("/me", header, "Accept: text/html"); resp.StatusCode != 401 || resp.Header["Set-Cookie"] != nil {
		t.Errorf("afterwards: got %d with %q", resp.StatusCode, resp.Header["Set-Cookie"])
	}
}

// TestATokenIsToldThoughItsSessionMakesRoom holds a token of a program that ends
// the session which asked for it, as the oldest.
func TestATokenIsToldThoughItsSessionMakesRoom(t *testing.T) {
	a := programs(t, satra.Options{SessionLimit: 1})
	b := a.browser()
	wantStatus(t, b.post("/signin?as=alice"), 200)
	header := bearer(t, b.post("/token?as=alice&set=dark"))
	wantStatus(t, a.browser().get("/me", header), 200)
	resp := b.get("/me")
	if body := bodyOf(resp); resp.StatusCode != 401 || !strings.Contains(body, `"limit"`) {
		t.Errorf("the session that asked for it: got %d, %s; want 401 and the reason", resp.StatusCode, body)
	}
}

func TestATokenAndACookieAreTwoSessions(t *testing.T) {
	a := programs(t, satra.Options{})
	header := bearer(t, a.browser().post("/token?as=alice"))
	b := a.browser()
	b.post("/signin?as=bob")
	resp := b.get("/me", header)
	if body := bodyOf(resp); resp.StatusCode != 400 || !strings.Contains(body, "BAD_REQUEST") || resp.Header["Set-Cookie"] != nil {
		t.Errorf("both on one request: got %d, %s, %q", resp.StatusCode, body, resp.Header["Set-Cookie"])
	}
	wantStatus(t, b.get("/me"), 200)
}

func TestATokenDoesNotChangeItsTransport(t *testing.T) {
	a := programs(t, satra.Options{})
	token, _ := strings.CutPrefix(bearer(t, a.browser().post("/token?as=alice")), "Authorization: Bearer ")
	asCookie := a.browser().request("GET", "/me")
	asCookie.Header.Set("Cookie", "__Host-satra="+token)
	wantStatus(t, a.browser().do(asCookie), 401)
	b := a.browser()
	b.post("/signin?as=alice")
	wantStatus(t, a.browser().get("/me", "Authorization: Bearer "+b.value()), 401)
	wantStatus(t, b.get("/me"), 200)
}

func TestWhatNeedsACookieIsRefusedToAToken(t *testing.T) {
	a := programs(t, satra.Options{})
	header := bearer(t, a.browser().post("/token?as=alice"))
	for _, path := range []string{"/signin?as=alice", "/again"} {
		resp := a.browser().post(path, header)
		if body := bodyOf(resp); resp.StatusCode != 400 || !strings.Contains(body, "bearer token") || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s: got %d, %s, %q", path, resp.StatusCode, body, resp.Header["Set-Cookie"])
		}
	}
	unknown := "Authorization: Bearer " + strings.Repeat("B", 64)
	for _, path := range []string{"/start", "/theme?set=dark"} {
		if resp := a.browser().post(path, unknown); resp.StatusCode != 400 || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s with an unknown token: got %d with %q, want no session begun", path, resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
}

func TestTokensAreOffUnlessAskedFor(t *testing.T) {
	a := programs(t, satra.Options{})
	header := bearer(t, a.browser().post("/token?as=alice"))
	off := routes(newApp(t, satra.Options{}))
	off.store.records = a.store.records
	wantStatus(t, off.browser().get("/me", header), 401)
	var issued error
	off.on("/token", func(w http.ResponseWriter, r *http.Request) error {
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		if err == nil {
			_, issued = attempt.IssueToken(r.Context(), "api key")
		}
		return err
	})
	off.browser().post("/token")
	if issued == nil {
		t.Error("a token was issued that nobody accepts")
	}
	// Another program's Authorization is none of ours.
	b := off.browser()
	b.post("/signin?as=bob")
	for _, header := range []string{"Authorization: Bearer " + strings.Repeat("deadbeef", 8), "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Authorization: Basic Ym9iOmJvYg==", "Authorization: Bearer"} {
		wantStatus(t, b.get("/me", header), 200)
	}
}

func TestATokenIsNotToldInAResponseThatHasBegun(t *testing.T) {
	a := programs(t, satra.Options{})
	var issued error
	a.on("/late", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "public, max-age=600")
		fmt.Fprint(w, "the token is ")
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		if err == nil {
			_, issued = attempt.IssueToken(r.Context(), "api key")
		}
		return err
	})
	a.browser().post("/late")
	if !errors.Is(issued, satra.ErrCommitted) || len(a.store.records) != 0 {
		t.Errorf("got error %v and %d records, want ErrCommitted and none", issued, len(a.store.records))
	}
	a.on("/private", func(w http.ResponseWriter, r *http.Request) error {
		_, err := satra.From(r.Context())
		w.Header().Set("Cache-Control", "private, max-age=600")
		return err
	})
	header := bearer(t, a.browser().post("/token?as=alice"))
	if got := strings.Join(a.browser().get("/private", header).Header["Vary"], ", "); !strings.Contains(got, "Authorization") {
		t.Errorf("a response to a token varies by %q", got)
	}
}

func TestTokensCountAndAreNotRenewed(t *testing.T) {
	a := programs(t, satra.Options{SessionLimit: 1, RenewAfter: 30 * time.Minute})
	b := a.browser()
	b.post("/signin?as=alice")
	header := bearer(t, a.browser().post("/token?as=alice"))
	if resp := b.get("/me"); resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), `"limit"`) {
		t.Errorf("the session before: got %d, want it ended by the limit", resp.StatusCode)
	}
	a.clock.advance(45 * time.Minute)
	if resp := a.browser().get("/me", header); resp.StatusCode != 200 || resp.Header["Set-Cookie"] != nil {
		t.Errorf("a token of 45 minutes: got %d with %q", resp.StatusCode, resp.Header["Set-Cookie"])
	}
}
