package satra_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

func TestSignInMakesANewTokenForTheRecord(t *testing.T) {
	a := routes(newApp(t, satra.Options{Surviving: []satra.AnyKey{theme}}))
	b := a.browser()
	b.get("/theme?set=dark")
	b.get("/visit")
	before, old := a.store.only(t), b.copy()
	a.clock.advance(time.Hour - time.Second)
	a.store.took()
	wantStatus(t, b.post("/signin?as=alice"), 200)
	if got := a.store.took(); got != "principal find signin" {
		t.Errorf("got commands %q", got)
	}
	after := a.store.only(t)
	if after.Secret == before.Secret || after.Seed == before.Seed || after.Generation != before.Generation+1 {
		t.Error("the secret, the seed or the generation is the old one")
	}
	if after.ID != before.ID || after.Principal != "alice" || !after.Begun.Equal(a.clock.Now()) || !after.Created.Equal(before.Created) {
		t.Errorf("got %+v", after)
	}
	if _, kept := after.Value("visits"); kept {
		t.Error("a value that was not declared to survive did")
	}
	if v, _ := after.Value("theme"); string(v.Data) != `"dark"` {
		t.Error("a value that was declared to survive did not")
	}
	wantStatus(t, b.get("/me"), 200)
	for _, path := range []string{"/me", "/start", "/visit", "/theme?set=x", "/extend", "/signout"} {
		resp := old.post(path)
		if resp.StatusCode != 409 || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s with the token of before: got %d with %q, want 409 and no cookie", path, resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
	a.clock.advance(satra.RetiredFor + satra.Precision)
	resp := old.get("/me")
	if resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), "SESSION_REQUIRED") {
		t.Errorf("later: got %d, want 401 as without a cookie", resp.StatusCode)
	}
	wantStatus(t, b.get("/me"), 200)
}

func TestTheRetiredTokenMayStillSignIn(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	var derived [32]byte
	a.on("/derive", func(w http.ResponseWriter, r *http.Request) (err error) {
		derived, err = satra.Derive(r.Context(), "csrf")
		return err
	})
	b := a.browser()
	b.get("/start")
	b.get("/derive")
	page := derived
	other := b.copy()
	b.post("/signin?as=alice")
	b.get("/derive")
	if derived == page {
		t.Error("a sign-in left the derived secret as it was")
	}
	wantStatus(t, other.get("/derive"), 200)
	if derived != page {
		t.Error("the retired token derives another secret than the page had")
	}
	wantStatus(t, other.post("/signin?as=alice"), 200)
	if n := len(a.store.records); n != 2 {
		t.Errorf("got %d records, want 2: the second sign-in makes its own", n)
	}
	wantStatus(t, b.get("/me"), 200)
	wantStatus(t, other.get("/me"), 200)
}

// Two clicks on "sign in" travel with the same anonymous token.
func TestRacingSignInsLeaveEachATokenThatWorks(t *testing.T) {
	a := routes(newApp(t, satra.Options{SessionLimit: satra.Unlimited}))
	for range 50 {
		b := a.browser()
		b.get("/start")
		one, two := b.copy(), b.copy()
		var at sync.WaitGroup
		for _, x := range []*browser{one, two} {
			at.Go(func() { x.post("/signin?as=alice") })
		}
		at.Wait()
		wantStatus(t, one.get("/me"), 200)
		wantStatus(t, two.get("/me"), 200)
	}
}

func TestSignInWithoutASession(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	wantStatus(t, b.post("/signin?as=alice"), 200)
	if got := a.store.took(); got != "principal create signin" {
		t.Errorf("got commands %q", got)
	}
	if got := bodyOf(b.get("/me")); !strings.HasSuffix(got, " alice") {
		t.Errorf("got %q, want alice", got)
	}
	if got := a.kinds(); got != "created signed_in" {
		t.Errorf("got events %q", got)
	}
}

func TestSignInAsSomebodyElse(t *testing.T) {
	a := routes(newApp(t, satra.Options{Surviving: []satra.AnyKey{theme}}))
	b := a.browser()
	b.post("/signin?as=alice")
	b.get("/theme?set=dark")
	alice, old := a.store.only(t), b.copy()
	wantStatus(t, b.post("/signin?as=bob"), 200)
	if got := bodyOf(b.get("/me")); !strings.HasSuffix(got, " bob") || strings.HasPrefix(got, alice.ID.String()) {
		t.Errorf("got %q, want another session, of bob", got)
	}
	if got := bodyOf(b.get("/theme")); got != "" {
		t.Errorf("bob has alice's theme %q", got)
	}
	resp := old.get("/me")
	if resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), "replaced") {
		t.Errorf("alice's token: got %d, want 401 with the reason", resp.StatusCode)
	}
}

