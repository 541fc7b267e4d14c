package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/satra-sessions/satra"
)

// changesMeanWhatWithSays makes random changes, one after the other, and holds
// the store's record and answer against those of Record.With after each.
func changesMeanWhatWithSays(k *kit) {
	for seed := range uint64(max(1, k.h.Rounds/10)) {
		rng := rand.New(rand.NewPCG(seed, 26))
		model := k.create(nil)
		now := time.Duration(0)
		for step := range 60 {
			now += time.Duration(rng.IntN(int(40*time.Second/time.Microsecond))) * time.Microsecond
			c := k.randomChange(rng, model, now)
			want, wantErr := model.With(c)
			result, err := k.s.Apply(k.Context(), model.ID, c)
			if !errors.Is(err, wantErr) {
				k.Fatalf("seed %d, step %d: Apply(%s): got error %v, want %v", seed, step, describe(c), err, wantErr)
			}
			switch {
			case wantErr != nil:
				want = model
				if !c.TouchOnly() || c.Return {
					k.same("the record that comes with the error", c.At, result.Record, want)
				}
			case c.Return || c.Refused != nil && want.Ended != nil:
				k.same("the record that was asked for", c.At, result.Record, want)
			}
			if d := difference(c.At, k.find(model.ID), want); d != "" {
				k.Fatalf("seed %d, step %d: after Apply(%s): %s", seed, step, describe(c), d)
			}
			model = want
		}
	}
}

// randomChange is a change that often applies, and sometimes does not.
func (k *kit) randomChange(rng *rand.Rand, r *satra.Record, now time.Duration) *satra.Change {
	c := &satra.Change{At: k.at(now), Return: rng.IntN(3) == 0}
	if rng.IntN(10) == 0 {
		c.IfGeneration = new(r.Generation + uint32(rng.IntN(8)/7))
	}
	if rng.IntN(10) == 0 {
		c.IfPrincipal = new([]string{r.Principal, "mallory"}[rng.IntN(8)/7])
	}
	key := func() string { return string(rune('a' + rng.IntN(4))) }
	switch n := rng.IntN(20); {
	case n < 6:
		for range rng.IntN(3) + 1 {
			v := satra.Value{Key: key(), Data: fmt.Append(nil, rng.IntN(1000))}
			if !slices.ContainsFunc(c.Set, func(o satra.Value) bool { return o.Key == v.Key }) {
				c.Set = append(c.Set, v)
			}
		}
		if rng.IntN(3) == 0 {
			c.Delete = []string{key()}
		}
		if rng.IntN(3) == 0 {
			v, _ := r.Value(c.Set[0].Key)
			c.IfRev = []satra.Rev{{Key: c.Set[0].Key, Rev: v.Rev + uint64(rng.IntN(4)/3)}}
		}
	case n < 8:
		c.Delete = []string{key(), "z"}
	case n < 11:
		c.Seen = k.at(now - time.Duration(rng.IntN(30))*time.Second)
		if rng.IntN(2) == 0 {
			c.Device = &satra.Device{UserAgent: fmt.Sprint("Browser/", rng.IntN(9)), Addr: "192.0.2.9"}
		}
	case n < 14:
		c.Renew = &satra.Renew{Old: r.Secret, New: hash(), Successor: []byte("sealed\x00"), Keep: rng.IntN(4)}
		if rng.IntN(5) == 0 {
			c.Renew.Old = hash()
		}
	case n < 15:
		c.Shown = &r.Secret
	case n < 17:
		c.Refused = &satra.Refusal{Secret: r.Secret, Window: 30 * time.Second, Limit: 3, End: satra.End{At: c.At, Reason: satra.ReasonStolen}}
		if len(r.Retired) > 0 {
			c.Refused.Secret = r.Retired[rng.IntN(len(r.Retired))].Secret
		}
	case n < 18:
		c.Idle, c.Lifetime = time.Duration(rng.IntN(3)-1)*time.Hour, time.Duration(rng.IntN(3)*13-1)*time.Hour
		c.Idle, c.Lifetime = max(c.Idle, satra.Never), max(c.Lifetime, satra.Never)
		if rng.IntN(4) == 0 {
			c.NotAfter = k.at(now + 20*time.Hour)
		}
	default:
		b := &satra.Binding{Principal: "alice\x00", Method: "passkey", Secret: hash(), Keep: []string{"a", "b"}, Again: r.Principal != ""}
		if rng.IntN(8) == 0 {
			b.Again, b.Principal = true, "mallory"
		}
		b.Seed[0] = byte(rng.IntN(256))
		c.SignIn = b
		c.Set = []satra.Value{{Key: key(), Data: []byte("signed")}}
	}
	if rng.IntN(60) == 0 {
		c.End = &satra.End{At: c.At, Reason: satra.ReasonSignedOut, Actor: "alice\x00"}
	}
	return c
}

// kinds are changes of every kind.
func (k *kit) kinds(r *satra.Record) map[string]*satra.Change {
	return map[string]*satra.Change{
		"a touch":   k.touch(time.Minute),
		"a set":     k.set(time.Minute, "late", "1"),
		"a delete":  {At: k.at(time.Minute), Delete: []string{"a"}},
		"an extend": {At: k.at(time.Minute), Seen: k.at(time.Minute), Idle: 2 * time.Hour, Return: true},
		"a renewal": {At: k.at(time.Minute), Renew: &satra.Renew{Old: r.Secret, New: hash(), Successor: []byte("s"), Keep: 1}},
		"a sign-in": {At: k.at(time.Minute), SignIn: &satra.Binding{Principal: "alice", Method: "password", Secret: hash()}},
		"an end":    k.end(time.Minute, satra.ReasonAdministrator),
	}
}

