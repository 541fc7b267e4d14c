package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
)

// declarations holds a store to its features, and the harness to show them.
func declarations(k *kit) {
	f := k.s.Features()
	if f != k.s.Features() {
		k.Errorf("Features: %+v, and then %+v; they are constant", f, k.s.Features())
	}
	if f.Name == "" {
		k.Errorf("Features: no name")
	}
	if f.MaxRecord < 0 || f.Retention < 0 {
		k.Errorf("Features: a negative limit: %+v", f)
	}
	if f.Shared && k.h.Node == nil {
		k.Errorf("Features: the store declares that processes share it, and the harness has no Node to show it")
	}
	if f.Durable != satra.DurableNot && k.h.Restart == nil {
		k.Errorf("Features: the store declares that it is durable, and the harness has no Restart to show it")
	}
	before, err := k.s.Now(k.Context())
	after, err2 := k.s.Now(k.Context())
	if err := errors.Join(err, err2); err != nil || after.Before(before) {
		k.Errorf("Now: %v, and then %v, %v", before, after, err)
	}
}

// large is how many bytes a value may have here: 1 MiB, or what the store takes.
func (k *kit) large() int {
	if most := k.s.Features().MaxRecord; most > 0 {
		return min(1<<20, most-1024)
	}
	return 1 << 20
}

func writtenIsReadBack(k *kit) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	values := []satra.Value{
		{Key: "$core", Data: []byte{0}},
		{Key: "a", Data: nil},
		{Key: "a.b:c*", Data: all},
		{Key: "json", Data: []byte(`{"a":1,"a":2,"z":"\u0000","n":9007199254740993}`)},
		{Key: strings.Repeat("k", 256), Data: []byte("a long key")},
		{Key: "latin1", Data: []byte("\xe9\xff")},
		{Key: "ключ", Data: []byte("ü")},
	}
	for i := range values {
		values[i].Rev = 1
	}
	made := k.create(func(r *satra.Record) {
		r.Values = values
		r.Idle, r.Lifetime = 1*time.Microsecond+time.Hour, 23*time.Hour+7*time.Microsecond
		r.NotAfter = k.at(5*time.Hour + time.Microsecond)
		r.Created, r.Begun = k.at(-2*time.Hour), k.at(-time.Hour-time.Microsecond)
		r.FirstDevice = satra.Device{UserAgent: strings.Repeat("ü", 256), Addr: "192.0.2.1"}
	})
	k.same("a record that was created", k.t0, k.find(made.ID), made)

	bare := k.create(func(r *satra.Record) {
		r.FirstDevice, r.LastDevice, r.Idle, r.Lifetime = satra.Device{}, satra.Device{}, satra.Never, satra.Never
	})
	k.same("a record of which little is known", k.t0, k.find(bare.ID), bare)

	big := bytes.Repeat([]byte("0123456789abcde\n"), k.large()/16)
	c := &satra.Change{At: k.at(time.Second), Set: []satra.Value{{Key: "big", Data: big}}}
	k.apply(bare.ID, c)
	want, err := bare.With(c)
	if err != nil {
		k.Fatalf("With: %v", err)
	}
	k.same(fmt.Sprintf("a value of %d bytes", len(big)), k.t0, k.find(bare.ID), want)
}

func tooLargeIsRefusedWhole(k *kit) {
	most := k.s.Features().MaxRecord
	if most == 0 {
		return // the store declares that it takes any size
	}
	r := k.create(nil)
	k.apply(r.ID, k.set(0, "small", "1"))
	before := k.find(r.ID)
	big := satra.Value{Key: "big", Data: make([]byte, most+1)}
	k.refused(r.ID, &satra.Change{At: k.at(time.Second), Seen: k.at(time.Second), Set: []satra.Value{big, {Key: "small", Data: []byte("2")}}}, satra.ErrTooLarge)
	k.same("after a change that was too large", k.t0, k.find(r.ID), before)
	half := make([]byte, most*2/3)
	k.apply(r.ID, &satra.Change{At: k.t0, Set: []satra.Value{{Key: "half", Data: half}}})
	k.refused(r.ID, &satra.Change{At: k.t0, Set: []satra.Value{{Key: "other half", Data: half}}}, satra.ErrTooLarge)

	other := k.record()
	other.Values = []satra.Value{big}
	if err := k.s.Create(k.Context(), other); !errors.Is(err, satra.ErrTooLarge) {
		k.Errorf("Create: got error %v, want ErrTooLarge", err)
	}
	if _, err := k.s.Find(k.Context(), other.ID, satra.Fresh); !errors.Is(err, satra.ErrNotFound) {
		k.Errorf("Find of what was not created: got error %v, want ErrNotFound", err)
	}
}

