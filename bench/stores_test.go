package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra/internal/testserver"
)

// sessionCount is how many sessions a benchmark of a store has: one for each client.
const sessionCount = 64

// A storeSubject is one package with one store, and 64 sessions in it: what an
// application does with them through the package's middleware, and what that does
// to the store.
type storeSubject struct {
	name         string
	find, commit func(ctx context.Context, session int) error
	read, write  http.Handler
	requests     []*http.Request // one a session, with its cookie
}

// A place is where the packages of one kind of store keep their sessions.
type place struct {
	server   func() time.Duration // processor time of its server; nil: there is none
	subjects func(text string) []storeSubject
}

// places opens one place each. What needs a server starts it.
var places = []struct {
	kind string
	open func(tb testing.TB) place
}{
	{"memory", func(tb testing.TB) place {
		return place{nil, func(text string) []storeSubject { return memorySubjects(tb, text) }}
	}},
	{"sqlite", func(tb testing.TB) place {
		return place{nil, func(text string) []storeSubject { return sqliteSubjects(tb, text) }}
	}},
	{"redis", func(tb testing.TB) place {
		server := testserver.StartRedis(tb, false)
		return place{
			func() time.Duration { return treeTime(server.PID()) },
			func(text string) []storeSubject { return redisSubjects(tb, server, text) },
		}
	}},
	{"postgres", func(tb testing.TB) place {
		server := testserver.StartPostgres(tb)
		return place{
			func() time.Duration { return treeTime(server.PID()) },
			func(text string) []storeSubject { return postgresSubjects(tb, server.URL("postgres"), text) },
		}
	}},
}

// BenchmarkStores compares the stores with those of alexedwards/scs on the same
// server in the same run. Its names are
// Stores/KIND/OPERATION/BYTES/CLIENTS/PACKAGE.
func BenchmarkStores(b *testing.B) {
	for _, p := range places {
		b.Run(p.kind, func(b *testing.B) { benchmarkPlace(b, p.open(b)) })
	}
}

func benchmarkPlace(b *testing.B, p place) {
	for _, size := range []int{10, 1000} {
		subjects := p.subjects(strings.Repeat("v", size))
		for _, operation := range operations {
			for _, clients := range []int{1, 8, 64} {
				for _, s := range subjects { // side by side: the machine's mood changes
					b.Run(fmt.Sprintf("%s/%d/%d/%s", operation, size, clients, s.name), func(b *testing.B) {
						atOnce(b, clients, p.server, s.does(operation))
					})
				}
			}
		}
	}
}

// operations are what is done to a store, and through the middleware.
var operations = []string{"find", "commit", "read", "write"}

func (s storeSubject) does(operation string) func(context.Context, int) error {
	switch operation {
	case "find":
		return s.find
	case "commit":
		return s.commit
	case "read":
		return s.serve(s.read)
	}
	return s.serve(s.write)
}

// serve returns what sends a session's request through a handler.
func (s storeSubject) serve(h http.Handler) func(context.Context, int) error {
	return func(_ context.Context, session int) error {
		w := &sink{h: http.Header{}}
		h.ServeHTTP(w, s.requests[session])
		if w.status >= 400 {
			return fmt.Errorf("got status %d", w.status)
		}
		return nil
	}
}

// atOnce has clients do the operation b.N times together, each with a session of
// its own. It reports the processor time of this process, and of the server.
func atOnce(b *testing.B, clients int, server func() time.Duration, do func(ctx context.Context, session int) error) {
	b.ReportAllocs()
	var next atomic.Int64
	var wg sync.WaitGroup
	ctx := b.Context()
	began, serverBegan := cpuTime(), time.Duration(0)
	if server != nil {
		serverBegan = server()
	}
	b.ResetTimer()
	for session := range clients {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := do(ctx, session); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "cpu-ns/op")
	if server != nil {
		b.ReportMetric(float64(server()-serverBegan)/float64(b.N), "server-cpu-ns/op")
	}
}
