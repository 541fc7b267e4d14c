package pgstore

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/storetest"
)

// server is one for all tests: each store has a schema of its own.
var server *testserver.Postgres

func TestMain(m *testing.M) {
	var err error
	if server, err = testserver.NewPostgres(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	server.Close()
	os.Exit(code)
}

var schemas atomic.Int64

// options are those of a new and empty store. On a machine that is busy with other
// tests a call may take long.
func options() *Options {
	return &Options{Schema: fmt.Sprintf("t%d", schemas.Add(1)), Timeout: 20 * time.Second, MaxRecord: 2 << 20, MaxConns: 16}
}

func open(t storetest.TB, o *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), server.URL("postgres"), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// counted is a store whose round trips are counted.
type counted struct {
	*Store
	trips *atomic.Int64
}

// A countedConn counts what is sent to be executed before an answer is waited for:
// a Sync with an Execute before it, or a Query. To prepare a statement is none of
// that: it is done once for a connection.
type countedConn struct {
	net.Conn
	trips    *atomic.Int64
	begun    bool   // the first message, which has no type, is over
	executes bool   // since the last Sync
	head     []byte // of a message that is not here as a whole
	skip     int    // bytes of it that follow
}

func (c *countedConn) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if n := min(c.skip, len(rest)); n > 0 {
			c.skip -= n
			rest = rest[n:]
			continue
		}
		c.head = append(c.head, rest[0])
		rest = rest[1:]
		size := 5
		if !c.begun {
			size = 4
		}
		if len(c.head) < size {
			continue
		}
		length := c.head[size-4:]
		c.skip = int(length[0])<<24 | int(length[1])<<16 | int(length[2])<<8 | int(length[3]) - 4
		if c.begun {
			c.message(c.head[0])
		}
		c.begun, c.head = true, nil
	}
	return c.Conn.Write(p)
}

func (c *countedConn) message(kind byte) {
	switch {
	case kind == 'E':
		c.executes = true
	case kind == 'Q' || kind == 'S' && c.executes:
		c.trips.Add(1)
		c.executes = false
	}
}

func counting(o *Options) (*Options, *atomic.Int64) {
	trips := &atomic.Int64{}
	o.Configure = func(config *pgxpool.Config) {
		config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return &countedConn{Conn: conn, trips: trips}, err
		}
	}
	return o, trips
}

func harness(edit func(*Options)) storetest.Harness {
	again := func(t storetest.TB, s satra.Store) satra.Store {
		o := options()
		o.Schema = s.(counted).schema
		if edit != nil {
			edit(o)
		}
		return counted{open(t, o), new(atomic.Int64)}
	}
	return storetest.Harness{
		Open: func(t storetest.TB) satra.Store {
			o, trips := counting(options())
			if edit != nil {
				edit(o)
			}
			return counted{open(t, o), trips}
		},
		Node: again,
		Restart: func(t storetest.TB, s satra.Store) satra.Store {
			server.Kill()
			start(t)
			return again(t, s)
		},
		Down: func(t storetest.TB, _ satra.Store) func() {
			server.Kill()
			return func() { start(t) }
		},
		Commands: func(s satra.Store) int { return int(s.(counted).trips.Load()) },
		// Where two meet on a row or a lock is also forced: see wait_test.go.
		Rounds: 40,
	}
}

func start(t storetest.TB) {
	t.Helper()
	if err := server.Start(); err != nil {
		t.Fatalf("%v", err)
	}
}

// The case of histories needs a checker that this module does not require:
// cmd/internal/contract has it.
func TestContract(t *testing.T) { storetest.Run(t, harness(nil)) }

func BenchmarkContract(b *testing.B) { storetest.Benchmark(b, harness(nil)) }

// direct is a connection of the test's own.
func direct(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// execute runs a statement for a store's schema on a connection of the test's own.
func execute(t *testing.T, s *Store, statement string, args ...any) {
	t.Helper()
	if _, err := direct(t).Exec(t.Context(), s.in(statement), args...); err != nil {
		t.Fatalf("%s: %v", strings.Fields(statement)[0], err)
	}
}