func unknownIsNotFound(k *kit) {
	known := k.create(nil)
	for _, id := range []satra.ID{{}, {0: 1}, {15: 1}, satra.ID(bytes.Repeat([]byte{0xff}, 16)), k.record().ID, near(known.ID)} {
		r, err := k.s.Find(k.Context(), id, satra.Fresh)
		if !errors.Is(err, satra.ErrNotFound) || errors.Is(err, satra.ErrUnavailable) || r != nil {
			k.Errorf("Find(%x): got record %v, error %v; want ErrNotFound", id, r != nil, err)
		}
		for _, c := range []*satra.Change{k.touch(0), k.set(0, "a", "1"), k.end(0, satra.ReasonSignedOut)} {
			k.refused(id, c, satra.ErrNotFound)
		}
	}
	if n := len(k.list(satra.Query{})); n != 1 {
		k.Errorf("got %d records, want the one that was created", n)
	}
}

// near is an ID that differs in its last bit.
func near(id satra.ID) satra.ID {
	id[15] ^= 1
	return id
}

func createNeverOverwrites(k *kit) {
	live := k.create(nil)
	ended := k.create(nil)
	k.apply(ended.ID, k.end(0, satra.ReasonSignedOut))
	expired := k.create(func(r *satra.Record) { r.Idle, r.Seen = time.Minute, k.at(-time.Minute) })
	for what, id := range map[string]satra.ID{"live": live.ID, "ended": ended.ID, "expired": expired.ID} {
		before := k.find(id)
		again := k.record()
		again.ID = id
		if err := k.s.Create(k.Context(), again); !errors.Is(err, satra.ErrExists) {
			k.Errorf("Create of the ID of a record that is %s: got error %v, want ErrExists", what, err)
		}
		k.same("a record that is "+what+", created again", k.t0, k.find(id), before)
	}
	if err := k.s.Create(k.Context(), func() *satra.Record { r := k.record(); r.Principal = "alice"; return r }()); err == nil {
		k.Errorf("Create took a record with a principal: only a sign-in binds one")
	}
}

func oneOfManyCreatesWins(k *kit) {
	for range k.h.Rounds {
		all := make([]*satra.Record, 8)
		for i := range all {
			all[i] = k.record()
			all[i].ID = all[0].ID
		}
		var results tally
		winner := make(chan *satra.Record, len(all))
		race(times(len(all), func(i int) {
			err := k.s.Create(k.Context(), all[i])
			results.add(k, err, satra.ErrExists)
			if err == nil {
				winner <- all[i]
			}
		})...)
		if results.counts[nil] != 1 {
			k.Fatalf("%d of %d callers created the same ID, want 1", results.counts[nil], len(all))
		}
		k.same("the record of the one that won", k.t0, k.find(all[0].ID), <-winner)
	}
}

func removingLeavesNoResidue(k *kit) {
	r := k.create(nil)
	k.apply(r.ID, k.set(0, "gone", "1"))
	k.apply(r.ID, &satra.Change{At: k.t0, Delete: []string{"gone", "was never there"}})
	got := k.find(r.ID)
	if len(got.Values) != 0 {
		k.Errorf("after its one key was deleted the record has values: %v", got.Values)
	}
	k.apply(r.ID, &satra.Change{At: k.t0, IfRev: []satra.Rev{{Key: "gone"}}, Set: []satra.Value{{Key: "gone", Data: []byte("2")}}})
	// Whoever read the first value must not take the second for it.
	k.refused(r.ID, &satra.Change{At: k.t0, IfRev: []satra.Rev{{Key: "gone", Rev: 2}}, Delete: []string{"gone"}}, satra.ErrConflict)
	k.apply(r.ID, k.end(0, satra.ReasonSignedOut))
	if got = k.find(r.ID); len(got.Values) != 0 || got.Seed != (satra.Seed{}) {
		k.Errorf("an ended record has %d values, and a seed: %v", len(got.Values), got.Seed != satra.Seed{})
	}
	if k.s.Features().Retention > 0 {
		return // the server removes it, when its time has come
	}
	if n, err := k.s.Sweep(k.Context(), k.at(time.Second), 10); n != 1 || err != nil {
		k.Errorf("Sweep: got %d, %v; want 1", n, err)
	}
	if _, err := k.s.Find(k.Context(), r.ID, satra.Fresh); !errors.Is(err, satra.ErrNotFound) {
		k.Errorf("Find of what was swept: got error %v, want ErrNotFound", err)
	}
	if err := k.s.Create(k.Context(), r); err != nil {
		k.Errorf("Create of the ID of what was swept: %v", err)
	}
	k.same("a record with the ID of one that was swept", k.t0, k.find(r.ID), r)
}

