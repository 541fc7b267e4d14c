package storetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

func (k *kit) renewal(old satra.Hash, after time.Duration) *satra.Change {
	return &satra.Change{At: k.at(after), Renew: &satra.Renew{Old: old, New: hash(), Successor: []byte("sealed for the old one"), Keep: 2}}
}

// retired returns the secret that was replaced last.
func (k *kit) retired(id satra.ID) satra.Retired {
	k.Helper()
	got := k.find(id).Retired
	if len(got) == 0 {
		k.Fatalf("the secret that was replaced is not remembered")
	}
	return got[0]
}

func renewalKeepsOneSuccessor(k *kit) {
	r := k.create(nil)
	first := k.renewal(r.Secret, time.Minute)
	k.apply(r.ID, first)
	got := k.find(r.ID)
	if got.Secret != first.Renew.New || len(got.Retired) != 1 || got.Retired[0].Secret != r.Secret ||
		string(got.Retired[0].Successor) != "sealed for the old one" || got.Generation != r.Generation {
		k.Fatalf("after a renewal: secret new %v, %d retired", got.Secret == first.Renew.New, len(got.Retired))
	}
	// Whoever still shows the old secret and wants to renew it, is given the
	// same successor.
	result := k.refused(r.ID, k.renewal(r.Secret, 2*time.Minute), satra.ErrConflict)
	k.same("the record that comes with the conflict", k.t0, result.Record, got)

	k.apply(r.ID, &satra.Change{At: k.at(3 * time.Minute), Shown: &first.Renew.New})
	k.apply(r.ID, &satra.Change{At: k.at(4 * time.Minute), Shown: &first.Renew.New})
	if shown := k.retired(r.ID).Shown; !shown.Equal(k.at(3 * time.Minute)) {
		k.Errorf("the successor was first shown at %v after t0, want 3 minutes", shown.Sub(k.t0))
	}
	// Of renewed secrets as many are kept as the renewal says.
	secret := got.Secret
	for i := range 3 {
		c := k.renewal(secret, time.Duration(5+i)*time.Minute)
		k.apply(r.ID, c)
		secret = c.Renew.New
	}
	if got = k.find(r.ID); len(got.Retired) != 2 || got.Secret != secret {
		k.Errorf("after four renewals: %d retired secrets, want the 2 that are kept", len(got.Retired))
	}
	// A sign-in kills them all.
	k.apply(r.ID, &satra.Change{At: k.at(9 * time.Minute), SignIn: &satra.Binding{Principal: "alice", Secret: hash()}})
	for _, old := range k.find(r.ID).Retired {
		if old.Seed == nil || old.Successor != nil {
			k.Errorf("after a sign-in a renewed secret still leads to a successor")
		}
	}
}

func racingRenewalsAgree(k *kit) {
	for round := range k.h.Rounds {
		r := k.create(nil)
		ending := round%3 == 0
		const callers = 10
		successors := make([]satra.Hash, callers)
		var renewed atomic.Int32
		all := times(callers, func(i int) {
			c := k.renewal(r.Secret, 0)
			c.Return = true
			result, err := k.s.Apply(k.Context(), r.ID, c)
			if err == nil {
				renewed.Add(1)
			}
			switch {
			case result.Record != nil && result.Record.Ended == nil:
				successors[i] = result.Record.Secret
			case !ending:
				k.Errorf("a renewal came without the record: %v", err)
			}
		})
		if ending {
			all = append(all, func() {
				if _, err := k.s.Apply(k.Context(), r.ID, k.end(0, satra.ReasonSignedOut)); err != nil {
					k.Errorf("an end racing renewals: %v", err)
				}
			})
		}
		race(all...)
		got := k.find(r.ID)
		for i, s := range successors {
			if s != (satra.Hash{}) && s != got.Secret {
				k.Fatalf("caller %d was given another successor than the record has", i)
			}
		}
		if n := renewed.Load(); n > 1 || n == 0 && !ending {
			k.Fatalf("%d of %d renewals of the same secret succeeded, want 1", n, callers)
		}
		if ending && (got.Ended == nil || len(got.Values) > 0) {
			k.Fatalf("after an end that raced renewals the session is live")
		}
	}
}

