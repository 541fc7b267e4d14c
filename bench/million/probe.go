package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/satra-sessions/satra/memstore"
)

// A probe looks for a random session every millisecond, and for one in a store
// where nothing else goes on: what that one takes is the machine's fault.
type probe struct {
	stop context.CancelFunc
	done sync.WaitGroup

	times, controls []time.Duration
	err             error
}

func watch(ctx context.Context, f *filled) *probe {
	ctx, stop := context.WithCancel(ctx)
	p := &probe{stop: stop}
	calm := &filled{config: config{n: 1}, store: ours{memstore.New(nil)}, ids: f.ids[:1], at: f.at, soon: f.soon}
	p.err = calm.store.begin(ctx, calm, 0)
	p.done.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for p.err == nil {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			n := int(f.begun.Load())
			if n <= f.clients { // the clients do not finish in order
				continue
			}
			began := time.Now()
			err := f.store.find(context.WithoutCancel(ctx), f, f.lasting(rand.IntN(n-f.clients)))
			p.times = append(p.times, time.Since(began))
			if err != nil {
				p.err = err
				return
			}
			began = time.Now()
			p.err = calm.store.find(context.WithoutCancel(ctx), calm, 0)
			p.controls = append(p.controls, time.Since(began))
		}
	})
	return p
}

// lasting returns a session near i that is not over soon.
func (f *filled) lasting(i int) int {
	if f.soonOver(i) {
		return i - 1
	}
	return i
}

// end returns the longest look, and the longest at the calm store.
func (p *probe) end() (longest, control time.Duration, err error) {
	p.stop()
	p.done.Wait()
	return most(p.times), most(p.controls), p.err
}

func most(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return slices.Max(times)
}

// latencies calls do n times and returns its median, 99th percentile and maximum:
// 0 if it cannot be done at all.
func latencies(n int, do func() error) (p50, p99, longest time.Duration, err error) {
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		err := do()
		if errors.Is(err, errors.ErrUnsupported) {
			return 0, 0, 0, nil
		}
		if err != nil {
			return 0, 0, 0, err
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[n/2], times[n*99/100], times[n-1], nil
}
