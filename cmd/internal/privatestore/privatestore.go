// Package privatestore gives a program a durable store of its own: a file, or a
// server on a free port of the loopback interface with the settings that
// docs/stores.md asks for. Other processes of the program open the same store by
// its name, and its server can be killed and started again.
//
//	err := privatestore.Run(ctx, func(t testserver.TB) {
//		place := privatestore.Start(t, "redis")
//		store, err := privatestore.Open(t.Context(), place.Name)
//		…
//	})
package privatestore

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/storename"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/pgstore"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/sqlitestore"
)

// Kinds are the stores that there are.
var Kinds = []string{"sqlite", "redis", "postgres"}

// A Place is where a store's data are.
type Place struct {
	Name string // what Open takes

	// Kill ends the server and all its processes, and Restart starts it again
	// with what it had written. Both are nil where there is no server.
	Kill, Restart func()

	// For power cuts: the folder of what is on the disk, the processes of the
	// server, and a place that begins with a copy of the folder and ends with t.
	// They are there for sqlite and redis.
	Folder string
	PIDs   func() []int
	Copy   func(t testserver.TB, folder string) *Place
}

// Start makes a place that ends with t.
func Start(t testserver.TB, kind string) *Place {
	t.Helper()
	switch kind {
	case "sqlite":
		return file(t.TempDir())
	case "redis":
		return redis(t, t.TempDir())
	case "postgres":
		server := testserver.StartPostgres(t)
		return &Place{Name: server.URL("postgres"), Kill: server.KillAll, Restart: func() {
			if err := server.Start(); err != nil {
				t.Fatalf("%v", err)
			}
		}}
	}
	t.Fatalf("there is no durable store of the kind %q", kind)
	return nil
}

func file(folder string) *Place {
	return &Place{
		Name: "sqlite:" + filepath.Join(folder, "sessions.db"), Folder: folder,
		PIDs: func() []int { return nil },
		Copy: func(_ testserver.TB, folder string) *Place { return file(folder) },
	}
}

func redis(t testserver.TB, folder string) *Place {
	t.Helper()
	server := testserver.StartRedis(t, true, "--dir", folder)
	return &Place{
		Name: server.URL(), Kill: server.Kill, Restart: server.Start, Folder: folder,
		PIDs: func() []int { return []int{server.PID()} },
		Copy: redis,
	}
}

// patience is the stores' timeout: on a machine that is busy a call may take long,
// and that is not what is looked at.
const patience = 20 * time.Second

// A Store is one that has to be closed.
type Store struct {
	satra.Store
	Close func() error
}

// Open opens the store of that name. It is one that declares to survive a power
// cut; else it is an error.
func Open(ctx context.Context, name string) (*Store, error) {
	s, err := open(ctx, name)
	if err != nil {
		return nil, err
	}
	if got := s.Features().Durable; got != satra.DurablePower {
		s.Close()
		return nil, fmt.Errorf("%s declares durability %d, want %d, a power cut", s.Features().Name, got, satra.DurablePower)
	}
	return s, nil
}

func open(ctx context.Context, name string) (*Store, error) {
	n, err := storename.Parse(name, "")
	if err != nil {
		return nil, err
	}
	switch n.Kind {
	case "sqlite":
		s, err := sqlitestore.Open(n.Path, &sqlitestore.Options{Shared: n.Shared, Timeout: patience})
		if err != nil {
			return nil, err
		}
		return &Store{s, s.Close}, nil
	case "redis":
		s, err := redisstore.Open(ctx, n.URL, &redisstore.Options{Durable: satra.DurablePower, Timeout: patience})
		if err != nil {
			return nil, err
		}
		return &Store{s, func() error { s.Close(); return nil }}, nil
	case "postgres":
		s, err := pgstore.Open(ctx, n.URL, &pgstore.Options{Timeout: patience})
		if err != nil {
			return nil, err
		}
		return &Store{s, func() error { s.Close(); return nil }}, nil
	}
	return nil, fmt.Errorf("the store %q is not a durable one", n.Kind)
}
