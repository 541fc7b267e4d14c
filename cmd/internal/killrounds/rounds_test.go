package main

import (
	"os"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/privatestore"
)

// The test is also the child that is killed.
func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		exit(child(name))
	}
	os.Exit(m.Run())
}

// A kill shows what a crash of the process or of the server does; the traces of
// each store's TestThe…IsSyncedBeforeAnAcknowledgement are about power cuts.
func TestNothingAcknowledgedIsLostOrRevivedByAKill(t *testing.T) {
	rounds := 2
	if os.Getenv("SATRA_LONG") != "" {
		rounds = 20
	}
	seed := uint64(time.Now().UnixNano())
	for _, kind := range privatestore.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			t.Logf("go run ./cmd/internal/killrounds -store %s -rounds %d -seed %d", kind, rounds, seed)
			for _, w := range killAll(t, kind, rounds, seed) {
				for _, f := range w.faults {
					t.Errorf("%s is killed: %s: %s", w.victim, f.what, f.text)
				}
				if w.sure < rounds*killAfterLeast {
					t.Errorf("%s is killed: %d acknowledgements in %d rounds, want %d at least", w.victim, w.sure, rounds, rounds*killAfterLeast)
				}
			}
		})
	}
}

// Part of the long run, and it takes strace. TestWhatWasNotSyncedIsGone is about
// the disk, and part of each.
func TestNothingAcknowledgedIsLostOrRevivedByAPowerCut(t *testing.T) {
	if os.Getenv("SATRA_LONG") == "" {
		return
	}
	seed := uint64(time.Now().UnixNano())
	for _, kind := range []string{"sqlite", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Logf("go run ./cmd/internal/killrounds -store %s -rounds 0 -power 20 -seed %d", kind, seed)
			w := cutPower(t, kind, 20, seed)
			for _, f := range w.faults {
				t.Errorf("the power is cut: %s: %s", f.what, f.text)
			}
			if w.sure < powerAfter {
				t.Errorf("%d acknowledgements, want %d at least", w.sure, powerAfter)
			}
		})
	}
}
