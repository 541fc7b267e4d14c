package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	core "github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/storename"
	"github.com/satra-sessions/satra/internal/testserver"
)

// open opens a store by its name, as the program does.
func open(t *testing.T, text string) *backend.Store {
	t.Helper()
	name, err := storename.Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := backend.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// begin begins a session, signed in.
func begin(t *testing.T, s core.Store, principal string) core.ID {
	t.Helper()
	now := time.Now().UTC().Truncate(core.Precision)
	r := &core.Record{
		Generation: 1, Version: 1, Created: now, Begun: now, Seen: now, Idle: time.Hour, Lifetime: 12 * time.Hour,
		FirstDevice: core.Device{UserAgent: "Browser/1.0", Addr: "192.0.2.1"},
		Values:      []core.Value{{Key: "a", Data: []byte("\x00" + principal), Rev: 1}},
	}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	rand.Read(r.Seed[:])
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	state, err := s.Principal(t.Context(), principal)
	if err != nil {
		t.Fatal(err)
	}
	change(t, s, r.ID, &core.Change{SignIn: &core.Binding{
		Principal: principal, Method: "password", Secret: r.Secret, Seed: r.Seed, Epoch: state.Epoch, Keep: []string{"a"},
	}})
	return r.ID
}

func change(t *testing.T, s core.Store, id core.ID, c *core.Change) {
	t.Helper()
	c.At = time.Now().UTC().Truncate(core.Precision)
	if c.End != nil {
		c.End.At = c.At
	}
	if _, err := s.Apply(t.Context(), id, c); err != nil {
		t.Fatal(err)
	}
}

// TestSessionsMoveFromStoreToStore copies from a file to Redis, to PostgreSQL and
// to another file, and looks at what has arrived; and after some have ended at the
// beginning, once more.
func TestSessionsMoveFromStoreToStore(t *testing.T) {
	stores := []string{
		"sqlite:" + newFile(t),
		testserver.StartRedis(t, false).URL(),
		testserver.StartPostgres(t).URL("postgres"),
		"sqlite:" + filepath.Join(t.TempDir(), "another.db"),
	}
	first := open(t, stores[0])
	var ids []core.ID
	for i := range 300 {
		ids = append(ids, begin(t, first, fmt.Sprint("user ", i%20)))
	}
	for _, id := range ids[:50] {
		change(t, first, id, &core.Change{End: &core.End{Reason: core.ReasonElsewhere, Actor: "user"}})
	}
	now := time.Now().UTC().Truncate(core.Precision)
	if _, err := first.EndAll(t.Context(), core.Ending{At: now, Principal: "mallory", Access: core.AccessDeny}); err != nil {
		t.Fatal(err)
	}
	for i := range stores[1:] {
		expect(t, exitOK, []string{"300  in FROM, of which 250 live", "300  taken over", "300  compared and the same", "1  principals disabled", "verifying: 100 %"},
			"store", "copy", stores[i], stores[i+1])
	}
	last := open(t, stores[3])
	for _, id := range ids {
		want, got := found(t, first, id), found(t, last, id)
		if !reflect.DeepEqual(plain(got), plain(want)) {
			t.Fatalf("three stores later:\ngot  %+v\nwant %+v", plain(got), plain(want))
		}
	}
	if state, err := last.Principal(t.Context(), "mallory"); err != nil || !state.Disabled {
		t.Errorf("the disabled principal: %+v, %v", state, err)
	}

	change(t, first, ids[100], &core.Change{End: &core.End{Reason: core.ReasonSignedOut}})
	for i := range stores[1:] {
		expect(t, exitOK, []string{"1  taken over", "300  compared and the same"}, "store", "copy", "-quiet", stores[i], stores[i+1])
	}
	if got := found(t, last, ids[100]); got.Ended == nil || got.Ended.Reason != core.ReasonSignedOut {
		t.Errorf("an end that came later: got %+v", got.Ended)
	}
	// Who is there counts, and can be ended.
	ended, err := last.EndAll(t.Context(), core.Ending{At: now, Principal: "user 7", End: core.End{At: now, Reason: core.ReasonAdministrator}})
	if err != nil || len(ended) != 12 {
		t.Errorf("EndAll of a principal that was copied: %d, %v; want 12", len(ended), err)
	}
}

func found(t *testing.T, s core.Store, id core.ID) *core.Record {
	t.Helper()
	r, err := s.Find(t.Context(), id, core.Fresh)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plain is a record in a form that can be compared: secrets that a sign-in
// retired may be forgotten by any store.
func plain(r *core.Record) core.Record {
	p := *r
	p.Retired = nil
	return p
}

func TestACopyThatIsStoppedGoesOn(t *testing.T) {
	from, to := "sqlite:"+newFile(t), testserver.StartRedis(t, false).URL()
	s := open(t, from)
	for i := range 100 {
		begin(t, s, fmt.Sprint(i))
	}
	ctx, stop := context.WithCancel(t.Context())
	var out, errs stopAt
	errs.stop, errs.at = stop, "copying:"
	if code := run(ctx, []string{"store", "copy", "-parallel", "1", from, to}, &out, &errs); code != exitStopped || !strings.Contains(out.String(), "goes on from here") {
		t.Errorf("stopped: got exit code %d: %s%s", code, out.String(), errs.String())
	}
	expect(t, exitOK, []string{"100  compared and the same"}, "store", "copy", from, to)
}

// stopAt is a stream that stops the program when it says something.
type stopAt struct {
	strings.Builder
	stop func()
	at   string
}

func (s *stopAt) Write(b []byte) (int, error) {
	if s.stop != nil && strings.Contains(string(b), s.at) {
		s.stop()
	}
	return s.Builder.Write(b)
}

func TestAFullStoreIsSaid(t *testing.T) {
	from := "sqlite:" + newFile(t)
	s := open(t, from)
	for range 200 {
		id := begin(t, s, "alice")
		change(t, s, id, &core.Change{Set: []core.Value{{Key: "b", Data: make([]byte, 30_000)}}})
	}
	full := testserver.StartRedis(t, false, "--maxmemory", "4mb")
	expect(t, exitProblem, []string{"takes no more sessions", "goes on from here"}, "store", "copy", "-parallel", "2", from, full.URL())
}
