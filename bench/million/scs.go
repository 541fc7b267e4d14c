package main

import (
	"context"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
)

// scsMemory is scs's store in memory, for comparison: the same two values, as scs
// encodes them, under a token; it knows of no devices and no principals.
type scsMemory struct {
	*memstore.MemStore
	tokens []string
}

// sweepEvery is how often it sweeps: by default once a minute, for as long.
const sweepEvery = 10 * time.Second

func openSCS(r *run) (opened, error) {
	s := &scsMemory{MemStore: memstore.NewWithCleanupInterval(sweepEvery), tokens: make([]string, r.n)}
	r.Cleanup(s.StopCleanup)
	return opened{s, heap, s.wait}, nil
}

func (s *scsMemory) begin(_ context.Context, f *filled, i int) error {
	return s.commit(f, i, f.at.Add(30*24*time.Hour))
}

func (s *scsMemory) commit(f *filled, i int, expiry time.Time) error {
	data, err := scs.GobCodec{}.Encode(expiry, map[string]any{"page": "/charts/", "visits": 1000000001})
	if err != nil {
		return err
	}
	s.tokens[i] = f.ids[i].String() + f.ids[i].String()[:21] // 43 characters, as its own have
	return s.Commit(s.tokens[i], data, expiry)
}

func (s *scsMemory) find(_ context.Context, f *filled, i int) error {
	_, found, err := s.Find(s.tokens[i])
	if err == nil && !found && !f.soonOver(i) {
		err = errors.New("a session is gone")
	}
	return err
}

// list is not to be had: this store knows of no principals.
func (s *scsMemory) list(context.Context, *string) error { return errors.ErrUnsupported }

// wait lets a tenth be over, and the store sweep it by itself.
func (s *scsMemory) wait(ctx context.Context, f *filled) (w sweeping, err error) {
	for i := range f.n {
		if f.soonOver(i) {
			w.swept++
			if err := s.commit(f, i, time.Now().Add(time.Second)); err != nil {
				return w, err
			}
		}
	}
	until := time.NewTimer(sweepEvery + 3*time.Second)
	defer until.Stop()
	select {
	case <-until.C:
	case <-ctx.Done():
		return w, ctx.Err()
	}
	w.took = -1 // by itself: nobody knows
	return w, nil
}
