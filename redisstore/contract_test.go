package redisstore_test

import (
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/storetest"
)

// A world is a server with stores on it, each with keys and a line of its own.
type world struct {
	server *testserver.Redis
	cache  int // bytes
	opened map[satra.Store]*node
}

type node struct {
	line    *testserver.RedisLine
	options redisstore.Options
	before  int
}

// open returns a store on a new line.
func (w *world) open(t storetest.TB, o redisstore.Options) satra.Store {
	t.Helper()
	line := w.server.Line()
	s, err := redisstore.Open(t.Context(), line.URL(), &o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(s.Close)
	w.opened[s] = &node{line, o, line.Commands()}
	return s
}

func (w *world) harness() storetest.Harness {
	return storetest.Harness{
		Open: func(t storetest.TB) satra.Store {
			return w.open(t, redisstore.Options{Prefix: rand.Text() + ":", MaxRecord: 2 << 20, Durable: satra.DurablePower, Timeout: 20 * time.Second, Cache: w.cache})
		},
		Node: func(t storetest.TB, s satra.Store) satra.Store { return w.open(t, w.opened[s].options) },
		Restart: func(t storetest.TB, s satra.Store) satra.Store {
			w.server.Kill()
			w.server.Start()
			return w.open(t, w.opened[s].options)
		},
		Down: func(_ storetest.TB, s satra.Store) func() {
			w.opened[s].line.Cut()
			return w.opened[s].line.Mend
		},
		Commands: func(s satra.Store) int { return w.opened[s].line.Commands() - w.opened[s].before },
	}
}

// The linearizability case needs a checker that this module does not require:
// cmd/internal/contract runs the whole suite with one.
func TestContract(t *testing.T) {
	w := &world{server: testserver.StartRedis(t, true), opened: map[satra.Store]*node{}}
	storetest.Run(t, w.harness())
}

func TestContractWithTheCache(t *testing.T) {
	w := &world{server: testserver.StartRedis(t, true), cache: 32 << 20, opened: map[satra.Store]*node{}}
	h := w.harness()
	if os.Getenv("SATRA_LONG") == "" {
		h.Rounds = 10
	}
	storetest.Run(t, h)
}

func BenchmarkContract(b *testing.B) {
	server := testserver.StartRedis(b, false)
	storetest.Benchmark(b, storetest.Harness{Open: func(t storetest.TB) satra.Store {
		s, err := redisstore.Open(t.Context(), server.URL(), &redisstore.Options{Prefix: rand.Text() + ":"})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(s.Close)
		return s
	}})
}
