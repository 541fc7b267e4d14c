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
	closeAll := redisHistories(t, server.URL(), server.URL())
	closeAll()
	server.Kill()
	goleak.VerifyNone(t, ignore)
}

// TestRedisCluster runs them on a Cluster, where each node has heard of another
// primary first.
func TestRedisCluster(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{})
	urls := cluster.URLs()
	closeAll := redisHistories(t, urls[0], urls[1])
	closeAll()
	for _, n := range cluster.Primaries {
		n.Kill()
	}
	goleak.VerifyNone(t, ignore)
}

// redisHistories runs the cases between a store at one address and a node of it
// at the other.
func redisHistories(t *testing.T, url, other string) (closeAll func()) {
	t.Helper()
	prefixOf := map[satra.Store]string{}
	var open []*redisstore.Store
	node := func(t storetest.TB, url, prefix string) satra.Store {
		t.Helper()
		s, err := redisstore.Open(t.Context(), url, &redisstore.Options{Prefix: prefix, Timeout: 20 * time.Second})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		open = append(open, s)
		prefixOf[s] = prefix
		return s
	}
	h := storetest.Harness{
		Open:         func(t storetest.TB) satra.Store { return node(t, url, rand.Text()+":") },
		Node:         func(t storetest.TB, s satra.Store) satra.Store { return node(t, other, prefixOf[s]) },
		Linearizable: linearizable,
	}
	runHistories(t, h)
	return func() {
		for _, s := range open {
			s.Close()
		}
	}
}
