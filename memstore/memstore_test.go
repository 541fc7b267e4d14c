package memstore_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

var t0 = time.Date(2026, 11, 24, 3, 45, 0, 0, time.UTC)

// newRecord returns an anonymous record that was last seen at t0 plus after.
func newRecord(after time.Duration) *satra.Record {
	r := &satra.Record{
		Generation: 1, Version: 1, Created: t0, Begun: t0, Seen: t0.Add(after),
		Idle: time.Hour, Lifetime: 12 * time.Hour,
		FirstDevice: chrome, LastDevice: chrome,
	}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	return r
}

var chrome = satra.Device{UserAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", Addr: "203.0.113.7"}

func signIn(principal string, at time.Time) *satra.Change {
	b := &satra.Binding{Principal: principal, Method: "password"}
	rand.Read(b.Secret[:])
	return &satra.Change{At: at, SignIn: b}
}

// create puts a record in, signed in as the principal unless that is "".
func create(t testing.TB, s *memstore.Store, after time.Duration, principal string) satra.ID {
	t.Helper()
	r := newRecord(after)
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatalf("Create: %v", err)
	}
	if principal != "" {
		if _, err := s.Apply(t.Context(), r.ID, signIn(principal, r.Seen)); err != nil {
			t.Fatalf("sign-in: %v", err)
		}
	}
	return r.ID
}

