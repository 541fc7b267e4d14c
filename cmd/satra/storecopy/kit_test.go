package storecopy_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/satra/storecopy"
	"github.com/satra-sessions/satra/memstore"
)

// A kit is two stores and the clock of both.
type kit struct {
	*testing.T
	now      time.Time
	from, to *memstore.Store
}

func newKit(t *testing.T) *kit {
	k := &kit{T: t, now: time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return k.now }
	k.from, k.to = memstore.New(&memstore.Options{Now: clock}), memstore.New(&memstore.Options{Now: clock})
	return k
}

// begin begins a session in a store, signed in unless principal is "".
func (k *kit) begin(s satra.Store, principal string) satra.ID {
	k.Helper()
	r := &satra.Record{
		Generation: 1, Version: 1, Created: k.now, Begun: k.now, Seen: k.now, Idle: time.Hour, Lifetime: 12 * time.Hour,
		FirstDevice: satra.Device{UserAgent: "Browser/1.0", Addr: "192.0.2.1"},
		Values:      []satra.Value{{Key: "a", Data: []byte(principal), Rev: 1}},
	}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	rand.Read(r.Seed[:])
	if err := s.Create(k.Context(), r); err != nil {
		k.Fatal(err)
	}
	if principal != "" {
		state, err := s.Principal(k.Context(), principal)
		if err != nil {
			k.Fatal(err)
		}
		k.apply(s, r.ID, &satra.Change{SignIn: &satra.Binding{
			Principal: principal, Method: "password", Secret: r.Secret, Seed: r.Seed, Epoch: state.Epoch, Keep: []string{"a"},
		}})
	}
	return r.ID
}

func (k *kit) apply(s satra.Store, id satra.ID, c *satra.Change) {
	k.Helper()
	c.At = k.now
	if _, err := s.Apply(k.Context(), id, c); err != nil {
		k.Fatal(err)
	}
}

func (k *kit) end(s satra.Store, id satra.ID) {
	k.Helper()
	k.apply(s, id, &satra.Change{End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut, Actor: "alice"}})
}

func (k *kit) find(s satra.Store, id satra.ID) *satra.Record {
	k.Helper()
	r, err := s.Find(k.Context(), id, satra.Fresh)
	if err != nil {
		k.Fatal(err)
	}
	return r
}

// copy copies everything, which has to succeed.
func (k *kit) copy(from, to satra.Store, o *storecopy.Options) storecopy.Report {
	k.Helper()
	report, err := storecopy.Copy(k.Context(), from, to, o)
	if err != nil {
		k.Fatal(err)
	}
	return report
}

// expect holds a report's counts against those that are wanted.
func (k *kit) expect(what string, r storecopy.Report, want storecopy.Report) {
	k.Helper()
	r.Passes, r.Problems = 0, nil
	if got, want := fmt.Sprintf("%+v", r), fmt.Sprintf("%+v", want); got != want {
		k.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

// fill fills the store copied from with sessions of all kinds and returns their
// IDs.
func (k *kit) fill(n int) (live, over []satra.ID) {
	for i := range n {
		switch i % 4 {
		case 0:
			live = append(live, k.begin(k.from, ""))
		case 1:
			live = append(live, k.begin(k.from, fmt.Sprint("user ", i%7)))
		case 2:
			id := k.begin(k.from, "alice")
			k.end(k.from, id)
			over = append(over, id)
		case 3:
			id := k.begin(k.from, "")
			k.apply(k.from, id, &satra.Change{Idle: time.Second})
			over = append(over, id)
		}
	}
	k.now = k.now.Add(2 * time.Second)
	return live, over
}

// A meddler is a store in which something happens when a record is imported.
type meddler struct {
	satra.Store
	imports int
	before  func(n int, r *satra.Record) (*satra.Record, error)
}

func (m *meddler) Import(ctx context.Context, r *satra.Record) (bool, error) {
	m.imports++
	r, err := m.before(m.imports, r)
	if err != nil {
		return false, err
	}
	return m.Store.Import(ctx, r)
}

// sequential copies one record at a time, so that a meddler knows what comes.
func sequential() *storecopy.Options { return &storecopy.Options{Parallel: 1} }

// withoutValues returns the record without values.
func withoutValues(r *satra.Record) *satra.Record {
	bare := *r
	bare.Values = slices.Clone(r.Values[:0])
	return &bare
}