func TestReauthenticate(t *testing.T) {
	a := routes(newApp(t, satra.Options{Lifetime: 2 * time.Hour}))
	recent := satra.RequireRecent(5 * time.Minute)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	a.mux.Handle("/recent", recent)
	b := a.browser()
	b.get("/start")
	wantStatus(t, b.post("/again"), 401)
	wantStatus(t, b.get("/recent"), 401)
	b.post("/signin?as=alice")
	b.get("/visit")
	wantStatus(t, b.get("/recent"), 200)
	a.clock.advance(5*time.Minute + satra.Precision)
	resp := b.get("/recent")
	if resp.StatusCode != 403 || !strings.Contains(bodyOf(resp), "REAUTH_REQUIRED") {
		t.Errorf("got %d, want 403 REAUTH_REQUIRED", resp.StatusCode)
	}
	old := b.copy()
	wantStatus(t, b.post("/again"), 200)
	wantStatus(t, b.get("/recent"), 200)
	wantStatus(t, old.get("/me"), 409)
	rec := a.store.only(t)
	if v, _ := rec.Value("visits"); string(v.Data) != "1" || !rec.Begun.Equal(a.clock.Now()) || rec.Method != "test again" {
		t.Errorf("got %+v; want the values kept and the lifetime begun anew", rec)
	}
}

func TestASignInThatBeganBeforeEndAllIsRefused(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/slow-signin", func(w http.ResponseWriter, r *http.Request) error {
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		if err != nil {
			return err
		}
		if _, err := a.m.EndAll(r.Context(), "alice", satra.ID{}, satra.End{Reason: satra.ReasonAdministrator, Actor: "root"}); err != nil {
			return err
		}
		return attempt.Complete(r.Context(), "test")
	})
	b := a.browser()
	resp := b.post("/slow-signin")
	if resp.StatusCode != 403 || resp.Header["Set-Cookie"] != nil {
		t.Errorf("got %d with %q, want 403 and no cookie", resp.StatusCode, resp.Header["Set-Cookie"])
	}
	if rec := a.store.only(t); rec.Live(a.clock.Now()) {
		t.Error("the record of the refused sign-in lives on")
	}
	b.get("/theme?set=dark")
	resp = b.post("/slow-signin")
	wantStatus(t, resp, 403)
	if got := bodyOf(b.get("/theme")); got != "dark" {
		t.Errorf("the guest's session did not survive the refused sign-in: got theme %q", got)
	}
}

func TestAdministratorsEndAndDisable(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	ctx := context.Background()
	b, c := a.browser(), a.browser()
	b.post("/signin?as=alice")
	id := a.store.only(t).ID
	c.post("/signin?as=alice")
	if got, err := a.m.Session(ctx, id); err != nil || got.Principal != "alice" || got.Ended != nil {
		t.Errorf("Session: got %+v, %v", got, err)
	}
	if err := a.m.End(ctx, id, satra.End{}); err == nil {
		t.Error("an end without a reason: got no error")
	}
	if err := a.m.End(ctx, id, satra.End{Reason: satra.ReasonAdministrator, Actor: "root"}); err != nil {
		t.Fatal(err)
	}
	if last := a.events[len(a.events)-1]; last.Kind != satra.EventEnded || last.Principal != "alice" || last.Actor != "root" {
		t.Errorf("the event is %+v, want one that names whose session it was", last)
	}
	if err := a.m.End(ctx, id, satra.End{Reason: satra.ReasonAdministrator}); !errors.Is(err, satra.ErrEnded) {
		t.Errorf("ending it again: got %v, want ErrEnded", err)
	}
	wantStatus(t, b.get("/me"), 401)
	wantStatus(t, c.get("/me"), 200)
	if n, err := a.m.Disable(ctx, "alice", "root"); n != 1 || err != nil {
		t.Errorf("Disable: got %d, %v; want 1 session ended", n, err)
	}
	wantStatus(t, c.get("/me"), 401)
	wantStatus(t, c.post("/signin?as=alice"), 403)
	if err := a.m.Enable(ctx, "alice", "root"); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, c.post("/signin?as=alice"), 200)
}