func reuseIsCountedAndEndsOnce(k *kit) {
	r := k.create(nil)
	k.apply(r.ID, k.renewal(r.Secret, 0))
	refusal := func(after time.Duration) *satra.Change {
		return &satra.Change{At: k.at(after), Refused: &satra.Refusal{
			Secret: r.Secret, Window: 30 * time.Second, Limit: 3,
			End: satra.End{At: k.at(after), Reason: satra.ReasonStolen, Actor: "satra"},
		}}
	}
	for _, after := range []time.Duration{0, time.Second, 29 * time.Second} {
		k.apply(r.ID, refusal(after))
		if old := k.retired(r.ID); old.Refused != 1 || !old.RefusedAt.Equal(k.t0) {
			k.Errorf("after refusals within one window: counted %d", old.Refused)
		}
	}
	k.apply(r.ID, refusal(30*time.Second))
	unknown := refusal(time.Minute)
	unknown.Refused.Secret = hash()
	k.apply(r.ID, unknown) // is no secret of this session: nobody can be locked out with it
	if old, over := k.retired(r.ID), k.find(r.ID).Ended != nil; old.Refused != 2 || over {
		k.Errorf("after refusals in two windows: counted %d, ended %v", old.Refused, over)
	}

	notices := k.watch(k.s)
	var ended, refused atomic.Int32
	race(times(8, func(int) {
		result, err := k.s.Apply(k.Context(), r.ID, refusal(2*time.Minute))
		if err == nil && result.Record != nil && result.Record.Ended != nil {
			ended.Add(1)
		} else if err != nil {
			refused.Add(1)
		}
	})...)
	if ended.Load() != 1 || refused.Load() != 7 {
		k.Errorf("of 8 callers that brought the third refusal %d ended the session and %d were refused, want 1 and 7", ended.Load(), refused.Load())
	}
	if got := k.find(r.ID); got.Ended == nil || got.Ended.Reason != satra.ReasonStolen {
		k.Errorf("after the third refusal: %s", show(got.Ended))
	}
	k.announced(notices, map[satra.ID]satra.Reason{r.ID: satra.ReasonStolen})
}

// everyEndIsAnnounced looks that each way to end tells the watchers once, and
// that a watcher ends with its context.
func everyEndIsAnnounced(k *kit) {
	k.announcements(k.s)
}

func (k *kit) announcements(watching satra.Store) {
	notices := k.watch(watching)
	want := map[satra.ID]satra.Reason{}

	plain := k.create(nil)
	k.apply(plain.ID, k.end(0, satra.ReasonSignedOut))
	want[plain.ID] = satra.ReasonSignedOut
	k.refused(plain.ID, k.end(0, satra.ReasonSignedOut), satra.ErrEnded) // tells nobody anything

	for i := range 3 {
		want[k.signIn("alice", time.Duration(i)*time.Second)] = satra.ReasonElsewhere
	}
	k.endAll(satra.Ending{Principal: "alice"})

	oldest := k.signIn("bob", 0)
	id, c := k.attempt("bob")
	c.SignIn.Limit, c.SignIn.EndOldest, c.SignIn.LimitEnd = 1, true, satra.End{At: k.t0, Reason: satra.ReasonLimit}
	k.apply(id, c)
	want[oldest] = satra.ReasonLimit

	k.endAll(satra.Ending{Everybody: true, End: satra.End{At: k.t0, Reason: satra.ReasonAdministrator}})
	want[id] = satra.ReasonAdministrator
	k.announced(notices, want)
}

// A watching is a Watch under way.
type watching struct {
	notices chan satra.Notice
	over    chan error
	cancel  func()
}

// announced waits until the watcher was told of these ends, each once and of no
// other, and then ends it.
func (k *kit) announced(w watching, want map[satra.ID]satra.Reason) {
	k.Helper()
	// The last end is one of the case's own: what came before it has come.
	last := k.create(nil)
	k.apply(last.ID, k.end(0, satra.ReasonReplaced))
	got := map[satra.ID]satra.Reason{}
	for {
		n := await(k, w.notices, fmt.Sprintf("the notices of %d ends, with %d of them here", len(want)+1, len(got)))
		if n.Gap {
			continue
		}
		if n.ID == last.ID {
			break
		}
		if _, twice := got[n.ID]; twice {
			k.Errorf("an end was announced twice")
		}
		got[n.ID] = n.Reason
	}
	for id, why := range want {
		if got[id] != why {
			k.Errorf("a session ended as %q was announced as %q", why, got[id])
		}
	}
	if len(got) != len(want) {
		k.Errorf("%d ends were announced, want %d", len(got), len(want))
	}
	w.cancel()
	if err := await(k, w.over, "the end of Watch after its context's"); err == nil {
		k.Errorf("Watch ended with no error, want its context's")
	}
}
