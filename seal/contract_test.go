package seal_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/seal"
	"github.com/satra-sessions/satra/storetest"
)

// TestContract holds a sealed store to all that a store promises.
func TestContract(t *testing.T) {
	ring := newRing(t)
	storetest.Run(t, storetest.Harness{Open: func(t storetest.TB) satra.Store {
		s, err := seal.New(memstore.New(&memstore.Options{MaxRecord: 2 << 20}), ring, nil)
		if err != nil {
			t.Fatalf("New: %v", err)
		}
		return &wideSeeds{Store: s, whole: map[satra.Seed]satra.Seed{}}
	}})
}

// newRing returns a ring of one new key in a file.
func newRing(t testing.TB) *seal.Ring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := seal.CreateFile(path, time.Now()); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Open(t.Context(), seal.File(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ring.Close)
	return ring
}

// wideSeeds lets the suite, which holds a store to all 32 bytes of a seed, test
// one that has room for seeds as the core makes them: 24 bytes and zeros.
type wideSeeds struct {
	satra.Store
	mu    sync.Mutex
	whole map[satra.Seed]satra.Seed // by what is stored in its place
}

func (w *wideSeeds) narrow(seed satra.Seed) satra.Seed {
	if seed == (satra.Seed{}) {
		return seed
	}
	narrow := seed
	clear(narrow[24:])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole[narrow] = seed
	return narrow
}

func (w *wideSeeds) widen(seed satra.Seed) satra.Seed {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.whole[seed]
}

// seeds returns r with its seeds replaced.
func seeds(r *satra.Record, f func(satra.Seed) satra.Seed) *satra.Record {
	if r == nil {
		return nil
	}
	c := *r
	c.Seed = f(r.Seed)
	c.Retired = nil
	for _, old := range r.Retired {
		if old.Seed != nil {
			old.Seed = new(f(*old.Seed))
		}
		c.Retired = append(c.Retired, old)
	}
	return &c
}

func (w *wideSeeds) Create(ctx context.Context, r *satra.Record) error {
	return w.Store.Create(ctx, seeds(r, w.narrow))
}

func (w *wideSeeds) Import(ctx context.Context, r *satra.Record) (bool, error) {
	return w.Store.Import(ctx, seeds(r, w.narrow))
}

func (w *wideSeeds) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	r, err := w.Store.Find(ctx, id, f)
	return seeds(r, w.widen), err
}

func (w *wideSeeds) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	change := *c
	if c.SignIn != nil {
		b := *c.SignIn
		b.Seed = w.narrow(b.Seed)
		change.SignIn = &b
	}
	result, err := w.Store.Apply(ctx, id, &change)
	result.Record = seeds(result.Record, w.widen)
	return result, err
}
