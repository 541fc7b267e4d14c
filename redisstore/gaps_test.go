package redisstore

import (
	"context"
	"errors"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// The steps of a sign-in between which a process may end, or be slow.
var steps = []string{"reserved", "made room", "bound"}

func TestWhatACrashedSignInLeavesIsFinished(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range steps {
		for name, next := range map[string]func(k *kit) error{
			"the next sign-in": func(k *kit) error {
				_, err := k.Apply(k.Context(), k.create(nil), k.attempt("alice", 1, true))
				return err
			},
			"a list": func(k *kit) error { k.live("alice"); return nil },
			"an EndAll": func(k *kit) error {
				_, err := k.EndAll(k.Context(), satra.Ending{At: k.now, Principal: "alice", End: satra.End{At: k.now, Reason: satra.ReasonElsewhere}})
				return err
			},
		} {
			t.Run(step+", then "+name, func(t *testing.T) {
				k := newKit(t, server)
				old, id := k.signIn("alice"), k.create(nil)
				c := k.attempt("alice", 1, true)
				k.crash(step, func() { k.Apply(k.Context(), id, c) })
				if n := len(k.live("alice")); n > 1 {
					t.Errorf("after the crash: %d live under a limit of 1", n)
				}
				if k.live("alice")[id] {
					t.Errorf("a session whose sign-in is not confirmed is listed as the principal's")
				}
				other := k.node()
				denied := other.attempt("alice", 1, false)
				if _, err := other.Apply(t.Context(), other.create(nil), denied); !errors.Is(err, satra.ErrLimit) {
					t.Errorf("before the lease is over: got error %v, want ErrLimit: the place is taken", err)
				}
				k.lapse("alice")
				if err := next(other); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				r := other.find(id)
				if step != "bound" && (r.Ended != nil || r.Principal != "") {
					t.Errorf("a session whose sign-in was not bound: ended %v, principal %q; want it as it was", r.Ended, r.Principal)
				}
				if step == "bound" && r.Live(k.now) {
					t.Errorf("a session whose sign-in was never confirmed is live")
				}
				for other, e := range k.entries("alice") {
					if (other == id || other == old) && (e.state() == 'R' || e.state() == 'X') {
						t.Errorf("an entry is left in state %c", e.state())
					}
				}
				if n := len(other.live("alice")); n > 1 {
					t.Errorf("%d live under a limit of 1", n)
				}
				if _, err := other.Apply(t.Context(), other.create(nil), other.attempt("alice", 1, true)); err != nil {
					t.Errorf("a sign-in after it all: %v", err)
				}
			})
		}
	}
}

func TestASlowSignInIsRefusedAfterAnEndAll(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range steps {
		for _, everybody := range []bool{false, true} {
			k := newKit(t, server)
			other := k.node()
			old, id := k.signIn("alice"), k.create(nil)
			var ended []satra.Ended
			came := k.at(step, func() {
				var err error
				ended, err = other.EndAll(t.Context(), satra.Ending{
					At: k.now, Principal: "alice", Everybody: everybody, End: satra.End{At: k.now, Reason: satra.ReasonAdministrator},
				})
				if err != nil {
					t.Errorf("%s: EndAll: %v", step, err)
				}
			})
			result, err := k.Apply(t.Context(), id, k.attempt("alice", 1, true))
			if !*came {
				t.Fatalf("the sign-in did not come to the step %q", step)
			}
			// After the last step an end of everybody finds the session bound, and
			// ends and lists it: the sign-in came before.
			if listed := contains(ended, id); err == nil && !(everybody && step == "bound" && listed) || err != nil && !errors.Is(err, satra.ErrEpoch) && !errors.Is(err, satra.ErrEnded) {
				t.Errorf("%s, everybody %v: got error %v, listed %v; want ErrEpoch or ErrEnded", step, everybody, err, listed)
			}
			if !everybody && contains(ended, id) {
				t.Errorf("%s: EndAll lists a session that was not signed in", step)
			}
			if live := k.live(""); live[old] || live[id] && k.find(id).Principal != "" {
				t.Errorf("%s, everybody %v: after EndAll a session of the principal is live", step, everybody)
			}
			if n := len(k.live("alice")); n != 0 {
				t.Errorf("%s, everybody %v: the principal has %d live sessions, want none", step, everybody, n)
			}
			if contains(ended, old) == contains(result.Ended, old) {
				t.Errorf("%s, everybody %v: the old session was listed as ended by both or by none", step, everybody)
			}
			if _, err := k.Apply(t.Context(), k.create(nil), k.attempt("alice", 1, false)); err != nil {
				t.Errorf("%s, everybody %v: a sign-in afterwards: %v", step, everybody, err)
			}
		}
	}
}

func contains(all []satra.Ended, id satra.ID) bool {
	for _, e := range all {
		if e.ID == id {
			return true
		}
	}
	return false
}

func TestASignInThatOutlivesItsLeaseIsRefused(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range steps {
		k := newKit(t, server)
		other := k.node()
		k.signIn("alice")
		id, winner := k.create(nil), k.create(nil)
		k.at(step, func() {
			k.lapse("alice")
			if _, err := other.Apply(t.Context(), winner, other.attempt("alice", 1, true)); err != nil {
				t.Errorf("%s: a sign-in after the lease of another: %v", step, err)
			}
		})
		if _, err := k.Apply(t.Context(), id, k.attempt("alice", 1, true)); err == nil {
			t.Errorf("%s: a sign-in whose reservation is over succeeded", step)
		}
		if live := k.live(""); !live[winner] || live[id] && k.find(id).Principal != "" {
			t.Errorf("%s: want the session live that signed in meanwhile, and that one only", step)
		}
		if live := k.live("alice"); len(live) != 1 || !live[winner] {
			t.Errorf("%s: the principal has %d live sessions, want one", step, len(live))
		}
	}
}

func TestASignInGoesOnWhenItsCallerIsGone(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	ctx, cancel := context.WithCancel(t.Context())
	id := k.create(nil)
	k.at("reserved", cancel)
	if _, err := k.Apply(ctx, id, k.attempt("alice", 1, true)); err != nil {
		t.Errorf("got error %v, want none: half of a sign-in is nothing", err)
	}
	if !k.live("alice")[id] {
		t.Errorf("the session is not live")
	}
}

func TestSignInsOnTwoNodesShareTheLastPlace(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	other := k.node()
	first, second := k.create(nil), k.create(nil)
	came := k.at("reserved", func() {
		if _, err := other.Apply(t.Context(), second, other.attempt("alice", 1, true)); !errors.Is(err, satra.ErrLimit) {
			t.Errorf("another session, while the only place is reserved: got error %v, want ErrLimit", err)
		}
		if _, err := other.Apply(t.Context(), first, other.attempt("alice", 1, true)); !errors.Is(err, satra.ErrConflict) {
			t.Errorf("the same session, while it signs in: got error %v, want ErrConflict", err)
		}
	})
	if _, err := k.Apply(t.Context(), first, k.attempt("alice", 1, true)); err != nil || !*came {
		t.Errorf("the sign-in that was first: %v", err)
	}
	if live := k.live("alice"); len(live) != 1 || !live[first] {
		t.Errorf("%d sessions are live, want the first", len(live))
	}
}

func TestASignInIsNotConfirmedAfterItsLease(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	id := k.create(nil)
	k.at("bound", func() { k.lapse("alice") })
	if _, err := k.Apply(t.Context(), id, k.attempt("alice", 0, false)); !errors.Is(err, errLapsed) {
		t.Errorf("got error %v, want that it took too long", err)
	}
	if end := k.find(id).Ended; end == nil || end.Reason != satra.ReasonIncomplete {
		t.Errorf("the session whose secret nobody was given: ended %+v, want as incomplete", end)
	}
	// One that was signed in before stays the principal's.
	again := k.signIn("bob")
	k.crash("reserved", func() { k.Apply(t.Context(), again, k.attempt("bob", 0, false)) })
	k.lapse("bob")
	if live := k.live("bob"); !live[again] || !k.find(again).Live(k.now) {
		t.Errorf("a second sign-in with the same session crashed, and the session of the first is over")
	}
	if ended, err := k.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "bob", End: satra.End{At: k.now, Reason: satra.ReasonElsewhere}}); err != nil || !contains(ended, again) {
		t.Errorf("EndAll after that: %v, ended it: %v", err, contains(ended, again))
	}
}

