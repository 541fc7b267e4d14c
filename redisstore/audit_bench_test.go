package redisstore

import (
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/satra-sessions/satra/internal/testserver"
)

// BenchmarkAuditQueries measures a page of 100 of each question in logs of ten
// thousand entries and ten times as many, up to SATRA_AUDIT_ENTRIES (default a
// hundred thousand), and how much memory the server takes for each entry.
//
//	SATRA_AUDIT_ENTRIES=1000000 go test -run '^$' -bench AuditQueries -timeout 2h ./redisstore
func BenchmarkAuditQueries(b *testing.B) {
	most := 100_000
	if given, err := strconv.Atoi(os.Getenv("SATRA_AUDIT_ENTRIES")); err == nil {
		most = given
	}
	server := testserver.StartRedis(b, false)
	used := func() float64 {
		n, _ := strconv.Atoi(infoField(server.CLI("info", "memory"), "used_memory"))
		return float64(n)
	}
	s, err := Open(b.Context(), server.URL(), &Options{Timeout: 20 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	there, empty := 0, used()
	for n := 10_000; n <= most; n *= 10 {
		for ; there < n; there += 256 {
			fillAudit(b, s, int64(there))
		}
		size := (used() - empty) / float64(there)
		middle := int64(n / 2)
		for name, q := range map[string]auditQuery{
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
				b.ReportMetric(size, "B/entry")
			})
		}
	}
}

func someone(n int) []byte { return fmt.Appendf(nil, "%016d", n) }

// fillAudit adds 256 rows of bodies as long as those of a sign-in.
func fillAudit(b *testing.B, s *Store, from int64) {
	rows := make([]auditRow, 256)
	for i := range rows {
		n := from + int64(i)
		body, mac := make([]byte, 330), make([]byte, 32)
		rand.Read(body)
		rand.Read(mac)
		rows[i] = auditRow{
			Writer: "w", Seq: n + 1, At: n, Kind: fmt.Sprint("kind", n%10), Session: fmt.Sprint("s", n%5000),
			Principal: someone(int(n % 1000)), Address: someone(int(n % 2000)), Body: body, MAC: mac,
		}
	}
	if added, err := s.AppendAudit(b.Context(), rows); err != nil || !added {
		b.Fatalf("got %v, %v", added, err)
	}
}
