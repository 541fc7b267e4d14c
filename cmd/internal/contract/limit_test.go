package contract

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/pgstore"
	"github.com/satra-sessions/satra/ratelimit"
	"github.com/satra-sessions/satra/redisstore"
)

// TestALimitIsSharedByNodes holds the back ends of package ratelimit: two nodes
// at once get no more than one.
func TestALimitIsSharedByNodes(t *testing.T) {
	redis, postgres := testserver.StartRedis(t, false), testserver.StartPostgres(t)
	nodes := map[string]func() ratelimit.Backend{
		"redis": func() ratelimit.Backend {
			s, err := redisstore.Open(t.Context(), redis.URL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			return s
		},
		"postgres": func() ratelimit.Backend {
			s, err := pgstore.Open(t.Context(), postgres.URL("postgres"), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			return s
		},
	}
	for name, open := range nodes {
		t.Run(name, func(t *testing.T) { shareLimit(t, open(), open()) })
	}
}

func shareLimit(t *testing.T, one, two ratelimit.Backend) {
	var limiters []*ratelimit.Limiter
	for _, b := range []ratelimit.Backend{one, two} {
		l, err := ratelimit.New(b, &ratelimit.Options{WhenDown: ratelimit.Forbid})
		if err != nil {
			t.Fatal(err)
		}
		limiters = append(limiters, l)
	}
	limit := ratelimit.Limit{Count: 7, Per: 7 * time.Hour} // nothing comes back while the test runs
	take := func(node int, key string) ratelimit.Result {
		r, err := limiters[node].Take(t.Context(), "test", key, limit)
		if err != nil {
			t.Error(err)
		}
		return r
	}
	var allowed atomic.Int64
	var at sync.WaitGroup
	for i := range 60 {
		at.Go(func() {
			if take(i%2, "raced").Allowed() {
				allowed.Add(1)
			}
		})
	}
	at.Wait()
	if allowed.Load() != 7 {
		t.Errorf("two nodes took %d of 7", allowed.Load())
	}
	if r := take(0, "raced"); r.Wait <= 59*time.Minute || r.Wait > time.Hour || r.Left != 0 || r.Full <= 6*time.Hour {
		t.Errorf("what is used up: got %+v, want to wait for an hour", r)
	}
	for left := 6; left >= 0; left-- {
		if r := take(left%2, "in turn"); !r.Allowed() || r.Left != left {
			t.Errorf("in turn: got %+v, want %d left", r, left)
		}
	}
	fast := ratelimit.Limit{Count: 1000, Per: time.Second}
	for range 20 { // one comes back each millisecond: never more than two round trips' worth are used
		if r, err := limiters[0].Take(t.Context(), "test", "soon", fast); err != nil || !r.Allowed() || r.Full > time.Second {
			t.Errorf("a fast limit: got %+v, %v", r, err)
		}
	}
}
