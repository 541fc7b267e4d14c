package contract

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

func TestSQLite(t *testing.T) {
	runHistories(t, sqliteHarness(t, sqlitestore.Options{}))
}

func TestSQLiteShared(t *testing.T) {
	h := sqliteHarness(t, sqlitestore.Options{Shared: true})
	h.Rounds = 50
	runHistories(t, h)
}

// sqliteHarness opens each store in a folder of its own, and a second node on
// the same file where that is shared.
func sqliteHarness(t *testing.T, o sqlitestore.Options) storetest.Harness {
	o.Timeout = time.Minute // a race detector takes its time
	root := t.TempDir()
	var paths sync.Map // store → path
	open := func(t storetest.TB, path string) satra.Store {
		s, err := sqlitestore.Open(path, &o)
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		paths.Store(s, path)
		t.Cleanup(func() { s.Close() })
		return s
	}
	h := storetest.Harness{
		Open: func(t storetest.TB) satra.Store {
			dir, err := os.MkdirTemp(root, "")
			if err != nil {
				t.Fatalf("%v", err)
			}
			return open(t, filepath.Join(dir, "sessions.db"))
		},
		Linearizable: linearizable,
	}
	if o.Shared {
		h.Node = func(t storetest.TB, s satra.Store) satra.Store {
			path, _ := paths.Load(s)
			return open(t, path.(string))
		}
	}
	return h
}
