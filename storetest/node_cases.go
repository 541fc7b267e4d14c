package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/satra-sessions/satra"
)

// readsSeeTheNodesOwnWrites reads what was just written, also with a read that
// may come from a cache.
func readsSeeTheNodesOwnWrites(k *kit) {
	id := k.create(nil).ID
	for i := range k.h.Rounds {
		if i%10 == 0 { // so that a cache has something to be stale with
			if _, err := k.s.Find(k.Context(), id, satra.Cacheable); err != nil {
				k.Fatalf("Find: %v", err)
			}
		}
		c := k.set(0, "n", strconv.Itoa(i))
		c.Return = i%2 == 0
		result := k.apply(id, c)
		if v, _ := valueOf(result.Record, "n"); c.Return && v != strconv.Itoa(i) {
			k.Fatalf("write %d came back as %q", i, v)
		}
		for _, f := range []satra.Freshness{satra.Cacheable, satra.Fresh} {
			r, err := k.s.Find(k.Context(), id, f)
			if v, _ := valueOf(r, "n"); err != nil || v != strconv.Itoa(i) {
				k.Fatalf("after write %d: read %q, %v", i, v, err)
			}
		}
	}
	k.apply(id, k.end(0, satra.ReasonSignedOut))
	if r, err := k.s.Find(k.Context(), id, satra.Cacheable); err != nil || r.Ended == nil {
		k.Errorf("after an end: Find: live, %v", err)
	}
}

func valueOf(r *satra.Record, key string) (string, bool) {
	if r == nil {
		return "", false
	}
	v, ok := r.Value(key)
	return string(v.Data), ok
}

func nodesSeeEachOther(k *kit) {
	other := k.h.Node(k, k.s)
	for round := range k.h.Rounds {
		here, there := k.s, other
		if round%2 == 1 {
			here, there = there, here
		}
		r := k.record()
		if err := here.Create(k.Context(), r); err != nil {
			k.Fatalf("Create: %v", err)
		}
		got, err := there.Find(k.Context(), r.ID, satra.Fresh)
		if err != nil {
			k.Fatalf("Find on the other node: %v", err)
		}
		k.same("a record on the other node", k.t0, got, r)
		if _, err := there.Apply(k.Context(), r.ID, k.end(0, satra.ReasonSignedOut)); err != nil {
			k.Fatalf("Apply on the other node: %v", err)
		}
		if _, err := here.Apply(k.Context(), r.ID, k.set(0, "late", "1")); !errors.Is(err, satra.ErrEnded) {
			k.Fatalf("a change after the other node's end: got error %v, want ErrEnded", err)
		}
	}
}

// watch begins to watch, and returns when that is in force.
func (k *kit) watch(s satra.Store) watching {
	k.Helper()
	ctx, cancel := context.WithCancel(k.Context())
	w := watching{notices: make(chan satra.Notice, 10_000), over: make(chan error, 1), cancel: cancel}
	k.Cleanup(cancel)
	go func() { w.over <- s.Watch(ctx, func(n satra.Notice) { w.notices <- n }) }()
	if n := await(k, w.notices, "the notice with Gap that comes first"); !n.Gap {
		k.Errorf("the first notice has no Gap: %+v", n)
	}
	return w
}

func endsAreAnnouncedElsewhere(k *kit) { k.announcements(k.h.Node(k, k.s)) }

func downIsUnavailable(k *kit) {
	r := k.create(nil)
	before := k.find(r.ID)
	up := k.h.Down(k, k.s)
	ctx := k.Context()
	for what, call := range map[string]func() error{
		"Create":    func() error { return k.s.Create(ctx, k.record()) },
		"Find":      func() error { _, err := k.s.Find(ctx, r.ID, satra.Fresh); return err },
		"Apply":     func() error { _, err := k.s.Apply(ctx, r.ID, k.touch(time.Minute)); return err },
		"Principal": func() error { _, err := k.s.Principal(ctx, "alice"); return err },
		"List":      func() error { _, err := k.s.List(ctx, satra.Query{At: k.t0, Limit: 10}); return err },
		"EndAll": func() error {
			_, err := k.s.EndAll(ctx, satra.Ending{At: k.t0, Principal: "alice", End: satra.End{At: k.t0, Reason: satra.ReasonElsewhere}})
			return err
		},
	} {
		answer := make(chan error, 1)
		go func() { answer <- call() }()
		if err := await(k, answer, "the answer of "+what+" with the server down"); !errors.Is(err, satra.ErrUnavailable) {
			k.Errorf("%s with the server down: got error %v, want ErrUnavailable", what, err)
		}
	}
	up()
	// A change that was answered ErrUnavailable may have been made: a touch here.
	after := k.find(r.ID)
	after.Seen = before.Seen
	k.same("after the server came back", k.t0, after, before)
	k.apply(r.ID, k.set(0, "a", "1"))
}

