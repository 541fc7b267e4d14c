package contract

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/pgstore"
	"github.com/satra-sessions/satra/storetest"
)

// TestPostgres runs what needs a checker of histories, between two nodes; pgstore's
// own tests run the rest.
func TestPostgres(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	server := testserver.StartPostgres(t)
	var schemas atomic.Int64
	open := func(t storetest.TB, schema string) satra.Store {
		t.Helper()
		s, err := pgstore.Open(t.Context(), server.URL("postgres"), &pgstore.Options{Schema: schema, Timeout: 20 * time.Second})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(s.Close)
		return s
	}
	schemaOf := map[satra.Store]string{}
	h := storetest.Harness{
		Open: func(t storetest.TB) satra.Store {
			schema := fmt.Sprint("t", schemas.Add(1))
			s := open(t, schema)
			schemaOf[s] = schema
			return s
		},
		Node:         func(t storetest.TB, s satra.Store) satra.Store { return open(t, schemaOf[s]) },
		Linearizable: linearizable,
	}
	runHistories(t, h)
	server.Close()
	goleak.VerifyNone(t, ignore)
}
