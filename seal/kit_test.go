package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

var t0 = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// A vault is a source of keys that a test changes, and a clock.
type vault struct {
	mu    sync.Mutex
	doc   document
	now   time.Time
	reads int
	err   error
}

func newVault(ids ...byte) *vault {
	v := &vault{now: t0}
	for _, id := range ids {
		v.add(id, t0)
	}
	return v
}

func (v *vault) add(id byte, activeFrom time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := entry{info: KeyInfo{ID: KeyID{id, 1, 2, 3}, Created: v.now, ActiveFrom: activeFrom}, secret: randomMaterial()}
	v.doc.entries = append(v.doc.entries, e)
}

func (v *vault) Keys(context.Context) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads++
	if v.err != nil {
		return nil, v.err
	}
	return v.doc.format()
}

func (v *vault) String() string { return "the test's vault" }

func (v *vault) clock() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// change lets a test change the vault while a ring may be reading it.
func (v *vault) change(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

func (v *vault) pass(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = v.now.Add(d)
}

func (v *vault) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reads
}

// ring opens a ring of the vault's keys.
func (v *vault) ring(t testing.TB) *Ring {
	t.Helper()
	r, err := Open(t.Context(), v, &RingOptions{Now: v.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// A node is a sealed store, and what lies under it.
type node struct {
	*Store
	under satra.Store
	t     testing.TB
}

func newNode(t testing.TB, under satra.Store, ring *Ring, o *Options) node {
	t.Helper()
	s, err := New(under, ring, o)
	if err != nil {
		t.Fatal(err)
	}
	return node{s, under, t}
}

// alone is a node with a store and a key of its own.
func alone(t testing.TB) node { return newNode(t, memstore.New(nil), newVault(1).ring(t), nil) }

func aSeed() (s satra.Seed) {
	rand.Read(s[:seedRandom])
	return s
}

// record returns a record with these values, by pairs of key and data.
func record(pairs ...string) *satra.Record {
	r := &satra.Record{
		Seed: aSeed(), Generation: 1, Version: 1, Created: t0, Begun: t0, Seen: t0,
		Idle: satra.Never, Lifetime: satra.Never,
	}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	for i := 0; i < len(pairs); i += 2 {
		r.Values = append(r.Values, satra.Value{Key: pairs[i], Data: []byte(pairs[i+1]), Rev: 1})
	}
	return r
}

func (n node) create(r *satra.Record) *satra.Record {
	n.t.Helper()
	if err := n.Create(context.Background(), r); err != nil {
		n.t.Fatal(err)
	}
	return r
}

func (n node) set(id satra.ID, name, data string) {
	n.t.Helper()
	_, err := n.Apply(context.Background(), id, &satra.Change{At: t0, Set: []satra.Value{{Key: name, Data: []byte(data)}}})
	if err != nil {
		n.t.Fatal(err)
	}
}

// found returns the record as the sealed store gives it, stored as it lies.
func (n node) found(id satra.ID) *satra.Record  { return n.find(n.Store, id) }
func (n node) stored(id satra.ID) *satra.Record { return n.find(n.under, id) }

func (n node) find(s satra.Store, id satra.ID) *satra.Record {
	n.t.Helper()
	r, err := s.Find(context.Background(), id, satra.Fresh)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

func (n node) want(id satra.ID, name, data string) {
	n.t.Helper()
	if v, _ := n.found(id).Value(name); string(v.Data) != data {
		n.t.Errorf("value %q: got %q, want %q", name, v.Data, data)
	}
}

// plant imports a record into the store below, past the seal.
func (n node) plant(r *satra.Record) satra.ID {
	n.t.Helper()
	r.Version += 1000
	if changed, err := n.under.Import(context.Background(), r); err != nil || !changed {
		n.t.Fatalf("Import: %v, %v", changed, err)
	}
	return r.ID
}

var errVault = errors.New("the vault is shut")
