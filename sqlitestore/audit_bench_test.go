package sqlitestore

import (
	"os"
	"testing"

	"github.com/satra-sessions/satra/audit/audittest"
)

// BenchmarkAuditQueries measures the questions to a log of many entries:
//
//	SATRA_AUDIT_ENTRIES=10000000 go test -run '^$' -bench AuditQueries -timeout 2h ./sqlitestore
func BenchmarkAuditQueries(b *testing.B) {
	path := newPath(b)
	s, err := Open(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	audittest.BenchmarkQueries(b, s, func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		return info.Size()
	})
}