func opaqueValuesSurvive(k *kit) {
	sealed := []byte("\x00\xffnot JSON at all, sealed by a key that is not here\"{")
	r := k.create(func(r *satra.Record) { r.Values = []satra.Value{{Key: "sealed", Data: sealed, Rev: 1}} })
	_, signIn := k.attempt("alice")
	signIn.SignIn.Keep = []string{"sealed"}
	again := *signIn.SignIn
	again.Again, again.Secret = true, hash()
	for what, c := range map[string]*satra.Change{
		"a write to another key": k.set(0, "other", "1"),
		"a touch":                k.touch(time.Second),
		"new limits":             {At: k.t0, Idle: 2 * time.Hour},
		"a renewal":              {At: k.t0, Renew: &satra.Renew{Old: r.Secret, New: hash(), Successor: []byte("s"), Keep: 1}},
	} {
		k.apply(r.ID, c)
		k.stillThere("after "+what, r.ID, sealed)
	}
	k.apply(r.ID, signIn)
	k.stillThere("after a sign-in that it survives", r.ID, sealed)
	k.apply(r.ID, &satra.Change{At: k.t0, SignIn: &again})
	k.stillThere("after a fresh proof", r.ID, sealed)
}

func (k *kit) stillThere(what string, id satra.ID, data []byte) {
	k.Helper()
	if v, ok := k.find(id).Value("sealed"); !ok || !bytes.Equal(v.Data, data) || v.Rev != 1 {
		k.Errorf("%s: got value %q of version %d, %v; want it as it was", what, v.Data, v.Rev, ok)
	}
}

func cancelledIsOldOrNew(k *kit) {
	gone, cancel := context.WithCancel(k.Context())
	cancel()
	r := k.create(nil)
	before := k.find(r.ID)
	if err := k.s.Create(gone, k.record()); err == nil {
		k.Errorf("Create with a cancelled context: got no error")
	}
	if _, err := k.s.Find(gone, r.ID, satra.Fresh); err == nil {
		k.Errorf("Find with a cancelled context: got no error")
	}
	if _, err := k.s.Apply(gone, r.ID, k.set(0, "a", "1")); err == nil {
		k.Errorf("Apply with a cancelled context: got no error")
	}
	if _, err := k.s.EndAll(gone, satra.Ending{At: k.t0, Everybody: true, End: satra.End{At: k.t0, Reason: satra.ReasonAdministrator}}); err == nil {
		k.Errorf("EndAll with a cancelled context: got no error")
	}
	k.same("after calls with a cancelled context", k.t0, k.find(r.ID), before)

	for round := range k.h.Rounds {
		old := k.find(r.ID)
		c := &satra.Change{At: k.t0, Seen: k.at(time.Duration(round+1) * time.Millisecond), Set: []satra.Value{
			{Key: "a", Data: fmt.Append(nil, round)}, {Key: "b", Data: fmt.Append(nil, round)},
		}}
		whole, err := old.With(c)
		if err != nil {
			k.Fatalf("With: %v", err)
		}
		ctx, cancel := context.WithCancel(k.Context())
		var answer error
		race(cancel, func() { _, answer = k.s.Apply(ctx, r.ID, c) })
		got := k.find(r.ID)
		isOld, isNew := difference(k.t0, got, old) == "", difference(k.t0, got, whole) == ""
		if !isNew && (!isOld || answer == nil) {
			k.Fatalf("a change that was cancelled meanwhile, and answered %v, is neither old nor new: %s", answer, difference(k.t0, got, whole))
		}
	}
}

func listsTellNoSecret(k *kit) {
	id := k.signIn("alice", 0)
	k.apply(id, k.set(0, "a", "1"))
	k.apply(id, &satra.Change{At: k.t0, Renew: &satra.Renew{Old: k.find(id).Secret, New: hash(), Successor: []byte("s"), Keep: 1}})
	k.create(nil)
	over := k.create(nil)
	k.apply(over.ID, k.end(0, satra.ReasonSignedOut))
	alice := "alice"
	for _, q := range []satra.Query{{}, {Principal: &alice}, {Ended: true}} {
		records := k.list(q)
		if len(records) == 0 {
			k.Errorf("List(%+v): nothing", q)
		}
		for _, r := range records {
			if len(r.Values) > 0 || r.Secret != (satra.Hash{}) || r.Seed != (satra.Seed{}) || len(r.Retired) > 0 {
				k.Errorf("List(%+v) tells values, a hash or a seed", q)
			}
			whole := *k.find(r.ID)
			whole.Values, whole.Secret, whole.Seed, whole.Retired = nil, satra.Hash{}, satra.Seed{}, nil
			k.same("a record in a list, but for its secrets", k.t0, r, &whole)
		}
	}
}
