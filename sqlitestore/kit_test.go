package sqlitestore

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// t0 is when the tests begin.
var t0 = time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC)

// patient are options for a slow machine.
func patient() *Options { return &Options{Timeout: time.Minute} }

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "sessions.db") }

// opened opens a store, and closes it after the test.
func opened(t testing.TB, path string, o *Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

func closed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func newRecord() *satra.Record {
	r := &satra.Record{
		Generation: 1, Version: 1, Created: t0, Begun: t0, Seen: t0, Idle: time.Hour, Lifetime: 12 * time.Hour,
		FirstDevice: satra.Device{UserAgent: "Browser/1.0", Addr: "192.0.2.1"},
	}
	r.LastDevice = r.FirstDevice
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	rand.Read(r.Seed[:])
	return r
}

func created(t testing.TB, s *Store) *satra.Record {
	t.Helper()
	r := newRecord()
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatalf("Create: %v", err)
	}
	return r
}

func found(t testing.TB, s *Store, id satra.ID) *satra.Record {
	t.Helper()
	r, err := s.Find(t.Context(), id, satra.Fresh)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	return r
}

func applied(t testing.TB, s *Store, id satra.ID, c *satra.Change) satra.Result {
	t.Helper()
	result, err := s.Apply(t.Context(), id, c)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return result
}

func setValue(key, data string) *satra.Change {
	return &satra.Change{At: t0, Set: []satra.Value{{Key: key, Data: []byte(data)}}}
}

func touching(after time.Duration) *satra.Change {
	return &satra.Change{At: t0.Add(after), Seen: t0.Add(after)}
}

func ending(why satra.Reason) *satra.Change {
	return &satra.Change{At: t0, End: &satra.End{At: t0, Reason: why, Actor: "somebody"}}
}

// signedIn signs a new session in.
func signedIn(t testing.TB, s *Store, principal string) satra.ID {
	t.Helper()
	state, err := s.Principal(t.Context(), principal)
	if err != nil {
		t.Fatalf("Principal: %v", err)
	}
	r := created(t, s)
	applied(t, s, r.ID, &satra.Change{At: t0, SignIn: &satra.Binding{Principal: principal, Method: "password", Epoch: state.Epoch}})
	return r.ID
}

// value returns a value's text.
func value(r *satra.Record, key string) string {
	v, _ := r.Value(key)
	return string(v.Data)
}

// pause keeps the writer busy until the function that it returns is called.
func pause(t testing.TB, s *Store) (resume func()) {
	busy, free := make(chan struct{}), make(chan struct{})
	go func() {
		err := s.do(context.Background(), "pause", func(*tx) error {
			close(busy)
			<-free
			return nil
		})
		if err != nil && s.options.Timeout >= time.Minute {
			t.Errorf("a pause of the writer: %v", err)
		}
	}()
	<-busy
	return func() { close(free) }
}
