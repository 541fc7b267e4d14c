package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// A recorder makes calls and writes each down: before it is made, and after it
// was answered. It is safe for concurrent use.
type recorder struct {
	store satra.Store

	mu   sync.Mutex
	to   func(line) error
	last int // number of an operation
}

// intoPipe writes lines for the parent. What was written before a kill the parent
// gets, since the pipe is the system's.
func intoPipe(w io.Writer) func(line) error {
	encoder := json.NewEncoder(w)
	return func(l line) error { return encoder.Encode(l) }
}

// errPipe ends a child whose parent has gone.
var errPipe = errors.New("nobody reads the log")

func (r *recorder) write(l line) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.Begun != nil {
		r.last++
		l.Begun.Op, l.Begun.At = r.last, time.Now().UnixMicro()
	}
	if err := r.to(l); err != nil {
		return errors.Join(errPipe, err)
	}
	return nil
}

// do makes one call, and returns what was answered.
func (r *recorder) do(ctx context.Context, o *operation) (answer, error) {
	if err := r.write(line{Begun: o}); err != nil {
		return unknown, err
	}
	var ended []satra.Ended
	var err error
	switch o.Kind {
	case create:
		err = r.store.Create(ctx, o.record())
	case endAll:
		ended, err = r.store.EndAll(ctx, o.ending())
	default:
		var result satra.Result
		result, err = r.store.Apply(ctx, o.ID, o.change())
		ended = result.Ended
	}
	over := &outcome{Of: o.Op, Got: answerOf(err)}
	for _, e := range ended {
		over.Ended = append(over.Ended, e.ID)
	}
	return over.Got, r.write(line{Over: over})
}