func updateNeverInserts(k *kit) {
	for what, c := range k.kinds(k.record()) {
		r := k.create(func(r *satra.Record) { r.Values = []satra.Value{{Key: "a", Data: []byte("1"), Rev: 1}} })
		if c.Renew != nil {
			c.Renew.Old = r.Secret
		}
		k.apply(r.ID, k.end(0, satra.ReasonSignedOut))
		ended := k.find(r.ID)
		result := k.refused(r.ID, c, satra.ErrEnded)
		if !c.TouchOnly() || c.Return {
			k.same(what+" of an ended session, its answer", k.t0, result.Record, ended)
		}
		k.same(what+" of an ended session", k.t0, k.find(r.ID), ended)
		if k.live("alice", 0)[r.ID] || k.live("", 0)[r.ID] {
			k.Errorf("%s of an ended session: it is live in a list", what)
		}
		if k.s.Features().Retention > 0 {
			continue
		}
		if _, err := k.s.Sweep(k.Context(), k.at(time.Second), 10); err != nil {
			k.Fatalf("Sweep: %v", err)
		}
		k.refused(r.ID, c, satra.ErrNotFound)
		if _, err := k.s.Find(k.Context(), r.ID, satra.Fresh); !errors.Is(err, satra.ErrNotFound) {
			k.Errorf("%s of a session that was swept: Find: got error %v, want ErrNotFound", what, err)
		}
	}
}

func endedWinsEveryRace(k *kit) {
	for range k.h.Rounds {
		id := k.create(nil).ID
		r := k.find(id)
		var all []func()
		for what, c := range k.kinds(r) {
			if c.End != nil {
				continue
			}
			all = append(all, func() {
				if _, err := k.s.Apply(k.Context(), id, c); err != nil && !errors.Is(err, satra.ErrEnded) && !errors.Is(err, satra.ErrConflict) {
					k.Errorf("%s racing an end: %v", what, err)
				}
			})
		}
		all = append(all, func() {
			if _, err := k.s.Apply(k.Context(), id, k.end(0, satra.ReasonSignedOut)); err != nil {
				k.Errorf("an end racing changes: %v", err)
			}
		})
		race(all...)
		got := k.find(id)
		if got.Ended == nil || got.Ended.Reason != satra.ReasonSignedOut || len(got.Values) > 0 || got.Seed != (satra.Seed{}) {
			k.Fatalf("after an end was acknowledged: ended %v, with %d values", got.Ended != nil, len(got.Values))
		}
		for _, old := range got.Retired {
			if old.Seed != nil || old.Successor != nil {
				k.Fatalf("an ended record keeps a retired seed or successor")
			}
		}
		if k.live(got.Principal, 0)[id] {
			k.Fatalf("an ended session is live in a list")
		}
		k.refused(id, k.touch(0), satra.ErrEnded)
	}
}

func oneOfManyEndersSucceeds(k *kit) {
	for range k.h.Rounds {
		id := k.create(nil).ID
		if _, err := k.s.Apply(k.Context(), id, k.set(0, "a", "1")); err != nil {
			k.Fatalf("Apply: %v", err)
		}
		var results tally
		race(times(6, func(i int) {
			_, err := k.s.Apply(k.Context(), id, k.end(time.Duration(i)*time.Second, satra.ReasonSignedOut))
			results.add(k, err, satra.ErrEnded)
		})...)
		if results.counts[nil] != 1 {
			k.Fatalf("%d of 6 callers ended the session, want 1", results.counts[nil])
		}
	}
}

func differentKeysBothSurvive(k *kit) {
	for range k.h.Rounds {
		id := k.create(nil).ID
		const writers = 8
		race(times(writers, func(i int) {
			for n := range 3 {
				if _, err := k.s.Apply(k.Context(), id, k.set(0, fmt.Sprint("key", i), strconv.Itoa(n))); err != nil {
					k.Errorf("Apply: %v", err)
				}
			}
		})...)
		got := k.find(id)
		revs := map[uint64]bool{}
		for i := range writers {
			v, ok := got.Value(fmt.Sprint("key", i))
			if !ok || string(v.Data) != "2" {
				k.Fatalf("key %d: got %q, %v; want the writer's last value", i, v.Data, ok)
			}
			revs[v.Rev] = true
		}
		if got.Version != 1+3*writers || len(revs) != writers {
			k.Fatalf("after %d changes: version %d, %d different revisions of %d keys", 3*writers, got.Version, len(revs), writers)
		}
	}
}

func noIncrementIsLost(k *kit) {
	for range k.h.Rounds {
		id := k.create(nil).ID
		const callers, each = 4, 5
		race(times(callers, func(int) {
			for range each {
				k.increment(id)
			}
		})...)
		if v, _ := k.find(id).Value("n"); string(v.Data) != strconv.Itoa(callers*each) {
			k.Fatalf("after %d increments: got %q", callers*each, v.Data)
		}
	}
}

// increment adds one to a value as Key.Update does: it reads the version, and
// tries again on a conflict with what the conflict brought.
func (k *kit) increment(id satra.ID) {
	r, err := k.s.Find(k.Context(), id, satra.Fresh)
	for err == nil {
		v, _ := r.Value("n")
		n, _ := strconv.Atoi(string(v.Data))
		c := k.set(0, "n", strconv.Itoa(n+1))
		c.IfRev = []satra.Rev{{Key: "n", Rev: v.Rev}}
		result, applyErr := k.s.Apply(k.Context(), id, c)
		if !errors.Is(applyErr, satra.ErrConflict) {
			err = applyErr
			break
		}
		if r = result.Record; r == nil {
			k.Errorf("a conflict came without the record as it stands")
			return
		}
	}
	if err != nil {
		k.Errorf("an increment: %v", err)
	}
}
