package sqlitestore

import (
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

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
