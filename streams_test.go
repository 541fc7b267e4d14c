package satra_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

// busiest returns the most instants that lie within one second of each other.
func busiest(at []time.Time) int {
	slices.SortFunc(at, time.Time.Compare)
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Streams that were opened together, as after a restart, do not read together
// for long; and each is read at least every 30 seconds.
func TestReadingIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sessions = 1000
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		defer a.m.Close(t.Context())
		for range sessions {
			b := a.browser()
			b.get("/start")
			b.open(0)
		}
		store.found()
		time.Sleep(5 * time.Minute)
		finds := store.found()
		if n := len(finds); n < sessions*10 || n > sessions*15 {
			t.Errorf("got %d readings of %d sessions in five minutes, want each read every 20 to 30 seconds", n, sessions)
		}
		late := finds[slices.IndexFunc(finds, func(at time.Time) bool { return time.Until(at) > -2*time.Minute }):]
		if most := busiest(late); most > sessions/10 {
			t.Errorf("got %d readings in one second, want about %d", most, sessions/25)
		}
	})
}

// After a gap all are read, soon, and no more than 16 at a time.
func TestAGapHasAllSessionsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		defer a.m.Close(t.Context())
		var all []*stream
		for range 100 {
			b := a.browser()
			b.get("/start")
			all = append(all, b.open(0))
		}
		store.silent = true
		if _, err := a.m.EndEverybody(t.Context(), satra.End{Reason: satra.ReasonAdministrator}); err != nil {
			t.Fatal(err)
		}
		var at, most atomic.Int64
		store.wmu.Lock()
		store.silent = false
		store.finding = func(context.Context) {
			most.Store(max(most.Load(), at.Add(1)))
			time.Sleep(10 * time.Millisecond)
			at.Add(-1)
		}
		store.wmu.Unlock()
		store.tell(satra.Notice{Gap: true})
		time.Sleep(time.Second)
		for _, s := range all {
			wantReason(t, s.wantEnd(t), satra.ReasonAdministrator)
		}
		if most.Load() != 16 {
			t.Errorf("got %d readings at a time, want 16", most.Load())
		}
	})
}

// A reading that began before the sign-in of another stream says nothing of
// that one.
func TestAnOutdatedReadingEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		here, there := node(t, store, satra.Options{}), node(t, store, satra.Options{})
		defer here.m.Close(t.Context())
		defer there.m.Close(t.Context())
		b := here.browser()
		b.get("/start")
		old := b.open(0)
		var slow atomic.Bool
		slow.Store(true)
		store.wmu.Lock()
		store.finding = func(context.Context) {
			if slow.Swap(false) {
				time.Sleep(time.Second)
			}
		}
		store.wmu.Unlock()
		store.tell(satra.Notice{Gap: true})
		time.Sleep(time.Millisecond)
		b.on(there).post("/signin?as=alice")
		renewed := b.open(0) // while the reading of the old stream is under way
		time.Sleep(2 * time.Second)
		if cause := old.wantEnd(t); !errors.Is(cause, satra.ErrRetry) {
			t.Errorf("the old stream: got %v, want ErrRetry", cause)
		}
		renewed.wantOpen(t)
	})
}

func TestAWatchThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		store.broken = errors.New("no announcements today")
		a := node(t, store, satra.Options{})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		if len(store.asked) != 0 {
			t.Error("Watch was called without a stream")
		}
		s := b.open(0)
		time.Sleep(10 * time.Minute)
		s.wantOpen(t)
		n := len(store.asked)
		if last := store.asked[n-1].Sub(store.asked[n-2]); n < 20 || n > 50 || last < 15*time.Second || last > 30*time.Second {
			t.Errorf("got %d tries in ten minutes, the last after %v, want pauses that grow to half a minute", n, last)
		}
		if !strings.Contains(a.kinds(), "store_failed") {
			t.Error("nobody was told")
		}
		store.wmu.Lock()
		store.broken = nil
		store.wmu.Unlock()
		time.Sleep(30 * time.Second)
		a.m.End(t.Context(), a.store.only(t).ID, satra.End{Reason: satra.ReasonLimit})
		wantReason(t, s.wantEnd(t), satra.ReasonLimit)
	})
}

// The bubble ends only when every goroutine has: that is the other half of this
// test.
func TestCloseEndsStreamsAndEveryGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		b := a.browser()
		b.get("/start")
		all := []*stream{b.open(0), b.open(0)}
		var over atomic.Bool
		store.wmu.Lock()
		store.finding = func(context.Context) { time.Sleep(time.Second); over.Store(true) }
		store.wmu.Unlock()
		store.tell(satra.Notice{Gap: true})
		time.Sleep(time.Millisecond)
		short, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.m.Close(short); !errors.Is(err, context.Canceled) {
			t.Errorf("Close without time to wait, during a reading: got %v, want the context's error", err)
		}
		if err := a.m.Close(t.Context()); err != nil {
			t.Errorf("Close again: %v", err)
		}
		if !over.Load() {
			t.Error("Close did not wait for the reading under way")
		}
		for _, s := range all {
			if cause := s.wantEnd(t); !errors.Is(cause, satra.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", cause)
			}
		}
		wantStatus(t, b.get("/me"), 200)
		store.found()
		time.Sleep(time.Hour)
		if n := len(store.found()); n != 0 {
			t.Errorf("got %d readings after Close", n)
		}
	})
}

// A client that goes away leaves nothing behind.
func TestAStreamThatIsGoneIsReadNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		first, second := b.open(0), b.open(0)
		first.hang()
		if cause := first.wantEnd(t); !errors.Is(cause, context.Canceled) {
			t.Errorf("got %v, want the request's own cause", cause)
		}
		store.found()
		time.Sleep(5 * time.Minute)
		second.wantOpen(t)
		if n := len(store.found()); n < 10 || n > 15 {
			t.Errorf("got %d readings for the stream that is left, want 10 to 15", n)
		}
		second.hang()
		synctest.Wait()
		store.found()
		time.Sleep(5 * time.Minute)
		if n := len(store.found()); n != 0 {
			t.Errorf("got %d readings for nobody", n)
		}
	})
}

// A session that the store has lost is no end by decision.
func TestASessionThatVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		s := b.open(0)
		a.store.mu.Lock()
		clear(a.store.records)
		a.store.mu.Unlock()
		time.Sleep(30 * time.Second)
		cause := s.wantEnd(t)
		var ended *satra.EndedError
		if !errors.Is(cause, satra.ErrNoSession) || errors.As(cause, &ended) {
			t.Errorf("got %v, want ErrNoSession", cause)
		}
	})
}
