package pgstore

import (
	"context"
	"slices"
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

// pooled makes a store one behind a pooler: whatever a transaction leaves with its
// connection, prepared statements, parameters, locks, is gone before the next.
func pooled(o *Options) {
	o.Pooled, o.WatchURL = true, server.URL("postgres")
	configure := o.Configure
	o.Configure = func(c *pgxpool.Config) {
		if configure != nil {
			configure(c)
		}
		c.AfterRelease = func(conn *pgx.Conn) bool {
			_, err := conn.PgConn().Exec(context.Background(), "discard all").ReadAll()
			return err == nil
		}
	}
}

func TestContractBehindAPooler(t *testing.T) {
	h := harness(pooled)
	h.Rounds = 10
	h.Commands = nil // what discards is counted as well
	for _, c := range storetest.Cases() {
		if slices.Contains([]int{0, 1, 4, 5, 11, 13, 14, 15, 17, 25}, c.Promise) {
			t.Run(c.String(), func(t *testing.T) { c.Run(t, h) })
		}
	}
}

func TestBehindAPoolerTheIsolationIsLookedAt(t *testing.T) {
	o := options()
	pooled(o)
	configure := o.Configure
	o.Configure = func(c *pgxpool.Config) {
		configure(c)
		c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	}
	s, err := Open(t.Context(), server.URL("postgres"), o)
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "default_transaction_isolation") {
		t.Errorf("got %v, want an error that names the setting", err)
	}
}

func TestTheIsolationIsPinned(t *testing.T) {
	h := harness(func(o *Options) {
		configure := o.Configure
		o.Configure = func(c *pgxpool.Config) {
			if configure != nil {
				configure(c)
			}
			c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
		}
	})
	h.Rounds = 10
	for _, c := range storetest.Cases() {
		if slices.Contains([]int{5, 15}, c.Promise) {
			t.Run(c.String(), func(t *testing.T) { c.Run(t, h) })
		}
	}
}

// through makes a store one behind a real pooler.
func through(b *testserver.PgBouncer) storetest.Harness {
	h := harness(pooledOnly)
	openOn := func(t storetest.TB, o *Options) *Store {
		t.Helper()
		pooledOnly(o)
		s, err := Open(t.Context(), b.URL("postgres"), o)
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(s.Close)
		return s
	}
	h.Open = func(t storetest.TB) satra.Store {
		o, trips := counting(options())
		return counted{openOn(t, o), trips}
	}
	h.Node = func(t storetest.TB, s satra.Store) satra.Store {
		o := options()
		o.Schema = s.(counted).schema
		return counted{openOn(t, o), new(atomic.Int64)}
	}
	h.Restart = func(t storetest.TB, s satra.Store) satra.Store {
		server.Kill()
		start(t)
		noticed(t, b)
		return h.Node(t, s)
	}
	h.Down = func(t storetest.TB, s satra.Store) func() {
		// The pooler lets the first who comes wait, for as long as it takes.
		s.(counted).timeout = time.Second
		server.Kill()
		return func() {
			s.(counted).timeout = options().Timeout
			start(t)
			noticed(t, b)
		}
	}
	h.Rounds = 10
	return h
}

// noticed returns when the pooler has noticed that the server is back: it tries again
// a second after its last attempt, if somebody asks.
func noticed(t storetest.TB, b *testserver.PgBouncer) {
	t.Helper()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		conn, err := pgx.Connect(t.Context(), b.URL("postgres"))
		if err == nil {
			err = conn.Ping(t.Context())
			conn.Close(t.Context())
		}
		if err == nil {
			return
		}
		select {
		case <-pause.C:
		case <-t.Context().Done():
			t.Fatalf("the pooler has not noticed that the server is back: %v", err)
		}
	}
}

func pooledOnly(o *Options) { o.Pooled, o.WatchURL = true, server.URL("postgres") }

// The whole suite: what the server has to be for it, the pooler takes from nobody.
func TestContractBehindPgBouncer(t *testing.T) {
	storetest.Run(t, through(testserver.StartPgBouncer(t, server)))
}

// What a pooler cannot do Open says, and what to do about it.
func TestOpenFindsAPoolerThatItWasNotToldOf(t *testing.T) {
	const byTransaction = "pool_mode = transaction"
	ignoring := testserver.StartPgBouncer(t, server, byTransaction, "ignore_startup_parameters = default_transaction_isolation, statement_timeout")
	plain := testserver.StartPgBouncer(t, server, byTransaction)
	byStatement := testserver.StartPgBouncer(t, server, "pool_mode = statement")
	toServer := server.URL("postgres")
	for _, c := range []struct {
		what, url, watchURL string
		pooled              bool
		want                string
	}{
		{"a pooler, which refuses parameters", plain.URL("postgres"), toServer, false, "set Options.Pooled"},
		{"a pooler, which ignores parameters", ignoring.URL("postgres"), toServer, false, "set Options.Pooled"},
		{"a pooler to watch", plain.URL("postgres"), plain.URL("postgres"), true, "Options.WatchURL"},
		{"another pooler to watch", plain.URL("postgres"), ignoring.URL("postgres"), true, "want the URL of the server itself"},
		{"another database to watch", plain.URL("postgres"), server.URL("template1"), true, "of the same database"},
		{"a pooler by statement", byStatement.URL("postgres"), toServer, true, "statement pooling"},
	} {
		o := options()
		o.Pooled, o.WatchURL = c.pooled, c.watchURL
		if c.watchURL != toServer {
			o.Timeout = 5 * time.Second // for which it waits to be told
		}
		s, err := Open(t.Context(), c.url, o)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.what, err, c.want)
		}
	}
}

func TestWatchHearsWhatGoesThroughAPooler(t *testing.T) {
	s := through(testserver.StartPgBouncer(t, server)).Open(t).(counted)
	notices := make(chan satra.Notice, 10)
	go s.Watch(t.Context(), func(n satra.Notice) { notices <- n })
	if n := <-notices; !n.Gap {
		t.Fatalf("the first notice is %+v, want a Gap", n)
	}
	r := create(t, s.Store, "alice")
	apply(t, s.Store, r.ID, &satra.Change{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonSignedOut}})
	if n := <-notices; n.ID != r.ID {
		t.Errorf("got the notice %+v, want the end", n)
	}
}
