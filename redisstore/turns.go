package redisstore

import (
	"context"
	"sync"
)

// turns lets the sign-ins of one principal on this node take their turns, so
// that they wait here for each other and not by asking the server.
type turns struct {
	mu  sync.Mutex
	all map[string]*turn
}

type turn struct {
	taken   chan struct{} // has room for one: whose turn it is
	waiting int
}

// take waits for the turn; the caller calls the function that it returns.
func (t *turns) take(ctx context.Context, name string) (done func(), err error) {
	t.mu.Lock()
	if t.all == nil {
		t.all = map[string]*turn{}
	}
	mine := t.all[name]
	if mine == nil {
		mine = &turn{taken: make(chan struct{}, 1)}
		t.all[name] = mine
	}
	mine.waiting++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if mine.waiting--; mine.waiting == 0 {
			delete(t.all, name)
		}
	}
	select {
	case mine.taken <- struct{}{}:
		return func() {
			<-mine.taken
			leave()
		}, nil
	case <-ctx.Done():
		leave()
		return nil, fault(ctx, ctx.Err())
	}
}
