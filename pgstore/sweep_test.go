package pgstore

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/satra-sessions/satra"
)

func sweep(t *testing.T, s *Store, before time.Time, limit int) int {
	t.Helper()
	n, err := s.Sweep(t.Context(), before, limit)
	if err != nil {
		t.Fatalf("Sweep: %v", err)
	}
	return n
}

func TestASweepLeavesWhatWasTouchedInItsNewPlace(t *testing.T) {
	s := open(t, options())
	var all []satra.ID
	for i := range 4 {
		r := newRecord()
		r.Seen = t0.Add(time.Duration(i) * time.Minute)
		if err := s.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r.ID)
	}
	// The first is over in the middle of the others now, the second after them.
	for i, seen := range []time.Duration{150 * time.Second, time.Hour} {
		apply(t, s, all[i], &satra.Change{At: t0, Seen: t0.Add(seen)})
	}
	left := func() (which [4]bool) {
		for i, id := range all {
			_, err := s.Find(t.Context(), id, satra.Fresh)
			which[i] = err == nil
		}
		return which
	}
	before := t0.Add(90 * time.Minute)
	for _, want := range [][4]bool{{true, true, false, true}, {false, true, false, true}, {false, true, false, false}} {
		if n := sweep(t, s, before, 1); n != 1 || left() != want {
			t.Errorf("swept %d, and left are %v; want 1 and %v", n, left(), want)
		}
	}
	if n := sweep(t, s, before, 1); n != 0 {
		t.Errorf("swept %d more, want none: the last is over later", n)
	}
	if n := sweep(t, s, t0.Add(3*time.Hour), 100); n != 1 {
		t.Errorf("swept %d when the last was over, too; want 1", n)
	}
}

func TestASweepWaitsForNobody(t *testing.T) {
	s := open(t, options())
	held, other := create(t, s, ""), create(t, s, "")
	conn := direct(t)
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), s.in("select from {schema}.sessions where id = $1 for update"), held.ID[:]); err != nil {
		t.Fatal(err)
	}
	if n := sweep(t, s, t0.Add(2*time.Hour), 10); n != 1 {
		t.Errorf("swept %d, want the one that nobody holds", n)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := sweep(t, s, t0.Add(2*time.Hour), 10); n != 1 {
		t.Errorf("swept %d afterwards, want the one that was held", n)
	}
	if _, err := s.Find(t.Context(), other.ID, satra.Fresh); err == nil {
		t.Errorf("the other one is still there")
	}
}

func TestEpochsAreForgottenAfterADayAndDisabledNever(t *testing.T) {
	s := open(t, options())
	raise := func(principal string, access satra.Access) satra.PrincipalState {
		t.Helper()
		_, err := s.EndAll(t.Context(), satra.Ending{At: t0, Principal: principal, Access: access, End: satra.End{At: t0, Reason: satra.ReasonDisabled}})
		if err != nil {
			t.Fatal(err)
		}
		state, err := s.Principal(t.Context(), principal)
		if err != nil || state.Epoch.Own == 0 {
			t.Fatalf("after EndAll: got %+v, %v; want a raised epoch", state, err)
		}
		return state
	}
	states := map[string]satra.PrincipalState{
		"old": raise("old", satra.AccessKeep), "new": raise("new", satra.AccessKeep), "disabled": raise("disabled", satra.AccessDeny),
	}
	first := states["old"]
	execute(t, s, "update {schema}.principals set raised = raised - interval '23 hours 59 minutes'")
	sweep(t, s, t0, 10)
	check := func(when string) {
		t.Helper()
		for p, want := range states {
			if got, err := s.Principal(t.Context(), p); err != nil || got != want {
				t.Errorf("%s, %s: got %+v, %v; want %+v", when, p, got, err, want)
			}
		}
	}
	check("within the day")
	execute(t, s, "update {schema}.principals set raised = raised - interval '2 minutes' where principal <> 'new'")
	sweep(t, s, t0, 10)
	states["old"] = satra.PrincipalState{}
	check("after a day")
	if again := raise("old", satra.AccessKeep); again.Epoch == first.Epoch {
		t.Errorf("an epoch that was forgotten came back")
	}
}
