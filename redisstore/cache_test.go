package redisstore

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestWhatIsInTheCacheIsNotAskedAgain(t *testing.T) {
	line := testserver.StartRedis(t, false).Line()
	k := newCacheKit(t, line.URL(), Options{})
	id := k.create(nil)
	first := k.cached(id)
	before := line.Commands()
	for range 100 {
		if k.cached(id) != first {
			t.Fatal("another record than the first time")
		}
	}
	if n := line.Commands() - before; n != 0 {
		t.Errorf("100 finds of a session in the cache took %d commands", n)
	}
	k.find(id)
	if n := line.Commands() - before; n != 1 {
		t.Errorf("a fresh find took %d commands, want 1", n)
	}
	k.pass(cacheAge)
	k.heard()
	if k.cached(id) != first {
		t.Error("a record that is as old as it may be was read again")
	}
	k.pass(1)
	k.heard()
	if k.cached(id) == first {
		t.Error("a record that is older than a second came from the cache")
	}
}

func TestAnUnknownSessionIsNotKept(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{})
	var id satra.ID
	rand.Read(id[:])
	if _, err := k.Find(t.Context(), id, satra.Cacheable); !errors.Is(err, satra.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
	if n := k.slots(); n != 0 {
		t.Errorf("the cache holds %d sessions that nobody has", n)
	}
	k.create(func(r *satra.Record) { r.ID = id })
	k.cached(id)
}

// changesOf are changes that leave a record which tells them from the one before.
func changesOf(k *kit) map[string]func(id satra.ID) {
	return map[string]func(id satra.ID){
		"a touch":   func(id satra.ID) { k.apply(id, &satra.Change{Seen: k.now.Add(time.Minute)}) },
		"a value":   func(id satra.ID) { k.apply(id, &satra.Change{Set: []satra.Value{{Key: "a", Data: []byte("1")}}}) },
		"an end":    k.end,
		"a sign-in": func(id satra.ID) { k.apply(id, k.attempt("alice", 0, false)) },
		"a renewal": func(id satra.ID) {
			k.apply(id, &satra.Change{Renew: &satra.Renew{Old: k.find(id).Secret, New: satra.Hash{1}, Successor: []byte("s"), Keep: 1}})
		},
		"an end of everybody": func(satra.ID) {
			e := satra.Ending{At: k.now, Everybody: true, End: satra.End{At: k.now, Reason: satra.ReasonAdministrator}}
			if _, err := k.EndAll(k.Context(), e); err != nil {
				k.Fatalf("EndAll: %v", err)
			}
		},
	}
}

// same reports whether nothing was changed from one to the other.
func same(a, b *satra.Record) bool {
	return a.Version == b.Version && a.Seen.Equal(b.Seen) && (a.Ended == nil) == (b.Ended == nil)
}

func TestANodesOwnChangesAreSeenAtOnce(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{})
	for what, change := range changesOf(k.kit) {
		id := k.create(nil)
		k.keep(id)
		before := k.cached(id)
		k.deaf(true) // so that nobody else says it
		change(id)
		if same(k.cached(id), before) {
			t.Errorf("after %s the cache has the record of before", what)
		}
	}
}

func TestAnotherNodesChangesAreSeenWhenTheServerHasToldThem(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{})
	other := k.node()
	for what, change := range changesOf(other) {
		id := k.create(nil)
		k.keep(id)
		before := k.cached(id)
		change(id)
		k.heard()
		if same(k.cached(id), before) {
			t.Errorf("the server told of %s, and the cache has the record of before", what)
		}
	}
	id := k.create(nil)
	k.keep(id)
	if err := other.client.Do(t.Context(), other.client.B().Flushall().Build()).Error(); err != nil {
		t.Fatalf("FLUSHALL: %v", err)
	}
	k.heard()
	if _, err := k.Find(t.Context(), id, satra.Cacheable); !errors.Is(err, satra.ErrNotFound) {
		t.Errorf("after the server forgot everything: got error %v, want ErrNotFound", err)
	}
}

func TestAnAnswerThatIsOvertakenIsNotKept(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{})
	other := k.node()
	for what, meanwhile := range map[string]func(id satra.ID){
		"the server's word of another node's end": func(id satra.ID) {
			other.end(id)
			k.heard()
		},
		"an end on this node": func(id satra.ID) {
			k.deaf(true)
			k.end(id)
		},
		"a fresh find that saw another node's end": func(id satra.ID) {
			k.deaf(true)
			other.end(id)
			k.find(id)
		},
	} {
		for _, step := range []string{"asked for the cache", "read for the cache"} {
			k.deaf(false)
			id := k.create(nil)
			came := k.at(step, func() { meanwhile(id) })
			k.cached(id)
			if !*came {
				t.Fatalf("the find did not come to the step %q", step)
			}
			if r := k.cached(id); r.Ended == nil {
				t.Errorf("%s came at the step %q, and the cache has the record of before", what, step)
			}
		}
	}
}

func TestReadsOnTheLineAreBounded(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{})
	id := k.create(nil)
	var under []reading
	for r, ok := k.cache.begin(id); ok; r, ok = k.cache.begin(id) {
		if under = append(under, r); len(under) > maxAsking {
			t.Fatalf("more than %d reads are under way", maxAsking)
		}
	}
	if k.cached(id); k.holds(id) || len(under) != maxAsking {
		t.Errorf("%d reads are under way, want %d, and one more comes by the line", len(under), maxAsking)
	}
	for _, r := range under {
		k.cache.fill(id, r, nil, 0)
	}
	if n := k.slots(); n != 0 {
		t.Errorf("all have been answered, and the cache knows of %d sessions", n)
	}
	k.keep(id)
}