func has(t *testing.T, s *memstore.Store, id satra.ID) bool {
	t.Helper()
	_, err := s.Find(t.Context(), id, satra.Fresh)
	if err != nil && !errors.Is(err, satra.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestTheLeastRecentlyUsedAnonymousSessionMakesRoom(t *testing.T) {
	s := memstore.New(&memstore.Options{Capacity: 8})
	first := create(t, s, 0, "")
	second := create(t, s, time.Second, "")
	create(t, s, 2*time.Second, "")
	create(t, s, 3*time.Second, "")
	if _, err := s.Apply(t.Context(), first, &satra.Change{At: t0.Add(time.Minute), Seen: t0.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	create(t, s, 4*time.Second, "")
	if has(t, s, second) || !has(t, s, first) {
		t.Errorf("kept the first %v, the second %v; want the second gone: it was used longest ago", has(t, s, first), has(t, s, second))
	}
	if got := s.Stats(); got.Anonymous != 4 || got.Evicted != 1 {
		t.Errorf("got %+v, want 4 anonymous sessions, half of the capacity, and one evicted", got)
	}
}

func TestASignedInSessionNeverMakesRoom(t *testing.T) {
	s := memstore.New(&memstore.Options{Capacity: 4})
	var signed []satra.ID
	for i := range 4 {
		signed = append(signed, create(t, s, 0, fmt.Sprint("user", i)))
	}
	if err := s.Create(t.Context(), newRecord(time.Minute)); !errors.Is(err, satra.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	for _, id := range signed {
		if !has(t, s, id) {
			t.Error("a signed-in session is gone")
		}
	}
	if err := s.Create(t.Context(), newRecord(2*time.Hour)); err != nil {
		t.Errorf("after the others have expired: got %v, want room", err)
	}
}

func TestTombstonesAreBoundedAndAnonymousOnesGoFirst(t *testing.T) {
	s := memstore.New(&memstore.Options{Capacity: 40}) // ten tombstones
	end := func(id satra.ID) {
		if _, err := s.Apply(t.Context(), id, &satra.Change{At: t0.Add(time.Minute), End: &satra.End{At: t0.Add(time.Minute), Reason: satra.ReasonSignedOut}}); err != nil {
			t.Fatal(err)
		}
	}
	var signed, anonymous []satra.ID
	for i := range 5 {
		signed = append(signed, create(t, s, 0, fmt.Sprint("user", i)))
		end(signed[i])
	}
	for range 10 {
		id := create(t, s, 0, "")
		anonymous = append(anonymous, id)
		end(id)
	}
	if got := s.Stats().Records; got != 10 {
		t.Errorf("got %d records, want the ten tombstones that a quarter of the capacity allows", got)
	}
	kept := func(ids []satra.ID) (n int) {
		for _, id := range ids {
			if has(t, s, id) {
				n++
			}
		}
		return n
	}
	if kept(signed) != 5 || kept(anonymous) != 5 {
		t.Errorf("kept %d signed and %d anonymous, want 5 and 5", kept(signed), kept(anonymous))
	}
	if has(t, s, anonymous[0]) || !has(t, s, anonymous[9]) {
		t.Error("a newer tombstone went before an older one")
	}
}

// What was swept is no tombstone any more, however many there ever were.
func TestSweptTombstonesDoNotCount(t *testing.T) {
	s := memstore.New(&memstore.Options{Capacity: 8}) // two tombstones
	end := func(id satra.ID) {
		t.Helper()
		if _, err := s.Apply(t.Context(), id, &satra.Change{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonAdministrator}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		end(create(t, s, 0, "alice"))
		end(create(t, s, 0, "bob"))
		if n, err := s.Sweep(t.Context(), t0.Add(time.Hour), 10); n != 2 || err != nil {
			t.Fatalf("Sweep: got %d, %v; want 2", n, err)
		}
	}
	anonymous := create(t, s, 0, "")
	end(anonymous)
	if !has(t, s, anonymous) {
		t.Error("the only tombstone there is was dropped as one too many")
	}
}

func TestNothingIsLeftOfAPrincipal(t *testing.T) {
	s := memstore.New(nil)
	id := create(t, s, 0, "alice")
	if _, err := s.EndAll(t.Context(), satra.Ending{At: t0, Principal: "alice", End: satra.End{At: t0, Reason: satra.ReasonAdministrator}}); err != nil {
		t.Fatal(err)
	}
	state, _ := s.Principal(t.Context(), "alice")
	if state.Epoch.Own == 0 {
		t.Errorf("after the end: got %+v, want a raised epoch", state)
	}
	if n, err := s.Sweep(t.Context(), t0.Add(time.Hour), 10); n != 1 || err != nil {
		t.Fatalf("Sweep: got %d, %v; want 1", n, err)
	}
	if again, _ := s.Principal(t.Context(), "alice"); again != state {
		t.Errorf("an hour later: got %+v, want the epoch as it was: a sign-in may be under way", again)
	}
	if _, err := s.Sweep(t.Context(), t0.Add(25*time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	state, _ = s.Principal(t.Context(), "alice")
	if state != (satra.PrincipalState{}) || has(t, s, id) {
		t.Errorf("after the sweep: got %+v, want nothing", state)
	}
}

// BenchmarkMillion fills a store with a million signed-in sessions that have two
// values, a device and an owner each, and reports what one takes and the longest
// stall of a sweep of a tenth of them.
func BenchmarkMillion(b *testing.B) {
	const sessions, values = 1_000_000, 2
	for b.Loop() {
		before := heap()
		s := memstore.New(&memstore.Options{Capacity: 3 * sessions})
		for i := range sessions {
			r := newRecord(time.Duration(i%600) * time.Second)
			r.Values = []satra.Value{{Key: "theme", Data: []byte(`"dark"`), Rev: 1}, {Key: "watchlist", Data: []byte(`["RELIANCE"]`), Rev: 1}}
			if err := s.Create(b.Context(), r); err != nil {
				b.Fatal(err)
			}
			c := signIn(fmt.Sprintf("user-%07d", i), r.Seen)
			c.SignIn.Keep = []string{"theme", "watchlist"}
			if _, err := s.Apply(b.Context(), r.ID, c); err != nil {
				b.Fatal(err)
			}
			// A later touch forgets the retired secret of the sign-in.
			if _, err := s.Apply(b.Context(), r.ID, &satra.Change{At: r.Seen.Add(time.Minute), Seen: r.Seen.Add(time.Minute)}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/sessions, "B/session")
		var steps []time.Duration
		for swept := 0; swept < sessions/10; {
			began := time.Now()
			n, err := s.Sweep(b.Context(), t0.Add(3*time.Hour), 1000)
			steps = append(steps, time.Since(began))
			if err != nil || n == 0 {
				b.Fatalf("swept %d, %v", n, err)
			}
			swept += n
		}
		slices.Sort(steps)
		b.ReportMetric(float64(steps[len(steps)-1].Microseconds()), "µs/longest-sweep-step")
		b.ReportMetric(float64(steps[len(steps)/2].Microseconds()), "µs/median-sweep-step")
		runtime.KeepAlive(s)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkFind(b *testing.B) {
	s := memstore.New(nil)
	id := create(b, s, 0, "alice")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Find(b.Context(), id, satra.Fresh); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTouch(b *testing.B) {
	s := memstore.New(nil)
	id := create(b, s, 0, "")
	c := &satra.Change{At: t0, Seen: t0}
	b.ReportAllocs()
	for b.Loop() {
		c.Seen = c.Seen.Add(time.Microsecond)
		if _, err := s.Apply(b.Context(), id, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	s := memstore.New(nil)
	id := create(b, s, 0, "alice")
	c := &satra.Change{At: t0, Set: []satra.Value{{Key: "theme", Data: []byte(`"dark"`)}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Apply(b.Context(), id, c); err != nil {
			b.Fatal(err)
		}
	}
}
