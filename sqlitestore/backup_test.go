package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// A copy that is taken while others write holds all that was acknowledged before,
// and each session whole.
func TestABackupUnderWritesIsWhole(t *testing.T) {
	s := opened(t, newPath(t), patient())
	before := created(t, s)
	applied(t, s, before.ID, setValue("a", "1"))
	applied(t, s, before.ID, touching(time.Minute))
	alices := signedIn(t, s, "alice")
	if _, err := s.EndAll(t.Context(), satra.Ending{At: t0, Principal: "bob", Access: satra.AccessDeny}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	under := make(chan struct{}, 4)
	for range 4 {
		writers.Go(func() {
			r := created(t, s)
			for n := 1; ctx.Err() == nil; n++ {
				text := fmt.Sprint(n)
				c := &satra.Change{At: t0, Set: []satra.Value{{Key: "a", Data: []byte(text)}, {Key: "b", Data: []byte(text)}}}
				if _, err := s.Apply(t.Context(), r.ID, c); err != nil {
					t.Errorf("Apply beside a backup: %v", err)
					return
				}
				if n == 10 {
					under <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-under
	}
	path := newPath(t)
	err := s.Backup(t.Context(), path)
	stop()
	writers.Wait()
	if err != nil {
		t.Fatalf("Backup: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %o, %v; want 600", info.Mode().Perm(), err)
	}

	copied := opened(t, path, patient())
	if got := found(t, copied, before.ID); value(got, "a") != "1" || !got.Seen.Equal(t0.Add(time.Minute)) {
		t.Errorf("the copy lacks what was acknowledged before: %q, seen %v after t0", value(got, "a"), got.Seen.Sub(t0))
	}
	if found(t, copied, alices).Principal != "alice" {
		t.Error("the copy lacks a sign-in")
	}
	if state, err := copied.Principal(t.Context(), "bob"); err != nil || !state.Disabled {
		t.Errorf("the copy has not disabled bob: %v", err)
	}
	page, err := copied.List(t.Context(), satra.Query{At: t0, Limit: 100})
	if err != nil || len(page.Records) != 6 {
		t.Fatalf("the copy has %d sessions, %v; want 6", len(page.Records), err)
	}
	for _, listed := range page.Records {
		r := found(t, copied, listed.ID)
		if r.ID != before.ID && value(r, "a") != value(r, "b") {
			t.Errorf("the copy has half a change: %q and %q", value(r, "a"), value(r, "b"))
		}
	}
	applied(t, copied, before.ID, setValue("a", "2"))
}

func TestABackupHasTheTouchesThatWait(t *testing.T) {
	s := opened(t, newPath(t), patient())
	r := created(t, s)
	applied(t, s, r.ID, touching(time.Minute))
	path := newPath(t)
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if got := found(t, opened(t, path, patient()), r.ID); !got.Seen.Equal(t0.Add(time.Minute)) {
		t.Errorf("seen %v after t0, want the touch that was acknowledged", got.Seen.Sub(t0))
	}
}

func TestABackupOverwritesNothing(t *testing.T) {
	s := opened(t, newPath(t), patient())
	path := newPath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Errorf("got error %v, want that there is one", err)
	}
	if err := s.Backup(t.Context(), s.path); !errors.Is(err, os.ErrExist) {
		t.Errorf("to itself: got error %v, want that there is one", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file that was there: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(gone, path+".2"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got error %v, want the context's", err)
	}
	if err := s.Backup(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "the path is empty") {
		t.Errorf("to no path: got error %v", err)
	}
}
