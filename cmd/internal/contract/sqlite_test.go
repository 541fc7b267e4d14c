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
	storetest.Run(t, sqliteHarness(t, sqlitestore.Options{MaxRecord: 2 << 20, Timeout: time.Minute}))
}

func TestSQLiteShared(t *testing.T) {
	h := sqliteHarness(t, sqlitestore.Options{MaxRecord: 2 << 20, Timeout: time.Minute, Shared: true})
	h.Rounds = 50
	storetest.Run(t, h)
}

// sqliteHarness opens each store in a folder of its own.
func sqliteHarness(t *testing.T, o sqlitestore.Options) storetest.Harness {
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
	folder := func(t storetest.TB) string {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatalf("%v", err)
		}
		return dir
	}
	h := storetest.Harness{
		Open:         func(t storetest.TB) satra.Store { return open(t, filepath.Join(folder(t), "sessions.db")) },
		Linearizable: linearizable,
		// What a process that is killed leaves behind are the files as they stand;
		// sqlitestore's own tests kill one.
		Restart: func(t storetest.TB, s satra.Store) satra.Store {
			path, _ := paths.Load(s)
			killed := filepath.Join(folder(t), "killed.db")
			for _, suffix := range []string{"", "-wal", "-shm"} {
				b, err := os.ReadFile(path.(string) + suffix)
				if err == nil {
					err = os.WriteFile(killed+suffix, b, 0o600)
				}
				if err != nil {
					t.Fatalf("%v", err)
				}
			}
			return open(t, killed)
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