func commandsAreCounted(k *kit) {
	r := k.create(nil)
	signed, limited := k.signIn("alice", 0), k.signIn("alice", 0)
	id, c := k.attempt("bob")
	over, oc := k.attempt("alice")
	oc.SignIn.Limit, oc.SignIn.EndOldest = 2, true
	oc.SignIn.LimitEnd = satra.End{At: k.t0, Reason: satra.ReasonLimit}
	// A script that is not loaded yet costs a command more, once.
	if _, err := k.s.Apply(k.Context(), r.ID, k.set(0, "a", "1")); err != nil {
		k.Fatalf("Apply: %v", err)
	}
	for _, op := range []struct {
		what string
		most int
		call func() error
	}{
		{"a find", 1, func() error { _, err := k.s.Find(k.Context(), r.ID, satra.Fresh); return err }},
		{"a touch", 1, func() error { _, err := k.s.Apply(k.Context(), r.ID, k.touch(time.Minute)); return err }},
		{"a commit", 1, func() error { _, err := k.s.Apply(k.Context(), r.ID, k.set(0, "b", "1")); return err }},
		{"a commit to a signed-in session", 1, func() error { _, err := k.s.Apply(k.Context(), signed, k.set(0, "b", "1")); return err }},
		{"an end", 1, func() error {
			_, err := k.s.Apply(k.Context(), r.ID, k.end(0, satra.ReasonSignedOut))
			return err
		}},
		{"a sign-in with its reading of the epoch", 4, func() error {
			_, err := k.s.Principal(k.Context(), "bob")
			if err == nil {
				_, err = k.s.Apply(k.Context(), id, c)
			}
			return err
		}},
		{"a sign-in that ends one", 5, func() error { _, err := k.s.Apply(k.Context(), over, oc); return err }},
	} {
		before := k.h.Commands(k.s)
		if err := op.call(); err != nil {
			k.Errorf("%s: %v", op.what, err)
		}
		if n := k.h.Commands(k.s) - before; n < 1 || n > op.most {
			k.Errorf("%s took %d commands, want 1 to %d", op.what, n, op.most)
		}
	}
	if a, b := k.find(signed).Ended != nil, k.find(limited).Ended != nil; a == b {
		k.Errorf("of two sessions under a limit of two a third sign-in ended %v and %v, want one", a, b)
	}
}

func acknowledgedSurvivesARestart(k *kit) {
	if k.s.Features().Durable == satra.DurableNot {
		k.Errorf("the harness has a Restart, and the store declares that it is not durable")
	}
	created := k.create(nil)
	changed := k.create(nil)
	k.apply(changed.ID, k.set(0, "a", "1"))
	renewed := k.create(nil)
	k.apply(renewed.ID, k.renewal(renewed.Secret, 0))
	ended := k.create(nil)
	k.apply(ended.ID, k.end(0, satra.ReasonSignedOut))
	signed := k.signIn("alice", 0)
	gone := k.signIn("bob", 0)
	k.endAll(satra.Ending{Principal: "bob", Access: satra.AccessDeny})
	state, _ := k.s.Principal(k.Context(), "bob")
	want := map[satra.ID]*satra.Record{}
	for _, id := range []satra.ID{created.ID, changed.ID, renewed.ID, ended.ID, signed, gone} {
		want[id] = k.find(id)
	}
	k.s = k.h.Restart(k, k.s)
	for id, r := range want {
		k.same("a record after a restart", k.t0, k.find(id), r)
	}
	if got := k.live("alice", 0); len(got) != 1 || !got[signed] {
		k.Errorf("after a restart the principal has %d live sessions, want 1", len(got))
	}
	if got, err := k.s.Principal(k.Context(), "bob"); err != nil || got != state {
		k.Errorf("after a restart: Principal: %+v, %v; want %+v", got, err, state)
	}
}
