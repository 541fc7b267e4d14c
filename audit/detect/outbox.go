package detect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// An outbox sends messages one after the other, in their order, and repeats each with
// growing pauses until it is taken.
type outbox[M any] struct {
	to       string // "webhook"
	attempts int
	send     func(context.Context, M) (again bool, err error) // once; again: it is worth while to repeat it
	problem  func(error)

	queue  chan M
	stop   context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	closed bool
}

// Defaults of every outbox.
const (
	defaultAttempts = 8
	defaultQueue    = 1000
)

func newOutbox[M any](to string, attempts, queue int, problem func(error), send func(context.Context, M) (bool, error)) *outbox[M] {
	if attempts <= 0 {
		attempts = defaultAttempts
	}
	if queue <= 0 {
		queue = defaultQueue
	}
	if problem == nil {
		problem = func(error) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &outbox[M]{to: to, attempts: attempts, send: send, problem: problem, queue: make(chan M, queue), stop: stop, ended: make(chan struct{})}
	go b.run(ctx)
	return b
}

// put takes a message, and does not wait for it to be sent.
func (b *outbox[M]) put(m M) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("detect: the %s is closed", b.to)
	}
	select {
	case b.queue <- m:
		return nil
	default:
		return fmt.Errorf("detect: %d messages to the %s wait already", cap(b.queue), b.to)
	}
}

func (b *outbox[M]) run(ctx context.Context) {
	defer close(b.ended)
	for m := range b.queue {
		if err := b.deliver(ctx, m); err != nil {
			b.problem(fmt.Errorf("detect: a message to the %s was given up: %w", b.to, err))
		}
	}
}

// deliver sends a message until it is taken.
func (b *outbox[M]) deliver(ctx context.Context, m M) (err error) {
	for n := range b.attempts {
		if n > 0 {
			pause := min(time.Second<<min(n, 6), time.Minute)
			timer := time.NewTimer(pause/2 + rand.N(pause/2))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return err
			}
		}
		again := false
		if again, err = b.send(ctx, m); err == nil || !again {
			return err
		}
	}
	return err
}

// close sends what waits, until ctx is done. What is left is given up.
func (b *outbox[M]) close(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.queue)
	}
	b.mu.Unlock()
	defer b.stop()
	select {
	case <-b.ended:
		return nil
	case <-ctx.Done():
		b.stop()
		<-b.ended
		return context.Cause(ctx)
	}
}

// All returns a hook for [PolicyOptions] that calls each of the others, also if one of
// them fails, and joins their errors.
func All(hooks ...func(context.Context, Decision) error) func(context.Context, Decision) error {
	return func(ctx context.Context, d Decision) error {
		var errs []error
		for _, hook := range hooks {
			errs = append(errs, hook(ctx, d))
		}
		return errors.Join(errs...)
	}
}
