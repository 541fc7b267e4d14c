package audittest

import (
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/satra-sessions/satra/audit"
)

// BenchmarkQueries measures a page of 100 of each question in logs of ten thousand
// entries and ten times as many, up to SATRA_AUDIT_ENTRIES (default a hundred thousand).
// size tells how many bytes the sink takes, of the disk or of memory; s is empty at the
// beginning.
func BenchmarkQueries(b *testing.B, s audit.Sink, size func() int64) {
	most := 100_000
	if given, err := strconv.Atoi(os.Getenv("SATRA_AUDIT_ENTRIES")); err == nil {
		most = given
	}
	there, empty := 0, size()
	for n := 10_000; n <= most; n *= 10 {
		for ; there < n; there += 256 {
			fill(b, s, int64(there))
		}
		each := float64(size()-empty) / float64(there)
		middle := int64(n / 2)
		for name, q := range map[string]audit.Query{
			"newest": {}, "middle": {AfterAt: middle, AfterWriter: "w0", AfterSeq: 1}, "principal": {Principal: someone(7)}, "address": {Address: someone(7)},
			"session": {Session: "s7"}, "kind": {Kind: "kind3", AfterAt: middle, AfterWriter: "w0", AfterSeq: 1},
		} {
			q.Limit = 100
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				for b.Loop() {
					rows, err := s.AuditRows(b.Context(), q)
					if err != nil || len(rows) == 0 {
						b.Fatalf("got %d rows, %v", len(rows), err)
					}
				}
				b.ReportMetric(each, "B/entry")
			})
		}
	}
}

func someone(n int) []byte { return fmt.Appendf(nil, "%016d", n) }

// fill adds 256 rows of bodies as long as those of a sign-in.
func fill(b *testing.B, s audit.Sink, from int64) {
	rows := make([]audit.Row, 256)
	for i := range rows {
		n := from + int64(i)
		body, mac := make([]byte, 330), make([]byte, 32)
		rand.Read(body)
		rand.Read(mac)
		rows[i] = audit.Row{
			Writer: "w", Seq: n + 1, At: n, Kind: fmt.Sprint("kind", n%10), Session: fmt.Sprint("s", n%5000),
			Principal: someone(int(n % 1000)), Address: someone(int(n % 2000)), Body: body, MAC: mac,
		}
	}
	if added, err := s.AppendAudit(b.Context(), rows); err != nil || !added {
		b.Fatalf("got %v, %v", added, err)
	}
}
