package detect

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// BenchmarkAMillion measures an entry, and what is kept after a million of them, each
// from a network, of a principal and of a session of its own.
func BenchmarkAMillion(b *testing.B) {
	kinds := []satra.Kind{satra.EventSignedIn, satra.EventSignInRefused, satra.EventUnknownToken, satra.EventCreated, satra.EventCSRFRejected, satra.EventRenewed}
	entry := func(n int) audit.Entry {
		var a [16]byte
		a[0] = 0x20
		binary.BigEndian.PutUint32(a[3:], uint32(n))
		e := audit.Entry{
			At: time.Unix(1_800_000_000, int64(n)*1e6), Kind: kinds[n%len(kinds)], Principal: fmt.Sprint("principal ", n),
			Address: netip.AddrFrom16(a), UserAgent: windows, Count: 1,
		}
		binary.BigEndian.PutUint64(e.Session[:], uint64(n+1))
		return e
	}
	for _, size := range []int{1_000, 10_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			d := New(nil)
			for n := range size {
				d.Observe(entry(n))
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			n := size
			for b.Loop() {
				d.Observe(entry(n))
				n++
			}
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/1e6, "MB")
		})
	}
}
