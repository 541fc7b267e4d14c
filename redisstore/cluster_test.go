package redisstore_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/storetest"
)

// TestCluster runs the suite on three primaries: every command is in one slot,
// or the server refuses it.
func TestCluster(t *testing.T) {
	servers := testserver.StartRedisCluster(t)
	prefixOf := map[satra.Store]string{}
	open := func(t storetest.TB, at int, prefix string) satra.Store {
		t.Helper()
		s, err := redisstore.Open(t.Context(), servers[at].URL(), &redisstore.Options{Prefix: prefix, MaxRecord: 2 << 20, Timeout: 20 * time.Second})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(s.Close)
		prefixOf[s] = prefix
		return s
	}
	h := storetest.Harness{
		Open:   func(t storetest.TB) satra.Store { return open(t, 0, rand.Text()+":") },
		Node:   func(t storetest.TB, s satra.Store) satra.Store { return open(t, 1, prefixOf[s]) },
		Rounds: 20,
	}
	for _, c := range storetest.Cases() {
		// The notices of several primaries have no order among them, which the
		// cases of promise 25 go by.
		if c.Lacks(h) == "" && c.Promise != 25 {
			t.Run(c.String(), func(t *testing.T) { c.Run(t, h) })
		}
	}
	t.Run("EndsAreAnnounced", func(t *testing.T) { endsAreAnnounced(t, h) })
}

// endsAreAnnounced ends sessions of all primaries on one node, and hears of each
// on another.
func endsAreAnnounced(t *testing.T, h storetest.Harness) {
	here := h.Open(t)
	there := h.Node(t, here)
	notices := make(chan satra.Notice, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- there.Watch(ctx, func(n satra.Notice) { notices <- n }) }()
	if n := <-notices; !n.Gap {
		t.Fatalf("the first notice is %+v, want a Gap", n)
	}
	now, err := here.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now = now.Truncate(satra.Precision)
	want := map[satra.ID]bool{}
	for i := range 64 {
		r := &satra.Record{ID: satra.ID{byte(4 * i), 1}, Generation: 1, Version: 1, Created: now, Begun: now, Seen: now, Idle: time.Hour, Lifetime: time.Hour}
		if err := here.Create(t.Context(), r); err != nil {
			t.Fatalf("Create: %v", err)
		}
		end := &satra.End{At: now, Reason: satra.ReasonSignedOut}
		if _, err := here.Apply(t.Context(), r.ID, &satra.Change{At: now, End: end}); err != nil {
			t.Fatalf("an end: %v", err)
		}
		want[r.ID] = true
	}
	for len(want) > 0 {
		n := <-notices
		if !want[n.ID] || n.Reason != satra.ReasonSignedOut {
			t.Fatalf("got notice %+v, want those of the ends, each once", n)
		}
		delete(want, n.ID)
	}
	cancel()
	<-over
}
