package detect

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// TestNoPolicyLocksAVictimOut holds what may be done about what anybody can bring
// about.
func TestNoPolicyLocksAVictimOut(t *testing.T) {
	for rule, most := range Rules() {
		if most == Revoke {
			continue
		}
		if _, err := NewPolicy(&PolicyOptions{Actions: map[Rule]Action{rule: most + 1}}); err == nil || !strings.Contains(err.Error(), string(rule)) {
			t.Errorf("%s with %s: got %v", rule, most+1, err)
		}
	}
	if _, err := NewPolicy(&PolicyOptions{Actions: map[Rule]Action{"nonsense": Record}}); err == nil {
		t.Error("a rule that there is not: got no error")
	}
}

// TestTwoWeakOnesMeanAProof has a sign-in that is both far away and on a new device.
func TestTwoWeakOnesMeanAProof(t *testing.T) {
	s := scenario{live: func(l *life) {
		l.signIn("asha", 1, "203.0.113.7", windows)
		l.add(time.Hour, satra.EventSignedIn, "asha", 2, "198.51.100.9", chromeOn)
	}}
	got := s.run(t, must(NewPolicy(nil)))
	if len(got.Decisions) != 2 || got.Decisions[0].Action != Record || got.Decisions[1].Action != StepUp || !got.Decisions[1].DryRun || got.Decisions[1].Why == "" {
		t.Errorf("got %+v", got.Decisions)
	}
}

// TestGuessingHasNobodyAskedForAProof: who guesses needs no secret for it, and the owner who
// signs in meanwhile, on a new phone, gives no second sign by that.
func TestGuessingHasNobodyAskedForAProof(t *testing.T) {
	for _, s := range scenarios {
		if s.name != "an owner has a new phone while somebody guesses" {
			continue
		}
		got := s.run(t, must(NewPolicy(nil)))
		if len(got.Decisions) != 3 {
			t.Errorf("got %d decisions, want 3", len(got.Decisions))
		}
		for _, d := range got.Decisions {
			if d.Action > Notify {
				t.Errorf("%s: got %s, %s", d.Finding.Rule, d.Action, d.Why)
			}
		}
		return
	}
	t.Error("there is no such scenario")
}

// TestAGuessedPasswordIsTold by default, though the owner may be who signs in.
func TestAGuessedPasswordIsTold(t *testing.T) {
	d := must(NewPolicy(nil)).Decide(Finding{Rule: GuessedPassword, Strength: Weak, Session: satra.ID{1}})
	if d.Action != Notify || d.DryRun {
		t.Errorf("got %+v, want notify", d)
	}
}

// TestAProofIsDemandedOfASessionAgain once the first may have been given.
func TestAProofIsDemandedOfASessionAgain(t *testing.T) {
	asked := 0
	p := must(NewPolicy(&PolicyOptions{
		Actions: map[Rule]Action{BrowserChanged: StepUp}, Enforce: true,
		OnStepUp: func(context.Context, Decision) error { asked++; return nil },
	}))
	f := Finding{Rule: BrowserChanged, Strength: Strong, Session: satra.ID{1}, At: time.Unix(1e9, 0)}
	for i, want := range []int{1, 1, 2} {
		if _, err := p.Apply(t.Context(), f); err != nil || asked != want {
			t.Errorf("finding %d: asked %d times, want %d; %v", i+1, asked, want, err)
		}
		f.At = f.At.Add(time.Duration(i+1) * 30 * time.Second)
	}
}

// TestAnActIsDoneOnce, whether or not somebody can be told of it.
func TestAnActIsDoneOnce(t *testing.T) {
	asked := 0
	p := must(NewPolicy(&PolicyOptions{
		Actions: map[Rule]Action{BrowserChanged: StepUp}, Enforce: true,
		OnNotify: func(context.Context, Decision) error { return errors.New("nobody answers") },
		OnStepUp: func(context.Context, Decision) error { asked++; return nil },
	}))
	f := Finding{Rule: BrowserChanged, Strength: Strong, Session: satra.ID{1}, At: time.Unix(1e9, 0)}
	for range 2 {
		if _, err := p.Apply(t.Context(), f); err == nil || asked != 1 {
			t.Errorf("asked %d times, want once; %v", asked, err)
		}
	}
}

// TestAPolicyActsOnceAndRecordsWhatCameOfIt holds the hooks.
func TestAPolicyActsOnceAndRecordsWhatCameOfIt(t *testing.T) {
	var revoked int
	var records []Decision
	failing := errors.New("the store is down")
	o := &PolicyOptions{
		Actions: map[Rule]Action{BrowserChanged: Revoke}, Enforce: true,
		OnStepUp: func(context.Context, Decision) error { return nil },
		OnRevoke: func(context.Context, Decision) error { revoked++; return failing },
		OnRecord: func(d Decision) { records = append(records, d) },
	}
	p := must(NewPolicy(o))
	f := Finding{Rule: BrowserChanged, Strength: Strong, Session: satra.ID{1}}
	if _, err := p.Apply(t.Context(), f); !errors.Is(err, failing) || !errors.Is(records[0].Err, failing) {
		t.Errorf("got %v, recorded %+v", err, records)
	}
	failing = nil
	for range 3 {
		if _, err := p.Apply(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
	if revoked != 2 || len(records) != 4 {
		t.Errorf("revoked %d times, want once more after the failure; %d records", revoked, len(records))
	}
	f.Session = satra.ID{}
	if d, err := p.Apply(t.Context(), f); err != nil || d.Action != Notify || revoked != 2 {
		t.Errorf("without a session: got %+v, %v", d, err)
	}
	o.OnRevoke = nil
	if _, err := NewPolicy(o); err == nil {
		t.Error("a policy that revokes without the means is taken")
	}
}
