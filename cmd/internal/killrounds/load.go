package main

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// How many goroutines there are of each sort, and what they work on.
const (
	livers       = 12
	countersOf   = 4 // goroutines for
	countedIn    = 2 // sessions
	ordinary     = 8 // principals
	doorkeepers  = 2 // one for each principal that is disabled and enabled again
	limit        = 3
	restBetween  = 5 * time.Millisecond // while the store is away
	mostCommits  = 4
	principalFmt = "principal %d of %s"
	barredFmt    = "barred %d of %s"
)

// A rule is how a principal's sessions are limited.
type rule struct {
	limit     int
	endOldest bool
}

// rules go by the principal's number: without a limit, the oldest go, and the
// newest is refused.
var rules = []rule{{}, {limit, true}, {}, {limit, false}}

func ruleOf(principal int) rule { return rules[principal%len(rules)] }

// load works on the store from many goroutines, until ctx is done or nobody
// reads the log any more. Principals carry the round's name.
func load(ctx context.Context, r *recorder, round string, seed uint64) error {
	counted, err := createCounted(ctx, r)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	errs := make(chan error, livers+countersOf+doorkeepers)
	start := func(n int, f func(*worker) error) {
		w := &worker{r, round, rand.New(rand.NewPCG(seed, uint64(n)))}
		all.Go(func() {
			for ctx.Err() == nil {
				if err := f(w); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for n := range livers {
		start(n, func(w *worker) error { return w.life(ctx) })
	}
	for n := range countersOf {
		start(livers+n, func(w *worker) error { return w.increment(ctx, counted[n%len(counted)]) })
	}
	for n := range doorkeepers {
		door := fmt.Sprintf(barredFmt, n, round)
		start(livers+countersOf+n, func(w *worker) error { return w.toggle(ctx, door) })
	}
	all.Wait()
	close(errs)
	return <-errs
}

// A worker is one goroutine of the load.
type worker struct {
	*recorder
	round string
	*rand.Rand
}

// call makes a call. If it is unknown what became of it, call waits until the
// store is there again; whoever called lets the session be from then on.
func (w *worker) call(ctx context.Context, o *operation) (bool, error) {
	// A call that has begun is not cancelled by the end of the load.
	got, err := w.do(context.WithoutCancel(ctx), o)
	if err == nil && got == unknown {
		w.back(ctx)
	}
	return got == acknowledged, err
}

// back waits until the store answers. It asks for a session, since a server that
// still reads its files tells the time.
func (w *worker) back(ctx context.Context) {
	for {
		if _, err := w.store.Find(ctx, newID(), satra.Fresh); errors.Is(err, satra.ErrNotFound) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(restBetween):
		}
	}
}

func newID() (id satra.ID) {
	crand.Read(id[:])
	return id
}

// life is one session's, from its creation to its end, unless it is one that
// stays. It is over as soon as something is not acknowledged.
func (w *worker) life(ctx context.Context) error {
	id, secret := newID(), 0
	number := w.IntN(ordinary)
	principal, rule := fmt.Sprintf(principalFmt, number, w.round), ruleOf(number)
	steps := []*operation{{Kind: create}, {Kind: commit, N: 1}}
	if w.IntN(6) > 0 {
		secret++
		steps = append(steps, &operation{Kind: signIn, N: secret, Principal: principal, Limit: rule.limit, EndOldest: rule.endOldest})
	}
	for n := range w.IntN(mostCommits) {
		steps = append(steps, &operation{Kind: commit, N: 2 + n})
		if w.IntN(3) == 0 {
			steps = append(steps, &operation{Kind: touch})
		}
	}
	for range w.IntN(3) {
		steps = append(steps, &operation{Kind: renew, From: secret, N: secret + 1}, &operation{Kind: commit, N: 10 + secret})
		secret++
	}
	if w.IntN(2) == 0 {
		steps = append(steps, &operation{Kind: end})
	}
	for _, o := range steps {
		o.ID = id
		if o.Kind == signIn {
			state, err := w.store.Principal(ctx, o.Principal)
			if err != nil {
				w.back(ctx)
				return nil
			}
			o.Epoch = state.Epoch
		}
		ok, err := w.call(ctx, o)
		if err != nil {
			return err
		}
		if !ok || ctx.Err() != nil {
			break
		}
	}
	if w.IntN(12) == 0 {
		_, err := w.call(ctx, &operation{Kind: endAll, Principal: principal})
		return err
	}
	return nil
}

// createCounted makes the sessions that several goroutines count in.
func createCounted(ctx context.Context, r *recorder) ([]satra.ID, error) {
	var all []satra.ID
	for len(all) < countedIn {
		o := &operation{Kind: create, ID: newID()}
		got, err := r.do(ctx, o)
		if err != nil || ctx.Err() != nil {
			return nil, err
		}
		if got == acknowledged {
			all = append(all, o.ID)
		}
	}
	return all, nil
}

// increment reads a counter and sets it one higher, if nobody was faster.
func (w *worker) increment(ctx context.Context, id satra.ID) error {
	found, err := w.store.Find(ctx, id, satra.Fresh)
	if err != nil {
		w.back(ctx)
		return nil
	}
	value, _ := found.Value(left)
	n, _ := strconv.Atoi(string(value.Data))
	_, err = w.call(ctx, &operation{Kind: count, ID: id, N: n + 1, Rev: value.Rev})
	return err
}

// toggle bars a principal and lets it in again.
func (w *worker) toggle(ctx context.Context, principal string) error {
	for _, access := range []satra.Access{satra.AccessDeny, satra.AccessAllow} {
		if _, err := w.call(ctx, &operation{Kind: endAll, Principal: principal, Access: access}); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// readLine reads what intoPipe wrote, and the half of a line that a kill has left
// as none.
func readLine(text []byte) (l line, ok bool, err error) {
	if len(text) == 0 || text[len(text)-1] != '\n' {
		return l, false, nil
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, false, err
	}
	if (l.Begun == nil) == (l.Over == nil) {
		return l, false, errors.New("a line of the log is neither a beginning nor an end")
	}
	return l, true, nil
}
