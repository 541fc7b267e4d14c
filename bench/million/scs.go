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

// sweepAfter is when a tenth of its sessions is over: when they have all begun,
// and have been looked for.
const sweepAfter = 30 * time.Second

func openSCS(r *run) (opened, error) {
	s := &scsMemory{MemStore: memstore.NewWithCleanupInterval(sweepAfter + time.Second), tokens: make([]string, r.n)}
	r.Cleanup(s.StopCleanup)
	return opened{s, heap, s.wait}, nil
}

func (s *scsMemory) begin(_ context.Context, f *filled, i int) error {
	lifetime := 30 * 24 * time.Hour
	if f.soonOver(i) {
		lifetime = sweepAfter
	}
	expiry := f.at.Add(2*time.Minute + lifetime)
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

// list does nothing: this store cannot list.
func (s *scsMemory) list(context.Context, *string) error { return nil }

// wait lets the store sweep by itself.
func (s *scsMemory) wait(ctx context.Context, f *filled) (w sweeping, err error) {
	until := time.NewTimer(time.Until(f.at.Add(2*time.Minute + sweepAfter + 3*time.Second)))
	defer until.Stop()
	select {
	case <-until.C:
	case <-ctx.Done():
		return w, ctx.Err()
	}
	w.swept = soonOverOf(f)
	return w, nil
}
