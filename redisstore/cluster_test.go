package redisstore

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/storetest"
)

// A clusterWorld is a Cluster with stores on it. All go by the same three lines,
// one store's case after another's.
type clusterWorld struct {
	*testserver.RedisCluster
	options map[satra.Store]Options
}

func (w *clusterWorld) open(t storetest.TB, at int, o Options) satra.Store {
	t.Helper()
	s, err := Open(t.Context(), w.URLs()[at], &o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(s.Close)
	w.options[s] = o
	return s
}

func (w *clusterWorld) harness() storetest.Harness {
	return storetest.Harness{
		Open: func(t storetest.TB) satra.Store {
			return w.open(t, 0, Options{Prefix: rand.Text() + ":", MaxRecord: 2 << 20, Durable: satra.DurablePower, Timeout: 20 * time.Second})
		},
		Node: func(t storetest.TB, s satra.Store) satra.Store { return w.open(t, 1, w.options[s]) },
		Restart: func(t storetest.TB, s satra.Store) satra.Store {
			w.RedisCluster.Restart()
			return w.open(t, 2, w.options[s])
		},
		Down: func(storetest.TB, satra.Store) func() {
			for _, l := range w.Lines {
				l.Cut()
			}
			return func() {
				for _, l := range w.Lines {
					l.Mend()
				}
			}
		},
		Commands: func(satra.Store) int {
			n := 0
			for _, l := range w.Lines {
				n += l.Commands()
			}
			return n
		},
		Rounds: 20,
	}
}

// learn lets all primaries know all scripts: each would be sent once to each, and
// the commands are counted.
func (w *clusterWorld) learn() {
	for _, n := range w.Primaries {
		for _, sc := range []*script{createScript, touchScript, applyScript, putScript, headsScript, epochsScript, reserveScript, settleScript} {
			n.CLI("script", "load", sc.text)
		}
	}
}

// TestCluster runs the suite on three primaries: every command is in one slot,
// or the server refuses it.
func TestCluster(t *testing.T) {
	w := &clusterWorld{
		testserver.StartRedisCluster(t, testserver.RedisClusterOptions{Durable: true, Lines: true}), map[satra.Store]Options{},
	}
	h := w.harness()
	for _, c := range storetest.Cases() {
		if lacks := c.Lacks(h); lacks != "" {
			// A checker of histories is in cmd/internal/contract.
			if c.Promise != 24 {
				t.Errorf("%s is not run: it needs %s", c, lacks)
			}
			continue
		}
		// The notices of several primaries have no order among them, which the
		// cases of promise 25 go by, and a sign-in at its limit has to look into
		// several slots, which is not in the budget of promise 22.
		if c.Promise != 22 && c.Promise != 25 {
			t.Run(c.String(), func(t *testing.T) { c.Run(t, h) })
		}
	}
	t.Run("EveryNodeIsLookedAt", func(t *testing.T) { everyNodeIsLookedAt(t, w) })
	t.Run("NobodyAsksANodeThatIsGone", func(t *testing.T) { nobodyAsksANodeThatIsGone(t, w) })
	t.Run("CommandsAreCounted", func(t *testing.T) { commandsAreCounted(t, w) })
	t.Run("EndsAreAnnounced", func(t *testing.T) { endsAreAnnounced(t, h) })
}

func everyNodeIsLookedAt(t *testing.T, w *clusterWorld) {
	w.Primaries[2].CLI("config", "set", "appendfsync", "everysec")
	defer w.Primaries[2].CLI("config", "set", "appendfsync", "always")
	_, err := Open(t.Context(), w.URLs()[0], &Options{Durable: satra.DurablePower})
	if err == nil || !strings.Contains(err.Error(), "appendfsync everysec") {
		t.Errorf("DurablePower with one node of three that is lax: got error %v", err)
	}
	for _, f := range openKit(t, w.URLs()[0], Options{}).Findings() {
		if lax := f.Setting == "appendfsync"; lax != (f.Advice != "") {
			t.Errorf("one node of three is lax: %+v", f)
		}
	}
}

// nobodyAsksANodeThatIsGone opens the store with an address that names such a node
// too, and asks for the clock so often that the driver would choose it for that.
func nobodyAsksANodeThatIsGone(t *testing.T, w *clusterWorld) {
	gone := testserver.StartRedis(t, false)
	gone.Kill()
	alive := strings.TrimPrefix(w.URLs()[0], "redis://")
	k := openKit(t, "redis+cluster://"+gone.Addr()+","+alive, Options{Prefix: rand.Text() + ":", Timeout: 20 * time.Second})
	for range 100 {
		if _, err := k.Now(t.Context()); err != nil {
			t.Fatalf("Now: %v", err)
		}
	}
}

// commandsAreCounted holds a Cluster to the budget of one server, but for a
// sign-in at its limit: that has a command more for each shard of the sessions
// that it chooses among, its own included.
func commandsAreCounted(t *testing.T, w *clusterWorld) {
	w.learn()
	k := openKit(t, w.URLs()[0], Options{Prefix: rand.Text() + ":", Timeout: 20 * time.Second})
	in := func(shard int) func(*satra.Record) { return func(r *satra.Record) { r.ID[0] = byte(4 * shard) } }
	bind := func(shard int, principal string, limit int) satra.ID {
		id := k.create(in(shard))
		if _, err := k.Apply(t.Context(), id, k.attempt(principal, limit, true)); err != nil {
			t.Fatalf("a sign-in: %v", err)
		}
		return id
	}
	id, signed := k.create(nil), bind(5, "bob", 0)
	for _, shard := range []int{1, 1, 40} {
		bind(shard, "alice", 0)
	}
	fresh, crowded := k.create(nil), k.create(in(63))
	apply := func(id satra.ID, c *satra.Change) func() error {
		return func() error { _, err := k.Apply(t.Context(), id, c); return err }
	}
	set := &satra.Change{At: k.now, Set: []satra.Value{{Key: "a", Data: []byte("1")}}}
	atLimit := k.attempt("alice", 3, true)
	for _, op := range []struct {
		what string
		want int
		call func() error
	}{
		{"a find", 1, func() error { _, err := k.Find(t.Context(), id, satra.Fresh); return err }},
		{"a touch", 1, apply(id, &satra.Change{At: k.now, Seen: k.now.Add(time.Minute)})},
		{"a commit", 1, apply(id, set)},
		{"a commit to a signed-in session", 1, apply(signed, set)},
		{"an end", 1, apply(id, &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}})},
		{"a sign-in with its reading of the epoch", 4, func() error {
			_, err := k.Apply(t.Context(), fresh, k.attempt("carol", 0, false))
			return err
		}},
		// Reserve, look into the shards 1, 40 and 63, end one, bind, confirm.
		{"a sign-in that ends one of three", 7, apply(crowded, atLimit)},
	} {
		before := w.harness().Commands(k.Store)
		if err := op.call(); err != nil {
			t.Errorf("%s: %v", op.what, err)
		}
		if n := w.harness().Commands(k.Store) - before; n != op.want {
			t.Errorf("%s took %d commands, want %d", op.what, n, op.want)
		}
	}
	if n := len(k.live("alice")); n != 3 {
		t.Errorf("%d live sessions under a limit of 3", n)
	}
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
