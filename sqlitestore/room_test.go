package sqlitestore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// roomFor are options for so many records.
func roomFor(n int) *Options { return &Options{Capacity: n, Timeout: time.Minute} }

// createdAt creates a session that was last used so long after t0.
func createdAt(t testing.TB, s *Store, after time.Duration) satra.ID {
	t.Helper()
	r := newRecord()
	r.Seen = t0.Add(after)
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatalf("Create: %v", err)
	}
	return r.ID
}

func has(t testing.TB, s *Store, id satra.ID) bool {
	t.Helper()
	_, err := s.Find(t.Context(), id, satra.Fresh)
	if err != nil && !errors.Is(err, satra.ErrNotFound) {
		t.Fatalf("Find: %v", err)
	}
	return err == nil
}

func kept(t testing.TB, s *Store, ids []satra.ID) (n int) {
	t.Helper()
	for _, id := range ids {
		if has(t, s, id) {
			n++
		}
	}
	return n
}

// counted returns what the file says that it holds, which has to be what it holds.
func counted(t testing.TB, s *Store) Stats {
	t.Helper()
	got, err := s.Stats(t.Context())
	if err != nil {
		t.Fatalf("Stats: %v", err)
	}
	want := Stats{Capacity: s.options.Capacity}
	err = s.readerDB.QueryRowContext(t.Context(), `SELECT count(*), coalesce(sum(ended = 0 AND principal = x''), 0), coalesce(sum(ended > 0), 0) FROM sessions`).
		Scan(&want.Records, &want.Anonymous, &want.Tombstones)
	if err != nil || got != want {
		t.Errorf("the file says that it holds %+v, and holds %+v, %v", got, want, err)
	}
	return got
}

func TestTheLeastRecentlyUsedAnonymousSessionMakesRoom(t *testing.T) {
	s := opened(t, newPath(t), roomFor(8))
	first, second := createdAt(t, s, 0), createdAt(t, s, time.Second)
	createdAt(t, s, 2*time.Second)
	createdAt(t, s, 3*time.Second)
	applied(t, s, first, touching(time.Minute)) // which waits to be written
	createdAt(t, s, 4*time.Second)
	if has(t, s, second) || !has(t, s, first) {
		t.Errorf("kept the first %v, the second %v; want the second gone: it was used longest ago", has(t, s, first), has(t, s, second))
	}
	if got := counted(t, s); got.Anonymous != 4 {
		t.Errorf("got %+v, want 4 anonymous sessions: half of the capacity", got)
	}
}

func TestASignedInSessionNeverMakesRoom(t *testing.T) {
	s := opened(t, newPath(t), roomFor(4))
	var signed []satra.ID
	for i := range 4 {
		signed = append(signed, signedIn(t, s, fmt.Sprint("user", i)))
	}
	late := newRecord()
	if err := s.Create(t.Context(), late); !errors.Is(err, satra.ErrFull) || !strings.Contains(err.Error(), "holds 4 records") {
		t.Errorf("got %v, want ErrFull and how many it holds", err)
	}
	if got := kept(t, s, signed); got != 4 || has(t, s, late.ID) {
		t.Errorf("%d signed-in sessions are left, want 4; the one that was refused is there: %v", got, has(t, s, late.ID))
	}
	counted(t, s)
	late.Seen = t0.Add(time.Hour + unwritten)
	if err := s.Create(t.Context(), late); !errors.Is(err, satra.ErrFull) {
		t.Errorf("when another process may know of touches that are not written: got %v, want ErrFull", err)
	}
	late.Seen = late.Seen.Add(time.Microsecond)
	if err := s.Create(t.Context(), late); err != nil {
		t.Errorf("after the others have expired: got %v, want room", err)
	}
	if got := counted(t, s); got.Records != 4 {
		t.Errorf("got %+v, want as many as there is room for", got)
	}
}

// Of what is written together, one that is refused takes no place, nor takes
// another with it.
func TestOneTooManyInABatchIsRefusedAlone(t *testing.T) {
	s := opened(t, newPath(t), roomFor(4))
	for i := range 3 {
		signedIn(t, s, fmt.Sprint("user", i))
	}
	first, second := created(t, s), newRecord()
	signIn := &satra.Change{At: t0, SignIn: &satra.Binding{Principal: "alice"}}
	errs := together(t, s,
		func() error { _, err := s.Apply(t.Context(), first.ID, signIn); return err },
		func() error { return s.Create(t.Context(), second) },
		func() error { _, err := s.Apply(t.Context(), first.ID, setValue("a", "1")); return err },
	)
	for i, want := range []error{nil, satra.ErrFull, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("change %d: got error %v, want %v", i, errs[i], want)
		}
	}
	if got := counted(t, s); got != (Stats{Records: 4, Capacity: 4}) {
		t.Errorf("got %+v, want 4 signed-in sessions", got)
	}
}

