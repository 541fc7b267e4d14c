package sqlitestore

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/audittest"
)

var _ audit.Sink = (*Store)(nil)

func TestAudit(t *testing.T) {
	paths := map[audit.Sink]string{}
	open := func(t audittest.TB, path string) audit.Sink {
		s, err := Open(path, patient())
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		paths[s] = path
		t.Cleanup(func() { s.Close() })
		return s
	}
	folder := func(t audittest.TB) string {
		dir, err := os.MkdirTemp("", "sqlitestore")
		if err != nil {
			t.Fatalf("%v", err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return filepath.Join(dir, "audit.db")
	}
	audittest.Run(t, audittest.Harness{
		Open: func(t audittest.TB) audit.Sink { return open(t, folder(t)) },
		Node: func(t audittest.TB, s audit.Sink) audit.Sink { return open(t, paths[s]) },
		Restart: func(t audittest.TB, s audit.Sink) audit.Sink {
			copied := folder(t)
			for _, suffix := range []string{"", "-wal"} { // as a kill leaves it
				data, err := os.ReadFile(paths[s] + suffix)
				if err != nil {
					t.Fatalf("%v", err)
				}
				if err := os.WriteFile(copied+suffix, data, 0o600); err != nil {
					t.Fatalf("%v", err)
				}
			}
			return open(t, copied)
		},
	})
}

// TestAuditQueriesUseTheirIndex holds that a page costs the same in a long log: each
// query goes along an index in its order, and sorts nothing.
func TestAuditQueriesUseTheirIndex(t *testing.T) {
	s := opened(t, newPath(t), patient())
	one := []byte("0123456789abcdef")
	full := auditQuery{Kind: "x", Session: "s", Principal: one, Address: one, Writer: "w", From: 1, Until: 2, AfterAt: 1, AfterWriter: "w", AfterSeq: 1, Limit: 10}
	kind, session, address := full, full, full
	kind.Session, kind.Principal, kind.Address = "", nil, nil
	session.Principal, session.Address = nil, nil
	address.Principal = nil
	for index, q := range map[string]auditQuery{
		"audit_by_time": {Limit: 10, AfterAt: 1, AfterWriter: "w", AfterSeq: 1}, "audit_by_principal (principal=?": full, "audit_by_address (address=?": address,
		"audit_by_session (session=?": session, "audit_by_kind (kind=?": kind,
	} {
		for _, q.Oldest = range []bool{false, true} {
			query, args := auditPage(q)
			if plan := explained(t, s, query, args...); !strings.Contains(plan, "USING INDEX "+index) || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN") {
				t.Errorf("%+v: the plan is %s", q, plan)
			}
		}
	}
	for _, query := range []string{auditChains, auditHeads} {
		args := []any{"", 0, 10}
		if plan := explained(t, s, query, args[:strings.Count(query, "?3")+2]...); strings.Contains(plan, "SCAN audit") || strings.Contains(plan, "SCAN a") || strings.Contains(plan, "SCAN b") {
			t.Errorf("%s: the plan is %s", query, plan)
		}
	}
}

// TestNothingIsLeftOfAnErasedKey looks for it in every file.
func TestNothingIsLeftOfAnErasedKey(t *testing.T) {
	path := newPath(t)
	s := opened(t, path, patient())
	secret := []byte("the wrapped key of somebody")
	owner := []byte("0123456789abcdef")
	if err := s.AddAuditKeys(t.Context(), []auditWrappedKey{{Owner: owner, At: 1, Key: secret}}); err != nil {
		t.Fatal(err)
	}
	found := func() (n int) {
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + suffix)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			n += bytes.Count(data, secret)
		}
		return n
	}
	if found() == 0 {
		t.Fatal("the key is in no file: the test looks in the wrong place")
	}
	if n, err := s.EraseAuditKeys(t.Context(), [][]byte{owner}); err != nil || n != 1 {
		t.Fatalf("got %d, %v", n, err)
	}
	if n := found(); n > 0 {
		t.Errorf("the erased key is still there %d times", n)
	}
}
