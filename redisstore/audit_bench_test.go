package redisstore

import (
	"strconv"
	"testing"
	"time"

	"github.com/satra-sessions/satra/audit/audittest"
	"github.com/satra-sessions/satra/internal/testserver"
)

// BenchmarkAuditQueries measures the questions to a log of many entries, and how much of
// the server's memory each takes:
//
//	SATRA_AUDIT_ENTRIES=1000000 go test -run '^$' -bench AuditQueries -timeout 2h ./redisstore
func BenchmarkAuditQueries(b *testing.B) {
	server := testserver.StartRedis(b, false)
	s, err := Open(b.Context(), server.URL(), &Options{Timeout: 20 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	audittest.BenchmarkQueries(b, s, func() int64 {
		n, err := strconv.ParseInt(infoField(server.CLI("info", "memory"), "used_memory"), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	})
}
