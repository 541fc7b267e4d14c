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

func TestWhatAnotherProcessWroteIsNoticed(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	r := created(t, s)
	notices := make(chan satra.Notice, 10)
	go s.Watch(t.Context(), func(n satra.Notice) { notices <- n })
	if n := <-notices; !n.Gap {
		t.Fatalf("the first notice is %+v, want a Gap", n)
	}
	found(t, s, r.ID)
	applied(t, other, r.ID, ending(satra.ReasonAdministrator))
	if n := <-notices; n.ID != r.ID || n.Reason != satra.ReasonAdministrator {
		t.Errorf("the notice is %+v, want the end", n)
	}
	if found(t, s, r.ID).Ended == nil {
		t.Error("after the notice of its end the session is found live: the cache was not dropped first")
	}
	// A change is judged on what the file holds, not on the cache.
	second := created(t, s)
	resume := pause(t, s)
	s.verified.Store(int64(s.mono() + time.Hour)) // the cache is believed
	answer := make(chan error, 1)
	go func() { _, err := s.Apply(t.Context(), second.ID, setValue("a", "1")); answer <- err }()
	resume()
	if err := <-answer; err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

// What the two write in turn is exact, however stale their caches are.
func TestChangesOfTwoProcessesAreExact(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	r := created(t, s)
	for i := range 50 {
		here, there := s, other
		if i%2 == 1 {
			here, there = there, here
		}
		here.Find(t.Context(), r.ID, satra.Fresh)
		result := applied(t, there, r.ID, &satra.Change{At: t0, Set: []satra.Value{{Key: "n"}}, Return: true})
		if result.Record.Version != uint64(i+2) {
			t.Fatalf("change %d has made version %d, want %d: it was judged on an older record", i, result.Record.Version, i+2)
		}
	}
}

// Whoever ends what, and whatever comes in between: each end is told once.
func TestEachEndIsToldOnce(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	notices := make(chan satra.Notice, 100)
	go s.Watch(t.Context(), func(n satra.Notice) { notices <- n })
	<-notices // the Gap
	for i, by := range []*Store{s, other, other, s, s, other} {
		id := created(t, s).ID
		applied(t, by, id, ending(satra.ReasonSignedOut))
		if n := <-notices; n.ID != id {
			t.Fatalf("notice %d is not of the end that comes next: told twice, or not at all", i)
		}
	}
}

func TestManyEndsOfAnotherProcessAreAGap(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	resume := pause(t, s)
	w := s.watchers.join()
	w.take()
	resume()
	// One transaction, so that they are found all at once.
	err := other.do(t.Context(), "test", func(t *tx) error {
		for range maxNotices + 1 {
			r := newRecord()
			r.Ended = &satra.End{At: t0, Reason: satra.ReasonIdle}
			t.put(r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	<-w.wake // of join
	<-w.wake
	if got := w.take(); len(got) != 1 || !got[0].Gap {
		t.Errorf("got %d notices, want one with Gap", len(got))
	}
}

func TestATouchIsSeenAtOnceAndWrittenSoon(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, &Options{Shared: true, Timeout: time.Minute})
	r := created(t, s)
	c := touching(10 * time.Minute)
	c.Device = &satra.Device{UserAgent: "Browser/2.0"}
	resume := pause(t, s) // so that it cannot be written yet
	s.verified.Store(int64(s.mono() + time.Hour))
	applied(t, s, r.ID, c)
	applied(t, s, r.ID, touching(5*time.Minute))
	applied(t, s, r.ID, touching(65*time.Minute)) // only the one before keeps it alive for this
	seen := func(what string, s *Store, want time.Duration) {
		t.Helper()
		if got := found(t, s, r.ID); !got.Seen.Equal(t0.Add(want)) || want > 0 && got.LastDevice.UserAgent != "Browser/2.0" {
			t.Errorf("%s: seen %v after t0 by %q, want %v", what, got.Seen.Sub(t0), got.LastDevice.UserAgent, want)
		}
	}
	seen("in the cache", s, 65*time.Minute)
	seen("in the file", other, 0)
	s.cache.drop()
	seen("read from the file, with what waits", s, 65*time.Minute)
	s.cache.drop()
	resume()
	page, err := s.List(t.Context(), satra.Query{At: t0.Add(2 * time.Hour), Limit: 10})
	if err != nil || len(page.Records) != 1 {
		t.Errorf("a list after the touches has %d records, %v; want the one that they keep alive", len(page.Records), err)
	}
	seen("in the file after a list", other, 65*time.Minute)
	if n := s.cache.touches.Load(); n != 0 {
		t.Errorf("%d touches wait after they were written", n)
	}
	// The writer does it by itself when a second has passed.
	resume = pause(t, s)
	s.flushed -= flushEvery
	s.verified.Store(int64(s.mono() + time.Hour))
	applied(t, s, r.ID, touching(66*time.Minute))
	resume()
	for found(t, other, r.ID).Seen.Before(t0.Add(66 * time.Minute)) {
		if t.Context().Err() != nil {
			return
		}
	}
}

// A touch that waits must not revive what another process has ended.
func TestATouchThatWaitsRevivesNothing(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	r := created(t, s)
	resume := pause(t, s)
	s.verified.Store(int64(s.mono() + time.Hour))
	applied(t, s, r.ID, touching(time.Minute))
	resume()
	applied(t, other, r.ID, ending(satra.ReasonStolen))
	if _, err := s.List(t.Context(), satra.Query{At: t0, Limit: 1}); err != nil {
		t.Fatal(err)
	}
	for _, look := range []*Store{s, other} {
		got, err := look.Apply(t.Context(), r.ID, setValue("a", "1"))
		if err == nil || got.Record.Ended == nil || !got.Record.Seen.Equal(t0) {
			t.Errorf("a session that was ended has changed: %v", err)
		}
	}
}

// A touch that could not be written waits on.
func TestATouchIsKeptUntilItIsWritten(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	r := created(t, s)
	resume := pause(t, s)
	s.verified.Store(int64(s.mono() + time.Hour))
	applied(t, s, r.ID, touching(time.Minute))
	pragma(t, s, "max_page_count = 1") // and the file is full
	resume()
	big := newRecord()
	big.Values = []satra.Value{{Key: "big", Data: make([]byte, 900_000), Rev: 1}}
	if err := s.Create(t.Context(), big); err == nil { // takes the touch into its transaction
		t.Fatal("there was room")
	}
	pragma(t, s, "max_page_count = 1000000")
	s.cache.drop()
	if got := found(t, s, r.ID); !got.Seen.Equal(t0.Add(time.Minute)) {
		t.Errorf("seen %v after t0, want the touch that was acknowledged", got.Seen.Sub(t0))
	}
	closed(t, s)
	if got := found(t, other, r.ID); !got.Seen.Equal(t0.Add(time.Minute)) {
		t.Errorf("written: seen %v after t0, want the touch that was acknowledged", got.Seen.Sub(t0))
	}
}

// A reader adds the touches to what it read that waited when it began, which may
// have been written since, and those that wait when it ends.
func TestAReaderSeesTheTouchesThatWait(t *testing.T) {
	var c cache
	c.init(1 << 20)
	r := newRecord()
	sh := c.shard(r.ID)
	touched := func(f filling, want time.Duration, what string) {
		t.Helper()
		if got := sh.fill(f, r); !got.Seen.Equal(t0.Add(want)) {
			t.Errorf("%s: seen %v after t0, want %v", what, got.Seen.Sub(t0), want)
		}
	}
	sh.settle(r.ID, r, true)
	f := sh.begin(r.ID)
	if !c.touch(r.ID, touching(time.Minute)) {
		t.Fatal("the touch was not taken")
	}
	touched(f, time.Minute, "a touch after it began")
	f = sh.begin(r.ID)
	sh.take(r.ID)
	sh.settle(r.ID, nil, true)
	touched(f, time.Minute, "a touch that was written since it began")
	touched(sh.begin(r.ID), 0, "no touch")
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
