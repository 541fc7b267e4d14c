package redisstore

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// A cacheKit is a store with a cache, which goes by a clock that stands still but
// for what the test lets pass.
type cacheKit struct {
	*kit
	passed *atomic.Int64
}

// newCacheKit opens a store with a cache on new keys of the server.
func newCacheKit(t *testing.T, url string, o Options) *cacheKit {
	t.Helper()
	begun, passed := time.Now(), new(atomic.Int64)
	o.now = func() time.Time { return begun.Add(time.Duration(passed.Load())) }
	o.Prefix = rand.Text() + ":"
	if o.Cache == 0 {
		o.Cache = 8 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	k := &cacheKit{openKit(t, url, o), passed}
	for range 200 { // so that all connections are made that it will have
		if _, err := k.Find(t.Context(), satra.ID{1}, satra.Fresh); !errors.Is(err, satra.ErrNotFound) {
			t.Fatalf("Find: %v", err)
		}
	}
	k.heard()
	return k
}

func (k *cacheKit) pass(d time.Duration) { k.passed.Add(int64(d)) }

// cached finds the session as a route does that may be answered from the cache.
func (k *kit) cached(id satra.ID) *satra.Record {
	k.Helper()
	r, err := k.Find(k.Context(), id, satra.Cacheable)
	if err != nil {
		k.Fatalf("Find: %v", err)
	}
	return r
}

// holds reports whether the cache would answer.
func (k *kit) holds(id satra.ID) bool { return k.cache.get(id) != nil }

// keep puts the session into the cache.
func (k *kit) keep(id satra.ID) {
	k.Helper()
	if k.cached(id); !k.holds(id) {
		k.Fatal("the cache does not keep what was read")
	}
}

// heard returns when all has come that the server said on the line so far.
func (k *kit) heard() {
	k.Helper()
	if err := k.beat(k.Context(), k.cache.line.Load()); err != nil {
		k.Fatalf("a question on the line: %v", err)
	}
}

// deaf makes the server tell nothing more of changes, or again.
func (k *kit) deaf(is bool) {
	k.Helper()
	l := k.cache.line.Load()
	command := l.client.B().ClientTracking().On().Build()
	if is {
		command = l.client.B().ClientTracking().Off().Build()
	}
	if err := l.client.Do(k.Context(), command).Error(); err != nil {
		k.Fatalf("CLIENT TRACKING: %v", err)
	}
}

func (k *kit) apply(id satra.ID, c *satra.Change) {
	k.Helper()
	c.At = k.now
	if _, err := k.Apply(k.Context(), id, c); err != nil {
		k.Fatalf("Apply: %v", err)
	}
}

func (k *kit) end(id satra.ID) {
	k.Helper()
	k.apply(id, &satra.Change{End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}})
}

// holding tells how many sessions the cache knows of, and how many bytes it has.
func (k *kit) holding() (sessions, bytes int) {
	for i := range k.cache.shards {
		sh := &k.cache.shards[i]
		sh.mu.Lock()
		sessions, bytes = sessions+len(sh.slots), bytes+sh.size
		sh.mu.Unlock()
	}
	return sessions, bytes
}

func (k *kit) slots() int {
	sessions, _ := k.holding()
	return sessions
}

func (k *kit) bytes() int {
	_, bytes := k.holding()
	return bytes
}