func TestTombstonesAreBoundedAndAnonymousOnesGoFirst(t *testing.T) {
	s := opened(t, newPath(t), roomFor(40)) // ten tombstones
	var signed, nobodys []satra.ID
	for i := range 5 {
		signed = append(signed, signedIn(t, s, fmt.Sprint("user", i)))
		applied(t, s, signed[i], ending(satra.ReasonSignedOut))
	}
	for i := range 10 {
		nobodys = append(nobodys, created(t, s).ID)
		applied(t, s, nobodys[i], ending(satra.ReasonSignedOut))
	}
	if got := counted(t, s); got.Records != 10 || got.Tombstones != 10 {
		t.Errorf("got %+v, want the ten tombstones that a quarter of the capacity allows", got)
	}
	if has(t, s, nobodys[4]) || kept(t, s, nobodys) != 5 || kept(t, s, signed) != 5 {
		t.Errorf("kept %d anonymous and %d signed-in ones, want the younger five, and five", kept(t, s, nobodys), kept(t, s, signed))
	}
	for i := range 10 {
		id := signedIn(t, s, fmt.Sprint("late", i))
		applied(t, s, id, ending(satra.ReasonSignedOut))
	}
	if kept(t, s, nobodys) != 0 || kept(t, s, signed) != 0 || counted(t, s).Tombstones != 10 {
		t.Errorf("then %d anonymous and %d of the first signed-in ones are left, want none", kept(t, s, nobodys), kept(t, s, signed))
	}
	// What was swept counts no more.
	if n, err := s.Sweep(t.Context(), t0.Add(time.Hour), 100); n != 10 || err != nil {
		t.Fatalf("Sweep: %d, %v; want 10", n, err)
	}
	if got := counted(t, s); got.Records != 0 {
		t.Errorf("after a sweep: got %+v, want nothing", got)
	}
}

func TestAFileOverItsCapacityShrinksStepByStep(t *testing.T) {
	path := newPath(t)
	s := opened(t, path, patient())
	for range 100 {
		created(t, s)
	}
	stays := signedIn(t, s, "alice")
	closed(t, s)
	s = opened(t, path, roomFor(20))
	for want := 100 + 1 - evictAtOnce + 1; want > 20; want -= evictAtOnce - 1 {
		created(t, s)
		if got := counted(t, s); got.Records != want {
			t.Fatalf("got %d records, want %d", got.Records, want)
		}
	}
	for range 20 {
		created(t, s)
	}
	if got := counted(t, s); got.Anonymous != 10 || !has(t, s, stays) {
		t.Errorf("got %+v, want ten anonymous sessions and the one that is signed in", got)
	}
}

// Two processes that write at once count together.
func TestTwoProcessesKeepTheCapacity(t *testing.T) {
	path := newPath(t)
	nodes := []*Store{opened(t, path, roomFor(60)), opened(t, path, roomFor(60))}
	signed := make([]satra.ID, 40)
	for i := range signed {
		signed[i] = signedIn(t, nodes[i%2], fmt.Sprint("user", i))
	}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			node := nodes[i%2]
			r := newRecord()
			r.Seen = t0.Add(time.Duration(i) * time.Second)
			if err := node.Create(t.Context(), r); err != nil {
				t.Errorf("Create beside anonymous sessions: %v", err)
			}
			if i%3 == 0 {
				_, err := nodes[1-i%2].Apply(t.Context(), r.ID, ending(satra.ReasonSignedOut))
				if err != nil && !errors.Is(err, satra.ErrNotFound) { // it has made room
					t.Errorf("an end: %v", err)
				}
			}
		})
	}
	all.Wait()
	for _, node := range nodes {
		if got := counted(t, node); got.Records != 60 || got.Tombstones > 15 || kept(t, node, signed) != 40 {
			t.Errorf("got %+v, %d of them signed in; want 60 records, at most 15 tombstones, all 40 signed in", got, kept(t, node, signed))
		}
	}
}

// A watcher hears that it missed something when the tombstones of ends are gone
// that another process made.
func TestEndsWhoseTombstonesAreGoneAreAGap(t *testing.T) {
	path := newPath(t)
	s, other := opened(t, path, roomFor(4)), opened(t, path, roomFor(4))
	resume := pause(t, s)
	w := s.watchers.join()
	w.take()
	resume()
	<-w.wake // of join
	err := other.do(t.Context(), "test", func(tx *tx) error {
		for range 3 { // one of them stays
			r := newRecord()
			tx.put(r)
			if _, err := tx.change(r.ID, ending(satra.ReasonSignedOut)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	<-w.wake
	if got := w.take(); len(got) != 1 || !got[0].Gap {
		t.Errorf("got %+v, want a Gap", got)
	}
}

func TestMakingRoomUsesIndexes(t *testing.T) {
	s := opened(t, newPath(t), patient())
	for query, want := range map[string]string{
		findOver:                "SEARCH sessions USING INDEX sessions_over (over<?)",
		findLeastUsed:           "SCAN sessions USING INDEX sessions_anonymous_by_use",
		findAnonymousTombstones: "SEARCH sessions USING INDEX sessions_ended_anonymous (ended>?)",
		findTombstones:          "SEARCH sessions USING INDEX sessions_ended (ended>?)",
	} {
		args := []any{1}
		if query == findOver {
			args = []any{1, 1}
		}
		if plan := explained(t, s, query, args...); plan != want {
			t.Errorf("%s\nis run as %q, want %q and nothing else", query, plan, want)
		}
	}
}
