package pgstore

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/audittest"
)

var _ audit.Sink = (*Store)(nil)

func TestAudit(t *testing.T) {
	used := map[audit.Sink]*Options{}
	openOn := func(t audittest.TB, o *Options) audit.Sink {
		s, err := Open(t.Context(), server.URL("postgres"), o)
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		used[s] = o
		t.Cleanup(s.Close)
		return s
	}
	up := func(t audittest.TB) {
		if err := server.Start(); err != nil {
			t.Fatalf("%v", err)
		}
	}
	audittest.Run(t, audittest.Harness{
		Open: func(t audittest.TB) audit.Sink { return openOn(t, options()) },
		Node: func(t audittest.TB, s audit.Sink) audit.Sink { return openOn(t, used[s]) },
		Restart: func(t audittest.TB, s audit.Sink) audit.Sink {
			server.Kill()
			up(t)
			return openOn(t, used[s])
		},
		Down: func(t audittest.TB, _ audit.Sink) func() {
			server.Kill()
			return func() { up(t) }
		},
		Rounds: 20,
	})
}

// TestAuditQueriesUseTheirIndex holds that a page costs the same in a long log: each
// query goes along the index that the contract names, whatever else it asks for.
func TestAuditQueriesUseTheirIndex(t *testing.T) {
	o, plans := explaining(options())
	s := open(t, o)
	execute(t, s, `insert into {schema}.audit select 'w' || i % 7, i, i, 'kind' || i % 5, 's' || i % 300, decode(md5((i % 100)::text), 'hex'),
		decode(md5((i % 200)::text), 'hex'), 'body', 'mac' from generate_series(1::bigint, 20000) i`)
	execute(t, s, `insert into {schema}.audit_keys select decode(md5(i::text), 'hex'), i, 'key' from generate_series(1::bigint, 20000) i`)
	execute(t, s, "vacuum analyze {schema}.audit")
	execute(t, s, "vacuum analyze {schema}.audit_keys")
	one := make([]byte, 16)
	full := auditQuery{Kind: "kind1", Session: "s1", Principal: one, Address: one, Writer: "w1", From: 1, Until: 1 << 40, AfterAt: 5000, AfterWriter: "w1", AfterSeq: 1, Limit: 10}
	kind, session, address := full, full, full
	kind.Session, kind.Principal, kind.Address = "", nil, nil
	session.Principal, session.Address = nil, nil
	address.Principal = nil
	page := func(q auditQuery) func() error {
		return func() error { _, err := s.AuditRows(t.Context(), q); return err }
	}
	oldest := full
	oldest.Oldest = true
	for name, c := range map[string]struct {
		call func() error
		want string
	}{
		"by time":       {page(auditQuery{Limit: 10, AfterAt: 5000, AfterWriter: "w1", AfterSeq: 1}), "audit_by_time"},
		"by principal":  {page(full), "audit_by_principal"},
		"oldest first":  {page(oldest), "audit_by_principal"},
		"by address":    {page(address), "audit_by_address"},
		"by session":    {page(session), "audit_by_session"},
		"by kind":       {page(kind), "audit_by_kind"},
		"a chain":       {func() error { _, err := s.AuditChain(t.Context(), "w1", 5000, 10); return err }, "audit_pkey"},
		"chains":        {func() error { _, err := s.AuditChains(t.Context(), "", 10); return err }, "audit_pkey"},
		"heads":         {func() error { _, err := s.AuditHeads(t.Context(), 1, 10); return err }, "audit_pkey"},
		"a cut":         {func() error { _, err := s.CutAudit(t.Context(), "w1", 50, 10); return err }, "audit_pkey"},
		"keys":          {func() error { _, err := s.AuditKeys(t.Context(), [][]byte{one}); return err }, "audit_keys_pkey"},
		"a cut of keys": {func() error { _, err := s.CutAuditKeys(t.Context(), 100, 10); return err }, "audit_keys_by_time"},
	} {
		plans.take()
		if err := c.call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all := plans.take()
		if len(all) == 0 {
			t.Errorf("%s: the server has told no plan", name)
		}
		for _, text := range all {
			var plan struct{ Plan node }
			if err := json.Unmarshal([]byte(text), &plan); err != nil {
				t.Fatal(err)
			}
			indexes, whole := plan.Plan.scans()
			whole = slices.DeleteFunc(whole, func(w string) bool { return w == "audit_pkey" }) // from its beginning, for one
			if !slices.Contains(indexes, c.want) || len(whole) > 0 {
				t.Errorf("%s: uses %v and reads the whole of %v, want %s:\n%s", name, indexes, whole, c.want, text)
			}
		}
	}
}
