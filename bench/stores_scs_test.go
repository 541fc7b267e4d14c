package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5/pgxpool"
	goredis "github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/satra-sessions/satra/internal/testserver"
)

func scsMemory(tb testing.TB, text string) storeSubject {
	return scsOn(tb, "scs", memstore.NewWithCleanupInterval(0), text)
}

// scsSQLite has the driver, the journal and the durability that ours has. A
// connection that is not its only one has to wait for the lock.
func scsSQLite(tb testing.TB, text string) storeSubject {
	path := filepath.Join(tb.TempDir(), "scs.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	must(err)
	tb.Cleanup(func() { db.Close() })
	_, err = db.Exec(`create table sessions (token text primary key, data blob not null, expiry real not null);
		create index sessions_expiry_idx on sessions(expiry)`)
	must(err)
	return scsOn(tb, "scs/sqlite3store", sqlite3store.NewWithCleanupInterval(db, 0), text)
}

// redisSubjects gives each client of Redis as many connections as there are
// clients of the session: with fewer idle ones they connect again and again.
func redisSubjects(tb testing.TB, server *testserver.Redis, text string) []storeSubject {
	pool := &redigo.Pool{MaxIdle: sessionCount, Dial: func() (redigo.Conn, error) { return redigo.Dial("tcp", server.Addr()) }}
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr(), PoolSize: sessionCount})
	tb.Cleanup(func() {
		pool.Close()
		client.Close()
	})
	return []storeSubject{
		scsOn(tb, "scs/redigo", redisstore.New(pool), text),
		scsOn(tb, "scs/go-redis", goredisstore.NewWithPrefix(client, "goredis:"), text),
		satraRedis(tb, server.URL(), text),
		satraCached(tb, server.URL(), text),
	}
}

func scsPostgres(tb testing.TB, url, text string) storeSubject {
	pool, err := pgxpool.New(tb.Context(), url)
	must(err)
	tb.Cleanup(pool.Close)
	_, err = pool.Exec(tb.Context(), `create table if not exists sessions (token text primary key, data bytea not null, expiry timestamptz not null);
		create index if not exists sessions_expiry_idx on sessions (expiry)`)
	must(err)
	return scsOn(tb, "scs/pgxstore", pgxstore.NewWithCleanupInterval(pool, 0), text)
}

// scsOn begins sessions by requests, as a browser would.
func scsOn(tb testing.TB, name string, store scs.Store, text string) storeSubject {
	m := scs.New()
	m.Store = store
	m.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		w.WriteHeader(http.StatusInternalServerError)
		tb.Error(err)
	}
	write := m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "value", text) }))
	requests, tokens := begun(tb, m.Cookie.Name, write)
	deadline := time.Now().Add(12 * time.Hour).UTC()
	data, err := m.Codec.Encode(deadline, map[string]any{"value": text})
	must(err)
	withContext, ok := store.(scs.CtxStore)
	if !ok {
		withContext = plainStore{store}
	}
	return storeSubject{
		name: name, requests: requests, write: write,
		read: m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			useLength(m.GetString(r.Context(), "value"), text)
		})),
		find: func(ctx context.Context, session int) error {
			if _, found, err := withContext.FindCtx(ctx, tokens[session]); err != nil || !found {
				return fmt.Errorf("found %v, %w", found, err)
			}
			return nil
		},
		commit: func(ctx context.Context, session int) error {
			return withContext.CommitCtx(ctx, tokens[session], data, deadline)
		},
	}
}

// plainStore is an scs store that takes no context.
type plainStore struct{ scs.Store }

func (s plainStore) FindCtx(_ context.Context, token string) ([]byte, bool, error) {
	return s.Find(token)
}

func (s plainStore) CommitCtx(_ context.Context, token string, b []byte, expiry time.Time) error {
	return s.Commit(token, b, expiry)
}

func (s plainStore) DeleteCtx(_ context.Context, token string) error { return s.Delete(token) }
