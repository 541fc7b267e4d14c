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

// BenchmarkFull measures what is kept when every set that counts apart is full, and
// every part of its window is there.
func BenchmarkFull(b *testing.B) {
	const keys, rounds = 10_000, 20
	at := time.Unix(1_800_000_000, 0)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d := New(nil)
	observe := func(i, round int, kind satra.Kind, of string, n int) {
		var a [16]byte
		a[0] = 0x20
		binary.BigEndian.PutUint32(a[3:], uint32(i))
		e := audit.Entry{
			At: at.Add(time.Duration(round) * window / rounds), Kind: kind, Principal: fmt.Sprint(of, round), Actor: fmt.Sprint("actor ", i),
			Address: netip.AddrFrom16(a), Count: 1, Writer: "w", Seq: int64(i),
		}
		binary.BigEndian.PutUint64(e.Session[:], uint64(i*unknownTokens+n+1))
		d.Observe(e)
	}
	for round := range rounds {
		for i := range keys {
			for n := 0; i < keys/4 && n < unknownTokens/rounds; n++ {
				observe(i, round, satra.EventUnknownToken, "", round*unknownTokens/rounds+n)
			}
			observe(i, round, satra.EventSignInRefused, fmt.Sprint("principal ", i), 0)
			observe(i, round, satra.EventEnded, fmt.Sprint("person ", i), 0)
			observe(i, round, satra.EventCSRFRejected, "", 0)
			observe(i, round, satra.EventCreated, "", 0)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		observe(1, rounds, satra.EventUnknownToken, "", b.N%unknownTokens)
	}
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/1e6, "MB")
}
