// Package backend opens the store of sessions that a setting names: for the
// dashboard and for the operators' command line.
//
//	name, err := storename.Parse("sqlite:./data/sessions.db", "./data")
//	…
//	store, err := backend.Open(ctx, name)
//	…
//	defer store.Close()
package backend

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/storename"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/pgstore"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/sqlitestore"
)

// A Store is an open store with what there is to say of it.
type Store struct {
	satra.Store
	Summary string   // in a line, without a password
	Notes   []string // what the operator had better know of the server's settings
	close   func() error
}

// Close ends what Open began.
func (s *Store) Close() error { return s.close() }

// Open opens the store. Its errors hold no password.
func Open(ctx context.Context, n storename.Name) (*Store, error) { return open(ctx, n, 0) }

// OpenPatient is Open for what nobody waits for at a page: each call may take a
// minute.
func OpenPatient(ctx context.Context, n storename.Name) (*Store, error) {
	return open(ctx, n, time.Minute)
}

// open gives each call the time, 0 for the store's default.
func open(ctx context.Context, n storename.Name, timeout time.Duration) (*Store, error) {
	switch n.Kind {
	case "memory":
		return &Store{
			Store: memstore.New(nil), Summary: "memory: sessions end with this program",
			close: func() error { return nil },
		}, nil
	case "sqlite":
		return openSQLite(n, timeout)
	case "redis":
		return openRedis(ctx, n, timeout)
	case "postgres":
		return openPostgres(ctx, n, timeout)
	}
	return nil, fmt.Errorf("there is no store of the kind %q", n.Kind)
}

func openSQLite(n storename.Name, timeout time.Duration) (*Store, error) {
	s, err := sqlitestore.Open(n.Path, &sqlitestore.Options{Shared: n.Shared, Timeout: timeout})
	if err != nil {
		return nil, err
	}
	return &Store{Store: s, Summary: n.String() + ", every change on the disk before it is acknowledged", close: s.Close}, nil
}

func openRedis(ctx context.Context, n storename.Name, timeout time.Duration) (*Store, error) {
	s, err := redisstore.Open(ctx, n.URL, &redisstore.Options{Timeout: timeout})
	if err != nil {
		return nil, err
	}
	opened := &Store{Store: s, Summary: n.String() + ", shared by all nodes", close: func() error { s.Close(); return nil }}
	for _, f := range s.Findings() {
		if f.Advice != "" {
			opened.Notes = append(opened.Notes, strings.TrimSpace(fmt.Sprintf("%s %s: %s", f.Setting, f.Value, f.Advice)))
		}
	}
	return opened, nil
}

func openPostgres(ctx context.Context, n storename.Name, timeout time.Duration) (*Store, error) {
	s, err := pgstore.Open(ctx, n.URL, &pgstore.Options{Timeout: timeout})
	if err != nil {
		return nil, err
	}
	opened := &Store{Store: s, Summary: n.String() + ", shared by all nodes", close: func() error { s.Close(); return nil }}
	if err := s.Check(ctx); err != nil {
		if errors.Is(err, satra.ErrUnavailable) {
			s.Close()
			return nil, err
		}
		opened.Notes = strings.Split(err.Error(), "\n")
	}
	return opened, nil
}
