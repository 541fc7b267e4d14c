package storetest

import (
	"fmt"
	"time"

	"github.com/satra-sessions/satra"
)

func lastSeenIsMonotone(k *kit) {
	for range k.h.Rounds {
		id := k.create(nil).ID
		race(times(8, func(i int) {
			c := k.touch(time.Duration((i*5)%8) * time.Second)
			if i%2 == 0 {
				c.Device = &satra.Device{UserAgent: fmt.Sprint("Browser/", (i*5)%8)}
			}
			if i == 3 {
				c.Set = []satra.Value{{Key: "a", Data: []byte("1")}}
			}
			if _, err := k.s.Apply(k.Context(), id, c); err != nil {
				k.Errorf("a touch: %v", err)
			}
		})...)
		if got := k.find(id); !got.Seen.Equal(k.at(7 * time.Second)) {
			k.Fatalf("last seen %v after t0, want the latest of all touches, 7 s", got.Seen.Sub(k.t0))
		}
	}
	r := k.create(nil)
	late := k.touch(10 * time.Second)
	late.Device = &satra.Device{UserAgent: "late"}
	early := k.touch(5 * time.Second)
	early.Device = &satra.Device{UserAgent: "early"}
	k.apply(r.ID, late)
	k.apply(r.ID, early)
	if got := k.find(r.ID); !got.Seen.Equal(late.Seen) || got.LastDevice != *late.Device {
		k.Errorf("after a late writer: seen %v, by %+v; want what the newer touch said", got.Seen, got.LastDevice)
	}
	if got := k.find(r.ID); got.FirstDevice != someDevice {
		k.Errorf("a touch changed the device of the session's beginning to %+v", got.FirstDevice)
	}
}

// theEdgesOfTime looks a microsecond before, at and after each end by time.
func theEdgesOfTime(k *kit) {
	for what, edit := range map[string]func(*satra.Record){
		"idle":      func(r *satra.Record) { r.Idle, r.Lifetime = 10*time.Minute, time.Hour },
		"lifetime":  func(r *satra.Record) { r.Idle, r.Lifetime = time.Hour, 10*time.Minute },
		"not after": func(r *satra.Record) { r.NotAfter = k.at(10 * time.Minute) },
	} {
		for _, side := range []time.Duration{-satra.Precision, 0, satra.Precision} {
			after := 10*time.Minute + side
			for kind, c := range map[string]*satra.Change{
				"a touch": k.touch(after), "a set": k.set(after, "a", "1"), "an end": k.end(after, satra.ReasonSignedOut),
				"a sign-in": {At: k.at(after), SignIn: &satra.Binding{Principal: "alice", Secret: hash()}},
			} {
				r := k.create(edit)
				_, err := k.s.Apply(k.Context(), r.ID, c)
				if side < 0 && err != nil {
					k.Errorf("%s, %v from the edge: %s: %v", what, side, kind, err)
				}
				if side >= 0 {
					k.refused(r.ID, c, satra.ErrEnded)
					k.same(fmt.Sprintf("%s, %v from the edge, after %s", what, side, kind), k.at(after), k.find(r.ID), r)
				}
			}
		}
	}
}

func nothingExtendsTheAbsoluteEnd(k *kit) {
	r := k.create(func(r *satra.Record) { r.Idle, r.Lifetime = 10*time.Minute, 30*time.Minute })
	for after := 9 * time.Minute; after < 30*time.Minute; after += 9 * time.Minute {
		k.apply(r.ID, k.touch(after))
	}
	k.apply(r.ID, k.touch(30*time.Minute-satra.Precision))
	k.refused(r.ID, k.touch(30*time.Minute), satra.ErrEnded)

	// A sign-in begins a new lifetime, and leaves a further end where it was.
	signed := k.create(func(r *satra.Record) {
		r.Idle, r.Lifetime, r.NotAfter = 30*time.Minute, 30*time.Minute, k.at(55*time.Minute)
	})
	k.apply(signed.ID, &satra.Change{At: k.at(29 * time.Minute), SignIn: &satra.Binding{Principal: "alice", Secret: hash()}})
	k.apply(signed.ID, k.touch(54*time.Minute))
	k.refused(signed.ID, k.touch(55*time.Minute), satra.ErrEnded)
}

func neverExpiringCanBeEnded(k *kit) {
	r := k.create(func(r *satra.Record) { r.Idle, r.Lifetime = satra.Never, satra.Never })
	other := k.create(func(r *satra.Record) { r.Idle, r.Lifetime = satra.Never, satra.Never })
	century := 100 * 365 * 24 * time.Hour
	k.apply(r.ID, k.touch(century))
	if got := k.live("", century); !got[r.ID] || !got[other.ID] {
		k.Errorf("in a hundred years: listed %v and %v, want both", got[r.ID], got[other.ID])
	}
	if k.s.Features().Retention == 0 {
		if n, err := k.s.Sweep(k.Context(), k.at(century), 10); n != 0 || err != nil {
			k.Errorf("Sweep: got %d, %v; want nothing", n, err)
		}
	}
	k.apply(r.ID, k.end(century, satra.ReasonAdministrator))
	k.refused(r.ID, k.touch(century), satra.ErrEnded)
	// Limits can be given up, and set again.
	k.apply(other.ID, &satra.Change{At: k.t0, Idle: time.Minute})
	k.refused(other.ID, k.touch(time.Minute), satra.ErrEnded)
}

func overIsInvisible(k *kit) {
	alice := "alice"
	live := k.signIn(alice, 0)
	ended := k.signIn(alice, 0)
	k.apply(ended, k.end(time.Second, satra.ReasonAdministrator))
	expired := k.signIn(alice, 0)
	k.apply(expired, &satra.Change{At: k.t0, Idle: 5 * time.Minute})
	anonymous := k.create(func(r *satra.Record) { r.Idle = 5 * time.Minute })

	at := 5 * time.Minute
	for what, q := range map[string]satra.Query{"all": {}, "the principal": {Principal: &alice}} {
		q.At = k.at(at)
		if got := ids(k.list(q)); len(got) != 1 || !got[live] {
			k.Errorf("%s, live: got %d records, want the live one", what, len(got))
		}
		q.Ended = true
		over := k.list(q)
		want := map[satra.ID]satra.Reason{ended: satra.ReasonAdministrator, expired: satra.ReasonIdle}
		if q.Principal == nil {
			want[anonymous.ID] = satra.ReasonIdle
		}
		if len(over) != len(want) {
			k.Errorf("%s, over: got %d records, want %d", what, len(over), len(want))
		}
		for _, r := range over {
			if end := r.Over(q.At); end == nil || end.Reason != want[r.ID] {
				k.Errorf("%s, over: got %+v, want the reason %q", what, end, want[r.ID])
			}
		}
		q.At = k.at(at - satra.Precision)
		if got := ids(k.list(q)); len(got) != 1 || !got[ended] {
			k.Errorf("%s, over, a microsecond earlier: got %d records, want the ended one", what, len(got))
		}
	}
	for _, id := range []satra.ID{ended, expired, anonymous.ID} {
		if k.find(id).Live(k.at(at)) {
			k.Errorf("Find: a session that is over is live")
		}
	}
	// What is over takes no place under the limit, either.
	id, c := k.attempt(alice)
	c.At, c.SignIn.Limit = k.at(at), 2
	k.apply(id, c)
	id, c = k.attempt(alice)
	c.At, c.SignIn.Limit = k.at(at), 2
	k.refused(id, c, satra.ErrLimit)
}
