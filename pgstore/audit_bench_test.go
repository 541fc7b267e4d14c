package pgstore

import (
	"testing"

	"github.com/satra-sessions/satra/audit/audittest"
)

// BenchmarkAuditQueries measures the questions to a log of many entries:
//
//	SATRA_AUDIT_ENTRIES=1000000 go test -run '^$' -bench AuditQueries -timeout 2h ./pgstore
func BenchmarkAuditQueries(b *testing.B) {
	o := options()
	s := open(b, o)
	audittest.BenchmarkQueries(b, s, func() (n int64) {
		err := s.pool.QueryRow(b.Context(), "select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind = 'r'", o.Schema).Scan(&n)
		if err != nil {
			b.Fatal(err)
		}
		return n
	})
}
