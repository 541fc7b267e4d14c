//go:build unix

package redisstore

import (
	"context"
	"crypto/rand"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// benchStore opens a store with a cache.
func benchStore(b *testing.B, server *testserver.Redis, prefix string) *Store {
	b.Helper()
	s, err := Open(b.Context(), server.URL(), &Options{Prefix: prefix, Cache: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}

// benchSessions makes sessions with a value of that size.
func benchSessions(b *testing.B, s *Store, n, size int) []satra.ID {
	b.Helper()
	ids := make([]satra.ID, n)
	now := time.Now().UTC().Truncate(satra.Precision)
	for i := range ids {
		rand.Read(ids[i][:])
		r := &satra.Record{
			ID: ids[i], Generation: 1, Version: 1, Created: now, Begun: now, Seen: now, Idle: time.Hour, Lifetime: 12 * time.Hour,
			Values: []satra.Value{{Key: "value", Data: make([]byte, size)}},
		}
		if err := s.Create(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

// processorTime is what this process has used, the server not included.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFind reads 64 sessions by 64 callers, as a route does that asks the
// store, and as one that may be answered from the cache, where each session is
// read again once a second.
func BenchmarkFind(b *testing.B) {
	s := benchStore(b, testserver.StartRedis(b, false), "bench:")
	ids := benchSessions(b, s, 64, 100)
	for name, f := range map[string]satra.Freshness{"fresh": satra.Fresh, "cached": satra.Cacheable} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
			var caller atomic.Int64
			begun := processorTime()
			b.RunParallel(func(pb *testing.PB) {
				for n := int(caller.Add(1)); pb.Next(); n++ {
					if _, err := s.Find(context.Background(), ids[n%len(ids)], f); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(processorTime()-begun)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkStaleness ends sessions on one node which another has in its cache, and
// tells how long after the acknowledgement the other's cached find still takes to
// say so: on nodes that do nothing else, on nodes where 32 callers each find, touch
// and set 200 times a second, and where they do so without a pause, which is more
// than the machine can do.
func BenchmarkStaleness(b *testing.B) {
	server := testserver.StartRedis(b, false)
	here, there := benchStore(b, server, "bench:"), benchStore(b, server, "bench:")
	for _, load := range []struct {
		name    string
		callers int
		pause   time.Duration
	}{{"idle", 0, 0}, {"busy", 32, 5 * time.Millisecond}, {"overloaded", 32, 0}} {
		b.Run(load.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			var busy sync.WaitGroup
			others := benchSessions(b, here, 1000, 100)
			for n := range load.callers {
				for _, s := range []*Store{here, there} {
					busy.Go(func() { traffic(ctx, s, others, n, load.pause) })
				}
			}
			var delays []time.Duration
			for b.Loop() {
				delays = append(delays, delayOfAnEnd(b, here, there))
			}
			cancel()
			busy.Wait()
			slices.Sort(delays)
			for name, at := range map[string]int{"p50-µs": len(delays) / 2, "p99-µs": len(delays) * 99 / 100, "max-µs": len(delays) - 1} {
				b.ReportMetric(float64(delays[at].Nanoseconds())/1e3, name)
			}
		})
	}
}

// traffic is what a caller does until ctx is done: nine cached finds, then a touch
// or a set.
func traffic(ctx context.Context, s *Store, ids []satra.ID, n int, pause time.Duration) {
	for ; ctx.Err() == nil; n += 7 {
		time.Sleep(pause)
		id := ids[n%len(ids)]
		if n%10 != 0 {
			_, _ = s.Find(ctx, id, satra.Cacheable)
			continue
		}
		now := time.Now().UTC().Truncate(satra.Precision)
		c := &satra.Change{At: now, Seen: now}
		if n%20 == 0 {
			c.Set = []satra.Value{{Key: "value", Data: make([]byte, 100)}}
		}
		_, _ = s.Apply(ctx, id, c)
	}
}

func delayOfAnEnd(b *testing.B, here, there *Store) time.Duration {
	id := benchSessions(b, here, 1, 100)[0]
	for there.cache.get(id) == nil {
		if _, err := there.Find(b.Context(), id, satra.Cacheable); err != nil {
			b.Fatal(err)
		}
	}
	now := time.Now().UTC().Truncate(satra.Precision)
	if _, err := here.Apply(b.Context(), id, &satra.Change{At: now, End: &satra.End{At: now, Reason: satra.ReasonSignedOut}}); err != nil {
		b.Fatal(err)
	}
	acknowledged := time.Now()
	for {
		r, err := there.Find(b.Context(), id, satra.Cacheable)
		if err != nil {
			b.Fatal(err)
		}
		if r.Ended != nil {
			return time.Since(acknowledged)
		}
		time.Sleep(20 * time.Microsecond) // a caller that never waits would keep the answer from coming in
	}
}
