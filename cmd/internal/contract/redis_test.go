package contract

import (
	"crypto/rand"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/storetest"
)

// TestRedis runs what needs a checker of histories, between two nodes;
// redisstore's own tests run the rest.
func TestRedis(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	server := testserver.StartRedis(t, false)
	prefixOf := map[satra.Store]string{}
	var open []*redisstore.Store
	node := func(t storetest.TB, prefix string) satra.Store {
		t.Helper()
		s, err := redisstore.Open(t.Context(), server.URL(), &redisstore.Options{Prefix: prefix, Timeout: 20 * time.Second})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		open = append(open, s)
		prefixOf[s] = prefix
		return s
	}
	h := storetest.Harness{
		Open:         func(t storetest.TB) satra.Store { return node(t, rand.Text()+":") },
		Node:         func(t storetest.TB, s satra.Store) satra.Store { return node(t, prefixOf[s]) },
		Linearizable: linearizable,
	}
	runHistories(t, h)
	for _, s := range open {
		s.Close()
	}
	server.Kill()
	goleak.VerifyNone(t, ignore)
}
