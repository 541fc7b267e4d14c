package satra

import (
	"context"
	"testing"
)

// Ten thousand streams keep no values and no secrets of their sessions, and
// nothing at all once they are over.
func TestWhatIsKeptForStreams(t *testing.T) {
	m, err := New(UnimplementedStore{}, &Options{SweepEvery: Never})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	rec := &Record{
		ID: ID{1}, Secret: Hash{1}, Seed: Seed{1}, Values: []Value{{Key: "large", Data: make([]byte, 1<<20)}},
		Retired: []Retired{{Secret: Hash{2}}}, Idle: Never, Lifetime: Never,
	}
	ss := m.streams
	var both []*Following
	for range 2 {
		_, cancel := context.WithCancelCause(t.Context())
		f := &Following{streams: ss, id: rec.ID, cancel: cancel, unhook: func() bool { return true }, news: make(chan Session, 1)}
		if err := ss.join(f, rec); err != nil {
			t.Fatal(err)
		}
		both = append(both, f)
	}
	ss.mu.Lock()
	kept := ss.followed[rec.ID]
	if r := kept.rec; len(kept.streams) != 2 || r.Values != nil || r.Retired != nil || r.Secret != (Hash{}) || r.Seed != (Seed{}) {
		t.Errorf("got %d streams and %+v, want two and an outline", len(kept.streams), *r)
	}
	ss.mu.Unlock()
	for _, f := range both {
		if ss.count.Load() != 1 {
			t.Errorf("got %d sessions followed, want one", ss.count.Load())
		}
		f.Close()
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.followed) != 0 || ss.count.Load() != 0 {
		t.Errorf("got %d sessions followed after the last stream, want none", len(ss.followed))
	}
}
