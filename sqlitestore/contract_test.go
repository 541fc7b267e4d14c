package sqlitestore_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/sqlitestore"
	"github.com/satra-sessions/satra/storetest"
)

// The linearizability case needs a checker that this module does not require:
// cmd/internal/contract runs it with one.

func TestContract(t *testing.T) { storetest.Run(t, newHarness(sqlitestore.Options{})) }

func TestContractShared(t *testing.T) {
	h := newHarness(sqlitestore.Options{Shared: true})
	h.Rounds = 30
	storetest.Run(t, h)
}

func BenchmarkContract(b *testing.B) { storetest.Benchmark(b, newHarness(sqlitestore.Options{})) }

// newHarness opens stores in folders of their own.
func newHarness(o sqlitestore.Options) storetest.Harness {
	var paths sync.Map                          // store → path
	o.MaxRecord, o.Timeout = 2<<20, time.Minute // a race detector takes its time
	open := func(t storetest.TB, path string) satra.Store {
		s, err := sqlitestore.Open(path, &o)
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		paths.Store(s, path)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		return s
	}
	folder := func(t storetest.TB) string {
		dir, err := os.MkdirTemp("", "sqlitestore")
		if err != nil {
			t.Fatalf("%v", err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	h := storetest.Harness{
		Open: func(t storetest.TB) satra.Store { return open(t, filepath.Join(folder(t), "sessions.db")) },
		Restart: func(t storetest.TB, s satra.Store) satra.Store {
			path, _ := paths.Load(s)
			return open(t, asKilled(t, path.(string), folder(t)))
		},
	}
	if o.Shared {
		h.Node = func(t storetest.TB, s satra.Store) satra.Store {
			path, _ := paths.Load(s)
			return open(t, path.(string))
		}
	}
	return h
}

// asKilled copies the file and what is beside it as they stand: what a process
// that is killed now leaves behind.
func asKilled(t storetest.TB, path, dir string) string {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		b, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "killed.db"+suffix), b, 0o600)
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	return filepath.Join(dir, "killed.db")
}
