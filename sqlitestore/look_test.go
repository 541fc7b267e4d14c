package sqlitestore

import (
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

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
		id := created(t, by).ID
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
			t.put(r)
			if _, err := t.change(r.ID, ending(satra.ReasonIdle)); err != nil {
				return err
			}
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
