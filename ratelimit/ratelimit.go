// Package ratelimit bounds how often something may be done: requests by a
// session, sign-ins by an account and an address. It counts by the generic cell
// rate algorithm (GCRA): one instant for each key, no windows whose edges can be
// used, and an exact answer to "when again?".
//
//	limiter, err := ratelimit.New(nil, nil)
//	…
//	mux.Handle("POST /orders", limiter.PerSession("orders", ratelimit.PerMinute(30))(orders))
//
// Counts are kept in memory, for one process, or by a back end that several
// share: redisstore and pgstore are such back ends.
package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/satra-sessions/satra"
)

// A Limit is how often something may be done: Count times in Per on average,
// and as many at once. The zero Limit forbids everything.
type Limit struct {
	Count int
	Per   time.Duration
}

// PerMinute is n times a minute.
func PerMinute(n int) Limit { return Limit{n, time.Minute} }

// Times is the limit so many times as high.
func (l Limit) Times(n int) Limit { return Limit{l.Count * n, l.Per} }

// valid reports what is wrong with the limit.
func (l Limit) valid() error {
	if l.Count < 1 || l.Per < time.Millisecond || l.Per/time.Duration(l.Count) < time.Microsecond {
		return fmt.Errorf("ratelimit: a limit of %d in %v: want at least 1, in at least a millisecond, and at most one a microsecond", l.Count, l.Per)
	}
	return nil
}

// A Backend keeps counts that several processes share. Its one method takes one
// of count from a key, if that is to be had, in one command: see [Limiter.Take]
// for what it returns. It owns its deadline, which had better be short, and is
// safe for concurrent use. Keys are hashes of a fixed length.
type Backend interface {
	TakeLimit(ctx context.Context, key string, count int, per time.Duration) (left int, wait, full time.Duration, err error)
}

// Options of a [Limiter]. The zero value is a good choice.
type Options struct {
	// Capacity bounds the keys that are remembered in memory. When it is full of
	// keys that count, those least used are forgotten. Default 262,144, some 20
	// MB when full.
	Capacity int

	// WhenDown is what is done while the back end cannot be reached. Default
	// [CountHere].
	WhenDown WhenDown

	// Now is a clock for tests. Default time.Now.
	Now func() time.Time
}

// WhenDown is what a limiter does while its back end cannot be reached.
type WhenDown uint8

// The choices.
const (
	CountHere WhenDown = iota // count in this process's memory meanwhile: each node allows the whole limit
	Forbid                    // answer ErrUnavailable
	Allow                     // allow everything: for limits that protect nothing but the load
)

// A Limiter counts. It is safe for concurrent use; it starts no goroutine, so
// there is nothing to close.
type Limiter struct {
	backend  Backend
	memory   *memory
	whenDown WhenDown
}

// New returns a limiter. A nil backend counts in memory; nil options are the
// defaults.
func New(backend Backend, o *Options) (*Limiter, error) {
	if o == nil {
		o = &Options{}
	}
	var errs []error
	if o.Capacity < 0 || o.Capacity > 1<<26 {
		errs = append(errs, fmt.Errorf("ratelimit: Options.Capacity: %d is not between 1 and %d, or 0 for the default", o.Capacity, 1<<26))
	}
	if o.WhenDown > Allow {
		errs = append(errs, errors.New("ratelimit: Options.WhenDown: want ratelimit.CountHere, Forbid or Allow"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Limiter{backend: backend, memory: newMemory(o), whenDown: o.WhenDown}, nil
}

// A Result says whether something may be done.
type Result struct {
	Limit Limit
	Left  int           // how often it may be done at once, after this
	Wait  time.Duration // 0: it may be done now; else when it may be tried again
	Full  time.Duration // when all of the limit is there again
}

// Allowed reports whether it may be done now.
func (r Result) Allowed() bool { return r.Wait == 0 }

// Take counts one use of a key, under a name that tells one limit from another,
// if that is allowed; what is not allowed does not count. A client that has gone
// is counted too. Keys may be any text,
// and are kept as hashes.
//
// Errors: a limit that is none; [satra.ErrUnavailable], with [Forbid].
func (l *Limiter) Take(ctx context.Context, name, key string, limit Limit) (Result, error) {
	r := Result{Limit: limit}
	if err := limit.valid(); err != nil {
		return r, err
	}
	if l.backend == nil {
		r.Left, r.Wait, r.Full = l.memory.take(name, key, limit)
		return r, nil
	}
	var err error
	r.Left, r.Wait, r.Full, err = l.backend.TakeLimit(context.WithoutCancel(ctx), shared(name, key), limit.Count, limit.Per)
	switch {
	case err == nil:
		return r, nil
	case l.whenDown == Forbid:
		return r, fmt.Errorf("ratelimit: %w: %w", satra.ErrUnavailable, err)
	case l.whenDown == Allow:
		r.Left, r.Wait, r.Full = limit.Count, 0, 0
		return r, nil
	}
	r.Left, r.Wait, r.Full = l.memory.take(name, key, limit)
	return r, nil
}
