package pgstore

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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