func TestTheCacheIsBounded(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{Cache: 1 << 20, MaxRecord: 1 << 20})
	const sessions = 2000
	var last satra.ID
	for range sessions {
		last = k.create(func(r *satra.Record) { r.Values = []satra.Value{{Key: "a", Data: make([]byte, 100)}} })
		k.keep(last)
		if n := k.bytes(); n > 1<<20 {
			t.Fatalf("the cache holds %d bytes, more than its 1 MiB", n)
		}
	}
	if n := k.slots(); n < 100 || n > sessions/2 {
		t.Errorf("the cache knows of %d sessions of %d, want those that 1 MiB has room for", n, sessions)
	}
	if !k.holds(last) {
		t.Error("the session that was read last is not in the cache")
	}
	large := k.create(func(r *satra.Record) { r.Values = []satra.Value{{Key: "a", Data: make([]byte, 1<<19)}} })
	if k.cached(large); k.holds(large) || k.bytes() > 1<<20 {
		t.Error("a record that is larger than the cache's parts is kept")
	}
	k.pass(cacheAge + 1)
	k.cache.expire()
	if n := k.slots(); n != 0 || k.bytes() != 0 {
		t.Errorf("after all has grown too old: %d sessions, %d bytes", n, k.bytes())
	}
}

// The race detector and the checks in it are the test: many readers and writers on
// two nodes, and no node ever sees what is older than its own changes.
func TestTheCacheUnderManyHands(t *testing.T) {
	k := newCacheKit(t, testserver.StartRedis(t, false).URL(), Options{Cache: 1 << 20})
	other := k.node()
	ids := []satra.ID{k.create(nil), k.create(nil), k.create(nil)}
	var hands sync.WaitGroup
	for hand := range 8 {
		node := []*kit{k.kit, other}[hand%2]
		hands.Go(func() {
			for n := range 200 {
				id := ids[(n+hand)%len(ids)]
				c := &satra.Change{At: node.now, Set: []satra.Value{{Key: "a", Data: []byte("1")}}, Return: true}
				result, err := node.Apply(t.Context(), id, c)
				if err != nil {
					t.Errorf("Apply: %v", err)
					return
				}
				for range 5 {
					r, err := node.Find(t.Context(), id, satra.Cacheable)
					if err != nil || r.Version < result.Record.Version {
						t.Errorf("after this node's change to version %d: Find: %v, %v", result.Record.Version, r, err)
						return
					}
				}
			}
		})
	}
	hands.Wait()
}

func TestTheCacheReadsByTheWayThatTheStoreTakes(t *testing.T) {
	secure := testserver.NewRedisTLS(t, true)
	server := secure.StartRedis("--requirepass", "hunter2")
	url := "rediss://:hunter2@" + server.Addr() + "/3"
	config := &tls.Config{RootCAs: secure.Authority, Certificates: []tls.Certificate{secure.Client}, MinVersion: tls.VersionTLS12}
	k := newCacheKit(t, url, Options{TLS: config})
	other := k.node()
	id := k.create(nil)
	k.keep(id)
	other.end(id)
	k.heard()
	if r := k.cached(id); r.Ended == nil {
		t.Error("another node's end was not told of")
	}
	if _, err := Open(t.Context(), url, &Options{Cache: 1 << 20}); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("without the authority: got error %v, want ErrUnavailable", err)
	}
}

// Its memory is full, and the server still tells of what is ended.
func TestTheCacheWorksOnAFullServer(t *testing.T) {
	server := testserver.StartRedis(t, false)
	k := newCacheKit(t, server.URL(), Options{})
	id := k.create(nil)
	server.CLI("config", "set", "maxmemory", "1")
	other := k.node()
	k.keep(id)
	other.end(id)
	k.heard()
	if r := k.cached(id); r.Ended == nil {
		t.Error("another node's end was not told of")
	}
}

func TestTheCacheIsRefusedWhereTheServerCannot(t *testing.T) {
	server := testserver.StartRedis(t, false)
	k := newKit(t, server)
	k.do("ACL", "SETUSER", "app", "on", ">pass", "~*", "&*", "+@all", "-client|tracking")
	_, err := Open(t.Context(), "redis://app:pass@"+server.Addr(), &Options{Cache: 1 << 20})
	if err == nil || !strings.Contains(err.Error(), "Options.Cache") || !strings.Contains(err.Error(), "CLIENT TRACKING") {
		t.Errorf("a user that may not: got error %v, want it to name Options.Cache and CLIENT TRACKING", err)
	}
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{})
	_, err = Open(t.Context(), cluster.URLs()[0], &Options{Cache: 1 << 20})
	if err == nil || !strings.Contains(err.Error(), "Options.Cache") || !strings.Contains(err.Error(), "cluster") {
		t.Errorf("on a Cluster: got error %v, want it to name Options.Cache and the Cluster", err)
	}
	watched := testserver.StartRedisSentinel(t, "main")
	_, err = Open(t.Context(), "redis+sentinel://"+watched.Addr()+"/main", &Options{Cache: 1 << 20})
	if err == nil || !strings.Contains(err.Error(), "Options.Cache") || !strings.Contains(err.Error(), "sentinel") {
		t.Errorf("behind a Sentinel: got error %v, want it to name Options.Cache and the Sentinel", err)
	}
	for _, bytes := range []int{-1, 1, 1<<20 - 1, 1<<30 + 1} {
		if _, err := (&Options{Cache: bytes}).withDefaults(); err == nil || !strings.Contains(err.Error(), "Options.Cache") {
			t.Errorf("Cache of %d: got error %v", bytes, err)
		}
	}
}
