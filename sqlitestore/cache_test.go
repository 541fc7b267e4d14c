package sqlitestore

import (
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// While the writer cannot look for what others wrote, the cache is believed for
// 50 ms and no longer.
func TestTheCacheIsNoStalerThanItSays(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	r := created(t, s)
	found(t, s, r.ID)
	resume := pause(t, s)
	before := s.mono()
	s.verified.Store(int64(before))
	s.mono = func() time.Duration { return before + maxStale }
	if !s.isFresh() || s.cache.shard(r.ID).get(r.ID) == nil {
		t.Error("after 50 ms the cache is not used")
	}
	s.mono = func() time.Duration { return before + maxStale + 1 }
	if s.isFresh() {
		t.Error("after more than 50 ms the cache is believed")
	}
	s.cache.shard(r.ID).put(&satra.Record{ID: r.ID, Version: 99})
	if got := found(t, s, r.ID); got.Version != 1 {
		t.Errorf("Find: version %d, which only the stale cache has", got.Version)
	}
	if s.touch(r.ID, touching(time.Minute)) {
		t.Error("a touch of a record that is not known to be fresh was not left to the writer")
	}
	resume()
	applied(t, other, r.ID, setValue("a", "1"))
}

func TestTheCacheIsBounded(t *testing.T) {
	const shards, room = cacheShards, 64 << 10
	var c cache
	c.init(shards * room)
	sh := c.shard(satra.ID{})
	put := func(n int, bytes int) satra.ID {
		r := newRecord()
		r.ID = satra.ID{15: byte(n), 14: byte(n >> 8)}
		r.Values = []satra.Value{{Key: "a", Data: make([]byte, bytes)}}
		sh.settle(r.ID, r, false)
		return r.ID
	}
	hot := put(0, 100)
	for n := range 1000 {
		put(n+1, n%2000)
		if sh.size > room {
			t.Fatalf("%d bytes are cached, more than %d", sh.size, room)
		}
		if sh.get(hot) == nil {
			t.Fatalf("after %d others a record that is used all the time has gone", n)
		}
	}
	if big := put(2000, room); sh.get(big) != nil {
		t.Error("a record that would put all others out is cached")
	}
	size := 0
	for _, e := range sh.records {
		size += footprint(e.record)
	}
	if size != sh.size {
		t.Errorf("the cache counts %d bytes, and holds %d", sh.size, size)
	}
}

func TestAStoreWorksWithoutACache(t *testing.T) {
	o := patient()
	o.Cache = -1
	s := opened(t, newPath(t), o)
	r := created(t, s)
	applied(t, s, r.ID, setValue("a", "1"))
	applied(t, s, r.ID, touching(time.Minute))
	if got := found(t, s, r.ID); value(got, "a") != "1" || !got.Seen.Equal(t0.Add(time.Minute)) {
		t.Errorf("got %q, seen %v after t0", value(got, "a"), got.Seen.Sub(t0))
	}
	if s.cache.shard(r.ID).get(r.ID) != nil {
		t.Error("a record is cached")
	}
}

// A reader that was slow must not put in what it read before a change.
func TestASlowReaderPutsNothingOldIn(t *testing.T) {
	var c cache
	c.init(1 << 20)
	old, now := newRecord(), newRecord()
	now.ID, now.Version = old.ID, 2
	sh := c.shard(old.ID)
	for name, meanwhile := range map[string]func(){
		"a change is under way": func() { sh.take(old.ID) },
		"a change was made":     func() { sh.take(old.ID); sh.settle(old.ID, now, true) },
		"the cache was dropped": func() { c.drop() },
	} {
		sh.settle(old.ID, nil, true)
		c.drop()
		f := sh.begin(old.ID)
		meanwhile()
		sh.fill(f, old)
		if got := sh.get(old.ID); got == old {
			t.Errorf("%s: the older record is cached", name)
		}
	}
	sh.settle(old.ID, nil, true)
	c.drop()
	sh.take(old.ID)
	if sh.fill(sh.begin(old.ID), old); sh.get(old.ID) != nil {
		t.Error("a record that the writer has taken is cached by a reader")
	}
	sh.settle(old.ID, nil, true)
	if sh.fill(sh.begin(old.ID), old); sh.get(old.ID) != old {
		t.Error("a record that was read is not cached")
	}
}