func TestRevoke(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	var target satra.ID
	var ended int
	a.on("/revoke", func(w http.ResponseWriter, r *http.Request) error { return satra.Revoke(r.Context(), target) })
	a.on("/others", func(w http.ResponseWriter, r *http.Request) (err error) {
		ended, err = satra.RevokeOthers(r.Context())
		return err
	})
	idOf := func(b *browser) satra.ID {
		id, err := satra.ParseID(strings.Fields(bodyOf(b.get("/me")))[0])
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	var alice []*browser
	for range 4 {
		b := a.browser()
		b.post("/signin?as=alice")
		alice = append(alice, b)
	}
	bob := a.browser()
	bob.post("/signin?as=bob")
	target = idOf(alice[1])
	wantStatus(t, bob.post("/revoke"), 404)
	wantStatus(t, alice[1].get("/me"), 200)
	wantStatus(t, alice[0].post("/revoke"), 200)
	if resp := alice[1].get("/me"); resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), "signed_out_elsewhere") {
		t.Errorf("the other device: got %d, want 401 signed_out_elsewhere", resp.StatusCode)
	}
	wantStatus(t, alice[0].post("/others"), 200)
	if ended != 2 {
		t.Errorf("got %d ended, want 2", ended)
	}
	wantStatus(t, alice[0].get("/me"), 200)
	wantStatus(t, alice[2].get("/me"), 401)
	wantStatus(t, bob.get("/me"), 200)
	target = idOf(alice[0])
	wantStatus(t, alice[0].post("/revoke"), 200)
	wantStatus(t, alice[0].get("/me"), 401)
}

func TestAGuardRefuses(t *testing.T) {
	var acts []string
	no := errors.New("audit is down")
	a := routes(newApp(t, satra.Options{Before: func(_ context.Context, act satra.Act) error {
		acts = append(acts, string(act.Kind)+" "+act.Principal)
		return no
	}}))
	b := a.browser()
	b.get("/start")
	wantStatus(t, b.post("/signin?as=alice"), 500)
	wantStatus(t, b.post("/signout"), 500)
	if err := a.m.End(context.Background(), a.store.only(t).ID, satra.End{Reason: satra.ReasonAdministrator}); !errors.Is(err, no) {
		t.Errorf("End: got %v, want the guard's error", err)
	}
	if got := strings.Join(acts, ", "); got != "signed_in alice, ended , ended " {
		t.Errorf("got acts %q", got)
	}
	if rec := a.store.only(t); rec.Principal != "" || rec.Ended != nil {
		t.Error("a refused act was carried out")
	}
}

func TestEachPurposeHasItsOwnSecret(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	seen := map[[32]byte]string{}
	a.on("/derive", func(w http.ResponseWriter, r *http.Request) error {
		for _, purpose := range []string{"", "\x00", "a", "a\x00", "b", strings.Repeat("a", 22), strings.Repeat("a", 23), strings.Repeat("a", 24), strings.Repeat("a", 1000)} {
			got, err := satra.Derive(r.Context(), purpose)
			if err != nil {
				return err
			}
			if other, taken := seen[got]; taken {
				t.Errorf("%.30q has the secret of %.30q", purpose, other)
			}
			seen[got] = purpose
			if again, err := satra.Derive(r.Context(), purpose); again != got || err != nil {
				t.Errorf("%.30q: got another secret the second time, %v", purpose, err)
			}
		}
		return nil
	})
	b := a.browser()
	b.get("/start")
	wantStatus(t, b.get("/derive"), 200)
	if len(seen) != 9 {
		t.Errorf("got %d secrets, want 9", len(seen))
	}
}

// A login page may begin the visitor's session in the very request that is then
// refused: the visitor keeps a session, and the page is sent.
func TestARefusedSignInLeavesTheSessionThatHadBegun(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/login", func(w http.ResponseWriter, r *http.Request) error {
		if err := theme.Set(r.Context(), "dark"); err != nil {
			return err
		}
		attempt, err := satra.BeginSignIn(r.Context(), "alice")
		if err != nil {
			return err
		}
		if _, err := a.m.Disable(r.Context(), "alice", "root"); err != nil {
			return err
		}
		if err := attempt.Complete(r.Context(), "test"); !errors.Is(err, satra.ErrDisabled) {
			t.Errorf("got error %v, want ErrDisabled", err)
		}
		_, err = w.Write([]byte("try again"))
		return err
	})
	b := a.browser()
	resp := b.post("/login")
	if got := bodyOf(resp); resp.StatusCode != 200 || got != "try again" || len(resp.Cookies()) != 1 {
		t.Fatalf("got %d %q with %d cookies, want the page and a session", resp.StatusCode, got, len(resp.Cookies()))
	}
	if got := bodyOf(b.get("/theme")); got != "dark" {
		t.Errorf("the session has theme %q, want what the request had set", got)
	}
}
