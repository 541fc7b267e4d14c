package sqlitestore

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// BenchmarkWriters compares 64 writers whose changes share a transaction with
// 64 that have one each.
func BenchmarkWriters(b *testing.B) {
	for name, most := range map[string]int{"together": 1024, "one each": 1} {
		b.Run(name, func(b *testing.B) {
			s := opened(b, newPath(b), patient())
			s.maxBatch = most // the writer reads it only when there is something to write
			ids := make([]satra.ID, 64)
			for i := range ids {
				ids[i] = created(b, s).ID
			}
			var next atomic.Int32
			b.SetParallelism(64 / runtime.GOMAXPROCS(0)) // each has a session of its own
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				id := ids[next.Add(1)%64]
				for pb.Next() {
					if _, err := s.Apply(b.Context(), id, setValue("a", "a value of twenty-two")); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkHotFind compares reads from the cache, and of the file, with those of
// memstore.
func BenchmarkHotFind(b *testing.B) {
	shared := patient()
	shared.Shared = true
	for name, s := range map[string]satra.Store{
		"sqlite": opened(b, newPath(b), patient()), "memory": memstore.New(nil), "file": opened(b, newPath(b), shared),
	} {
		b.Run(name, func(b *testing.B) {
			ids := make([]satra.ID, 64)
			for i := range ids {
				r := newRecord()
				r.Values = []satra.Value{{Key: "a", Data: []byte(`"a value of twenty-two"`)}, {Key: "b", Data: []byte("7"), Rev: 1}}
				if err := s.Create(b.Context(), r); err != nil {
					b.Fatal(err)
				}
				ids[i] = r.ID
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n++ {
					if _, err := s.Find(b.Context(), ids[n%64], satra.Fresh); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
