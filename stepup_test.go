package satra_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// stepping is an app with routes that want a proof: of the last five minutes, and of
// any age.
func stepping(t *testing.T, o satra.Options) *app {
	t.Helper()
	a := routes(newApp(t, o))
	done := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	a.mux.Handle("/recent", satra.RequireRecent(5*time.Minute)(done))
	a.mux.Handle("/proven", satra.RequireRecent(satra.Never)(done))
	a.on("/told", func(w http.ResponseWriter, r *http.Request) error {
		s, err := satra.From(r.Context())
		if err == nil && s.StepUp != nil {
			fmt.Fprintf(w, "%s by %s", s.StepUp.Reason, s.StepUp.Actor)
		}
		return err
	})
	return a
}

func TestStepUpWantsAFreshProof(t *testing.T) {
	a := stepping(t, satra.Options{})
	b := a.browser()
	b.post("/signin?as=alice")
	wantStatus(t, b.get("/recent"), 200)
	id := a.store.only(t).ID
	a.kinds()
	if err := a.m.StepUp(t.Context(), id, satra.StepUp{Reason: "two_places", Actor: "policy"}); err != nil {
		t.Fatalf("StepUp: %v", err)
	}
	if got := a.kinds(); got != "step_up" {
		t.Errorf("got events %q, want step_up", got)
	}
	for _, path := range []string{"/recent", "/proven"} {
		if resp := b.get(path); resp.StatusCode != 403 || !strings.Contains(bodyOf(resp), "REAUTH_REQUIRED") {
			t.Errorf("%s: got %d, want 403 REAUTH_REQUIRED", path, resp.StatusCode)
		}
	}
	if got := bodyOf(b.get("/told")); got != "two_places by policy" {
		t.Errorf("the session tells %q", got)
	}
	wantStatus(t, b.get("/theme?set=dark"), 200) // it goes on otherwise
	thief := b.copy()
	wantStatus(t, b.post("/again"), 200)
	wantStatus(t, b.get("/recent"), 200)
	wantStatus(t, b.get("/proven"), 200)
	if got := bodyOf(b.get("/told")); got != "" {
		t.Errorf("after the proof the session still tells %q", got)
	}
	wantStatus(t, thief.get("/proven"), 409)
	a.clock.advance(6 * time.Minute)
	wantStatus(t, b.get("/proven"), 200)
	wantStatus(t, b.get("/recent"), 403)
}

func TestASignInIsAProof(t *testing.T) {
	a := stepping(t, satra.Options{})
	b := a.browser()
	b.post("/signin?as=alice")
	if err := a.m.StepUp(t.Context(), a.store.only(t).ID, satra.StepUp{Reason: "new_device"}); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.get("/proven"), 403)
	wantStatus(t, b.post("/signin?as=alice"), 200)
	wantStatus(t, b.get("/proven"), 200)
}

func TestARememberedSessionProvesOfAnyAge(t *testing.T) {
	a := stepping(t, satra.Options{IdleTimeout: time.Hour})
	b := a.browser()
	b.post("/signin?as=alice&remember=1")
	a.clock.advance(24 * time.Hour)
	wantStatus(t, b.get("/proven"), 200)
	wantStatus(t, b.get("/recent"), 403)
}

// A proof that was on its way answers no demand that came meanwhile.
func TestAProofAnswersNoLaterDemand(t *testing.T) {
	a := stepping(t, satra.Options{})
	a.on("/again-late", func(_ http.ResponseWriter, r *http.Request) error {
		s, err := satra.From(r.Context())
		if err == nil {
			err = a.m.StepUp(context.Background(), s.ID, satra.StepUp{Reason: "two_places"})
		}
		if err != nil {
			return err
		}
		return satra.Reauthenticate(r.Context(), "test again")
	})
	b := a.browser()
	b.post("/signin?as=alice")
	wantStatus(t, b.post("/again-late"), 200)
	wantStatus(t, b.get("/proven"), 403)
}

func TestWhatCannotBeAskedForAProof(t *testing.T) {
	no := errors.New("audit is down")
	refuse := false
	a := stepping(t, satra.Options{Before: func(_ context.Context, act satra.Act) error {
		if refuse && act.Kind == satra.EventStepUp && act.Principal == "alice" && act.Actor == "policy" {
			return no
		}
		return nil
	}})
	demand := satra.StepUp{Reason: "two_places", Actor: "policy"}
	if err := a.m.StepUp(t.Context(), satra.ID{1}, demand); !errors.Is(err, satra.ErrNotFound) {
		t.Errorf("no session: got %v", err)
	}
	b := a.browser()
	b.get("/start")
	id := a.store.only(t).ID
	if err := a.m.StepUp(t.Context(), id, demand); !errors.Is(err, satra.ErrNoSession) {
		t.Errorf("an anonymous session: got %v", err)
	}
	b.post("/signin?as=alice")
	if err := a.m.StepUp(t.Context(), id, satra.StepUp{}); err == nil {
		t.Error("without a reason: got no error")
	}
	refuse = true
	if err := a.m.StepUp(t.Context(), id, demand); !errors.Is(err, no) {
		t.Errorf("a guard that refuses: got %v", err)
	}
	refuse = false
	wantStatus(t, b.get("/proven"), 200)
	b.post("/signout")
	if err := a.m.StepUp(t.Context(), id, demand); !errors.Is(err, satra.ErrEnded) {
		t.Errorf("a session that is over: got %v", err)
	}
}

// What was found before a proof is answered by it, also where the proof comes between
// the look and the act.
func TestNoActOnWhatAProofHasAnswered(t *testing.T) {
	var meanwhile func()
	a := stepping(t, satra.Options{Before: func(context.Context, satra.Act) error {
		if meanwhile != nil {
			meanwhile()
		}
		return nil
	}})
	b := a.browser()
	b.post("/signin?as=alice")
	id := a.store.only(t).ID
	acts := map[string]func(satra.Condition) error{
		"StepUp": func(c satra.Condition) error {
			return a.m.StepUp(t.Context(), id, satra.StepUp{Reason: "two_places"}, c)
		},
		"End": func(c satra.Condition) error {
			return a.m.End(t.Context(), id, satra.End{Reason: satra.ReasonStolen}, c)
		},
	}
	for name, act := range acts {
		a.clock.advance(time.Minute)
		found := a.clock.Now()
		a.clock.advance(time.Second)
		meanwhile = func() { meanwhile = nil; b.post("/again") }
		if err := act(satra.UnlessProven(found)); !errors.Is(err, satra.ErrConflict) {
			t.Errorf("%s, and a proof meanwhile: got %v, want ErrConflict", name, err)
		}
		if meanwhile != nil {
			t.Errorf("%s: the proof was not given meanwhile", name)
		}
		if err := act(satra.UnlessProven(found)); !errors.Is(err, satra.ErrConflict) {
			t.Errorf("%s for what was found before the proof: got %v, want ErrConflict", name, err)
		}
		wantStatus(t, b.get("/proven"), 200)
	}
	after := satra.UnlessProven(a.clock.Now()) // a sign-in may be what looks wrong itself
	for _, name := range []string{"StepUp", "End"} {
		if err := acts[name](after); err != nil {
			t.Errorf("%s for what was found after the proof: %v", name, err)
		}
	}
	wantStatus(t, b.get("/proven"), 401)
}
