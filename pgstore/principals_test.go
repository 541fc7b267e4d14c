package pgstore

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// A node that vanishes in the middle of a sign-in leaves its locks behind: the
// server takes them back.
func TestASignInThatWasAbandonedKeepsNobodyOut(t *testing.T) {
	o := options()
	vanishing, s := open(t, o), open(t, o)
	vanishing.abandoned = abandonedAfter(500 * time.Millisecond)
	r := create(t, s, "")
	conn, err := vanishing.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	var found signingIn
	if err := vanishing.queueSigningIn(r.ID, signIn("alice"), &found).send(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	apply(t, s, r.ID, signIn("alice"))
}

// Those who lock many rows do so in one order, or they would wait for one another
// until the server ends one of them with an error.
func TestSignInsAndEndingsDoNotLockOneAnotherOut(t *testing.T) {
	s := open(t, options())
	for round := range 15 {
		for range 20 {
			create(t, s, "alice")
		}
		var all []func() error
		for range 4 {
			r := create(t, s, "")
			state, err := s.Principal(t.Context(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			c := signIn("alice")
			c.SignIn.Epoch, c.SignIn.Limit, c.SignIn.EndOldest = state.Epoch, 1, true
			c.SignIn.LimitEnd = satra.End{At: t0, Reason: satra.ReasonLimit}
			all = append(all, func() error { _, err := s.Apply(t.Context(), r.ID, c); return err })
		}
		for range 2 {
			all = append(all, func() error {
				_, err := s.EndAll(t.Context(), satra.Ending{At: t0, Everybody: true, End: satra.End{At: t0, Reason: satra.ReasonAdministrator}})
				return err
			})
		}
		var wg sync.WaitGroup
		for _, call := range all {
			wg.Go(func() {
				if err := call(); err != nil && !errors.Is(err, satra.ErrEpoch) && !errors.Is(err, satra.ErrEnded) {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
	}
}

func TestAnEndingNamesSomebody(t *testing.T) {
	s := open(t, options())
	r := create(t, s, "")
	if ended, err := s.EndAll(t.Context(), satra.Ending{At: t0, End: satra.End{At: t0}}); err == nil || len(ended) != 0 {
		t.Errorf("got %d ended and %v, want an error", len(ended), err)
	}
	if find(t, s, r.ID).Ended != nil {
		t.Error("an anonymous session was ended")
	}
}

// Principals that an advisory lock could confuse have one each.
func TestLocksAreApart(t *testing.T) {
	a, b := &Store{schema: "a"}, &Store{schema: "b"}
	seen := map[int64]string{}
	for _, s := range []*Store{a, b} {
		for _, what := range []string{"everybody", "principal", "migrate"} {
			for _, name := range []string{"", "x", "x\x00", "1:x"} {
				label := fmt.Sprintf("%s %s %q", s.schema, what, name)
				if other, taken := seen[s.lockKey(what, name)]; taken {
					t.Errorf("%s and %s share a lock", label, other)
				}
				seen[s.lockKey(what, name)] = label
			}
		}
	}
}
