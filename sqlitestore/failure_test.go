package sqlitestore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// pragma changes a setting of the writer's connection, between transactions.
func pragma(t *testing.T, s *Store, setting string) {
	t.Helper()
	if _, err := s.conn.ExecContext(t.Context(), "PRAGMA "+setting); err != nil {
		t.Fatal(err)
	}
}

// A disk without room, as far as SQLite is concerned, is a file that may have no
// more pages; one that became read-only a connection that may not write.
func TestNothingIsLostWhenTheFileCannotBeWritten(t *testing.T) {
	for _, c := range []struct{ name, breaks, mends, says string }{
		{"full", "max_page_count = 1", "max_page_count = 1000000", "full"},
		{"read-only", "query_only = 1", "query_only = 0", "readonly"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := opened(t, newPath(t), patient())
			r := created(t, s)
			applied(t, s, r.ID, setValue("a", "old"))
			pragma(t, s, c.breaks)
			big := newRecord()
			big.Values = []satra.Value{{Key: "big", Data: make([]byte, 500_000), Rev: 1}}
			err := s.Create(t.Context(), big)
			if !errors.Is(err, satra.ErrUnavailable) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), s.path) {
				t.Errorf("Create: got error %v, want ErrUnavailable, %q and the path", err, c.says)
			}
			grow := setValue("a", strings.Repeat("new", 100_000))
			if _, err := s.Apply(t.Context(), r.ID, grow); !errors.Is(err, satra.ErrUnavailable) {
				t.Errorf("Apply: got error %v, want ErrUnavailable", err)
			}
			if got := value(found(t, s, r.ID), "a"); got != "old" {
				t.Errorf("Find while nothing can be written: got %.10q, want what was acknowledged", got)
			}
			pragma(t, s, c.mends)
			applied(t, s, r.ID, grow)
			if got := found(t, s, r.ID); len(value(got, "a")) != 300_000 || got.Version != 3 {
				t.Errorf("after it: %d bytes, version %d; want the change that was repeated, once", len(value(got, "a")), got.Version)
			}
			if err := s.Create(t.Context(), big); err != nil {
				t.Errorf("Create, repeated: %v", err)
			}
		})
	}
}

// together has the changes written in one transaction, and returns their errors.
func together(t *testing.T, s *Store, all ...func() error) []error {
	t.Helper()
	resume := pause(t, s)
	errs := make([]error, len(all))
	var done sync.WaitGroup
	for i, f := range all {
		done.Go(func() { errs[i] = f() })
		for waits := i; waits <= i; { // so that they are taken in this order
			s.queue.mu.Lock()
			waits = len(s.queue.ops)
			s.queue.mu.Unlock()
		}
	}
	resume()
	done.Wait()
	return errs
}

func TestOneThatFailsTakesNoOtherWithIt(t *testing.T) {
	s := opened(t, newPath(t), patient())
	first, second, gone := created(t, s), created(t, s), newRecord()
	big := newRecord()
	big.Values = []satra.Value{{Key: "big", Data: make([]byte, 900_000), Rev: 1}}
	pragma(t, s, "max_page_count = 60")
	apply := func(id satra.ID, c *satra.Change) func() error {
		return func() error { _, err := s.Apply(t.Context(), id, c); return err }
	}
	stale := setValue("a", "stale")
	stale.IfRev = []satra.Rev{{Key: "a", Rev: 99}}
	errs := together(t, s,
		apply(first.ID, setValue("a", "1")),
		apply(first.ID, stale),
		apply(gone.ID, setValue("a", "1")),
		func() error { return s.Create(t.Context(), big) }, // for which there is no room
		apply(second.ID, setValue("a", "2")),
		apply(second.ID, ending(satra.ReasonSignedOut)),
		apply(second.ID, setValue("a", "late")),
	)
	for i, want := range []error{nil, satra.ErrConflict, satra.ErrNotFound, satra.ErrUnavailable, nil, nil, satra.ErrEnded} {
		if !errors.Is(errs[i], want) {
			t.Errorf("change %d: got error %v, want %v", i, errs[i], want)
		}
	}
	for _, look := range []*Store{s, opened(t, s.path, patient())} {
		if got := value(found(t, look, first.ID), "a"); got != "1" {
			t.Errorf("the first session has %q, want 1", got)
		}
		if found(t, look, second.ID).Ended == nil {
			t.Errorf("the second session lives")
		}
	}
}

// locked holds the file's lock as another process would.
func locked(t *testing.T, path string) (unlock func()) {
	t.Helper()
	other := opened(t, path, patient())
	return pause(t, other)
}

func TestACallIsAnsweredInTimeWhenTheFileIsLocked(t *testing.T) {
	s := opened(t, newPath(t), patient())
	r := created(t, s)
	unlock := locked(t, s.path)
	pragma(t, s, "busy_timeout = 50")
	s.options.Timeout = 100 * time.Millisecond
	calls := map[string]func() error{
		"Create": func() error { return s.Create(t.Context(), newRecord()) },
		"Apply":  func() error { _, err := s.Apply(t.Context(), r.ID, setValue("a", "1")); return err },
		"EndAll": func() error { _, err := s.EndAll(t.Context(), satra.Ending{At: t0, Principal: "alice"}); return err },
		"Sweep":  func() error { _, err := s.Sweep(t.Context(), t0, 10); return err },
	}
	for what, call := range calls {
		if err := call(); !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("%s of a locked file: got error %v, want ErrUnavailable", what, err)
		}
	}
	s.options.Timeout = time.Minute
	found(t, s, r.ID) // readers do not wait for writers
	unlock()
	pragma(t, s, "busy_timeout = 30000")
	applied(t, s, r.ID, setValue("a", "2"))
	if got := found(t, s, r.ID); value(got, "a") != "2" {
		t.Errorf("after it: got %q, want 2", value(got, "a"))
	}
}

// Who gives up while others are being written has changed nothing, for good.
func TestACancelledChangeDoesNotComeLater(t *testing.T) {
	s := opened(t, newPath(t), patient())
	r := created(t, s)
	resume := pause(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error, 1)
	go func() { _, err := s.Apply(ctx, r.ID, setValue("a", "late")); answer <- err }()
	for waits := 0; waits == 0; {
		s.queue.mu.Lock()
		waits = len(s.queue.ops)
		s.queue.mu.Unlock()
	}
	cancel()
	if err := <-answer; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
	resume()
	applied(t, s, r.ID, setValue("b", "1"))
	if got := found(t, s, r.ID); value(got, "a") != "" || got.Version != 2 {
		t.Errorf("a change that was cancelled came about: %q, version %d", value(got, "a"), got.Version)
	}
}

func TestMoreThanCanWaitIsRefusedAtOnce(t *testing.T) {
	s := opened(t, newPath(t), patient())
	resume := pause(t, s)
	s.queue.mu.Lock()
	for range maxQueue {
		s.queue.ops = append(s.queue.ops, &op{run: func(*tx) error { return nil }, done: make(chan struct{})})
	}
	s.queue.mu.Unlock()
	if err := s.Create(t.Context(), newRecord()); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("got error %v, want ErrUnavailable", err)
	}
	resume()
}
