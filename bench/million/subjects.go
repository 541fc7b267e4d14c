package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	redigo "github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5"

	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/pgstore"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/sqlitestore"
)

// An opened is a store, and how many bytes it takes.
type opened struct {
	store filler
	size  func() (int64, error)
	sweep func(ctx context.Context, f *filled) (sweeping, error)
}

// patience is for a machine that is busy: it must not end a long run.
const patience = 30 * time.Second

// subjects are the stores by name. What open starts ends with the run.
var subjects = []subject{
	{"memory", true, func(r *run) (opened, error) {
		s := memstore.New(&memstore.Options{Capacity: 4 * r.n}) // so that nothing is let go
		return opened{ours{s}, heap, sweepAll(s)}, nil
	}},
	{"scs", true, openSCS},
	{"sqlite", false, func(r *run) (opened, error) {
		folder := r.TempDir()
		s, err := sqlitestore.Open(filepath.Join(folder, "sessions.db"), &sqlitestore.Options{Timeout: patience})
		if err != nil {
			return opened{}, err
		}
		r.Cleanup(func() { s.Close() })
		return opened{ours{s}, func() (int64, error) { return folderSize(folder) }, sweepAll(s)}, nil
	}},
	{"redis", false, func(r *run) (opened, error) {
		server := testserver.StartRedis(r, false)
		s, err := redisstore.Open(r.Context(), server.URL(), &redisstore.Options{Timeout: patience})
		if err != nil {
			return opened{}, err
		}
		r.Cleanup(s.Close)
		conn, err := redigo.Dial("tcp", server.Addr())
		if err != nil {
			return opened{}, err
		}
		r.Cleanup(func() { conn.Close() })
		return opened{ours{s}, func() (int64, error) { return usedMemory(conn) }, sweepRedis(s, conn)}, nil
	}},
	{"postgres", false, func(r *run) (opened, error) {
		var settings []string
		if r.noSync {
			settings = []string{"fsync=off"}
		}
		server := testserver.StartPostgres(r, settings...)
		s, err := pgstore.Open(r.Context(), server.URL("postgres"), &pgstore.Options{MaxConns: 16, Timeout: patience})
		if err != nil {
			return opened{}, err
		}
		r.Cleanup(s.Close)
		return opened{ours{s}, func() (int64, error) { return relationSize(r.Context(), server.URL("postgres")) }, sweepAll(s)}, nil
	}},
}

type subject struct {
	name  string
	local bool // a call waits for nobody outside of the process
	open  func(r *run) (opened, error)
}

// heap is what the process's own data take.
func heap() (int64, error) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), nil
}

func folderSize(folder string) (total int64, err error) {
	files, err := os.ReadDir(folder)
	for _, f := range files {
		if info, infoErr := f.Info(); infoErr == nil {
			total += info.Size()
		}
	}
	return total, err
}

func usedMemory(conn redigo.Conn) (n int64, err error) {
	text, err := redigo.String(conn.Do("INFO", "memory"))
	if err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(text, "# Memory\r\nused_memory:%d", &n)
	return n, err
}

func relationSize(ctx context.Context, url string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	const tables = `select coalesce(sum(pg_total_relation_size(c.oid)), 0) from pg_class c
		join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'satra' and c.relkind = 'r'`
	return n, conn.QueryRow(ctx, tables).Scan(&n)
}

// A run is one store's. It is the TB of the servers: what fails, fails the run.
type run struct {
	config
	ctx      context.Context
	cleanups []func()
}

func (r *run) Helper()                           {}
func (r *run) Context() context.Context          { return r.ctx }
func (r *run) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *run) Logf(format string, args ...any)   { progress(format, args...) }
func (r *run) Errorf(format string, args ...any) { r.Fatalf(format, args...) }
func (r *run) Fatalf(format string, args ...any) { panic(fmt.Errorf(format, args...)) }

// TempDir is on the disk, where a temporary folder may be in memory.
func (r *run) TempDir() string {
	folder, err := os.MkdirTemp("", "satra-million-")
	if err != nil {
		panic(err)
	}
	r.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}

func (r *run) close() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}
