package sqlitestore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// maxQueue is how many changes wait for the writer, before further ones are
// refused at once.
const maxQueue = 1 << 14

// A queue holds what waits for the writer.
type queue struct {
	mu     sync.Mutex
	ops    []*op
	closed bool
	wake   chan struct{} // has room for one: something waits
}

// An op is one change that waits or is being written.
type op struct {
	run   func(*tx) error
	taken bool // by the writer; the queue's lock guards it
	err   error
	done  chan struct{} // closed when err is the answer
}

func (q *queue) init() { q.wake = make(chan struct{}, 1) }

func (q *queue) add(o *op) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errClosed
	}
	if len(q.ops) >= maxQueue {
		return fmt.Errorf("sqlitestore: %d changes wait already: %w", len(q.ops), satra.ErrUnavailable)
	}
	q.ops = append(q.ops, o)
	q.nudge()
	return nil
}

// nudge wakes the writer.
func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take takes the next changes, at most so many.
func (q *queue) take(most int) []*op {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.ops), most)
	ops := q.ops[:n:n]
	q.ops = q.ops[n:]
	if len(q.ops) == 0 {
		q.ops = nil
	} else {
		q.nudge()
	}
	for _, o := range ops {
		o.taken = true
	}
	return ops
}

// withdraw takes the change back, unless the writer has it.
func (q *queue) withdraw(o *op) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if o.taken {
		return false
	}
	for i := range q.ops {
		if q.ops[i] == o {
			q.ops = append(q.ops[:i:i], q.ops[i+1:]...)
			return true
		}
	}
	return false
}

// close refuses what comes from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// do has the writer run a change, and returns when it is on the disk. A caller
// that gives up takes it back if it is not too late, and else waits for its
// outcome, so that a cancelled change does not come about later.
func (s *Store) do(ctx context.Context, what string, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{run: run, done: make(chan struct{})}
	if err := s.queue.add(o); err != nil {
		return err
	}
	late := time.NewTimer(s.options.Timeout)
	defer late.Stop()
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		if s.queue.withdraw(o) {
			return ctx.Err()
		}
	case <-late.C:
		s.queue.withdraw(o)
		return fmt.Errorf("sqlitestore: %s: %s took longer than %v: %w", s.path, what, s.options.Timeout, satra.ErrUnavailable)
	}
	select {
	case <-o.done:
		return o.err
	case <-late.C:
		return fmt.Errorf("sqlitestore: %s: %s took longer than %v: %w", s.path, what, s.options.Timeout, satra.ErrUnavailable)
	}
}