func TestNothingIsBoundAfterTheLease(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	for what, c := range map[string]*satra.Change{
		"by the script": k.attempt("alice", 0, false),
		"by a swap": func() *satra.Change {
			c := k.attempt("alice", 0, false)
			c.Shown = &satra.Hash{}
			return c
		}(),
	} {
		id := k.create(nil)
		if _, err := k.change(t.Context(), id, c, new(grant(k.now.Add(-1)))); !errors.Is(err, errLapsed) {
			t.Errorf("%s: got error %v, want that it took too long", what, err)
		}
		if p := k.find(id).Principal; p != "" {
			t.Errorf("%s: the session was bound to %q", what, p)
		}
	}
}

func TestWhatACrashedEndAllLeavesIsFinished(t *testing.T) {
	server := testserver.StartRedis(t, false)
	end := satra.End{Reason: satra.ReasonDisabled, Actor: "root"}
	for _, step := range []string{"marked", "ended"} {
		for name, next := range map[string]func(k *kit) []satra.Ended{
			"a list": func(k *kit) []satra.Ended { k.live("alice"); return nil },
			"a sign-in": func(k *kit) []satra.Ended {
				result, err := k.Apply(k.Context(), k.create(nil), k.attempt("alice", 0, false))
				if err != nil {
					k.Errorf("a sign-in: %v", err)
				}
				return result.Ended
			},
			"an EndAll": func(k *kit) []satra.Ended {
				ended, err := k.EndAll(k.Context(), satra.Ending{At: k.now, Principal: "alice", End: satra.End{At: k.now, Reason: satra.ReasonElsewhere}})
				if err != nil {
					k.Errorf("EndAll: %v", err)
				}
				return ended
			},
		} {
			t.Run(step+", then "+name, func(t *testing.T) {
				k := newKit(t, server)
				first, stays := k.signIn("alice"), k.signIn("alice")
				early := k.attempt("alice", 0, false)
				e := end
				e.At = k.now
				k.crash(step, func() {
					k.EndAll(k.Context(), satra.Ending{At: k.now, Principal: "alice", Except: stays, End: e})
				})
				if _, err := k.Apply(t.Context(), k.create(nil), early); !errors.Is(err, satra.ErrEpoch) {
					t.Errorf("a sign-in that began before: got error %v, want ErrEpoch", err)
				}
				if live := k.find(first).Live(k.now); live != (step == "marked") {
					t.Fatalf("after the crash the session is live: %v", live)
				}
				ended := next(k.node())
				if got := k.find(first).Ended; got == nil || *got != e {
					t.Errorf("the session that was left: ended %+v, want as the EndAll said", got)
				}
				if step == "marked" && name != "a list" && !contains(ended, first) {
					t.Errorf("%s ended the session, and did not list it", name)
				}
				if live := k.find(stays).Live(k.now); live != (name != "an EndAll") {
					t.Errorf("the session that stays is live: %v", live)
				}
				if s := k.entries("alice")[first].state(); s != 'E' {
					t.Errorf("its entry is in state %c, want E", s)
				}
			})
		}
	}
}
