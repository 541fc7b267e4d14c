package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// Benchmark measures a store's operations on sessions that are signed in and
// have values of ten and of a thousand bytes, one after the other and in
// parallel.
func Benchmark(b *testing.B, h Harness) {
	for _, size := range []int{10, 1000} {
		for _, op := range []struct {
			name   string
			change func(k *kit, n int) *satra.Change
		}{
			{"Find", nil},
			{"Touch", func(k *kit, n int) *satra.Change { return k.touch(time.Duration(n%1_000_000) * time.Microsecond) }},
			{"Set", func(k *kit, n int) *satra.Change {
				return &satra.Change{At: k.t0, Set: []satra.Value{{Key: "a", Data: make([]byte, size)}}}
			}},
		} {
			b.Run(fmt.Sprintf("%s/%dB", op.name, size), func(b *testing.B) {
				k := newKit(b, h)
				all := make([]satra.ID, 64)
				for i := range all {
					all[i] = k.signIn(fmt.Sprint("user", i), 0)
					k.apply(all[i], &satra.Change{At: k.t0, Set: []satra.Value{{Key: "a", Data: make([]byte, size)}}})
				}
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for n := 0; pb.Next(); n++ {
						var err error
						if op.change == nil {
							_, err = k.s.Find(b.Context(), all[n%len(all)], satra.Fresh)
						} else {
							_, err = k.s.Apply(b.Context(), all[n%len(all)], op.change(k, n))
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}
