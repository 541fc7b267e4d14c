package redisstore

import (
	"testing"

	"github.com/satra-sessions/satra/internal/testserver"
)

// TestAFilterPassesWhatItDoesNotAskFor looks for the few rows of one chain among many,
// further than one script goes, and for no rows at all.
func TestAFilterPassesWhatItDoesNotAskFor(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	for seq := int64(1); seq <= 4*lookAtOnce; seq += 250 {
		var rows []auditRow
		for i := range int64(250) {
			rows = append(rows, auditRowOf("many", seq+i))
		}
		if added, err := k.AppendAudit(t.Context(), rows); !added || err != nil {
			t.Fatalf("AppendAudit: got %v, %v", added, err)
		}
	}
	few := k.appendRows("few", 3)
	for _, q := range []auditQuery{{Writer: "few"}, {Writer: "few", Kind: "signed_in"}, {Session: "s2", Writer: "few"}} {
		for q.Limit = range 4 {
			page, err := k.AuditRows(t.Context(), q)
			want := min(q.Limit, len(few))
			if q.Session != "" {
				want = min(want, 1)
			}
			if err != nil || len(page) != want {
				t.Errorf("%+v: got %d rows, %v, want %d", q, len(page), err, want)
			}
		}
	}
}

// TestAPageBeginsWhereBothItsBoundsAllow has pages whose last row is outside of the
// times that are asked for: whoever asks may change these from page to page.
func TestAPageBeginsWhereBothItsBoundsAllow(t *testing.T) {
	const writer = "w"
	after := func(at int64) string { return "(" + ordered(at) + rowPlace(writer, 1) }
	for _, c := range []struct {
		q        auditQuery
		from, to string
	}{
		{auditQuery{}, "+", "-"},
		{auditQuery{Oldest: true}, "-", "+"},
		{auditQuery{From: 3, Until: 9}, "(" + ordered(9), "[" + ordered(3)},
		{auditQuery{From: 3, Until: 9, AfterWriter: writer, AfterSeq: 1, AfterAt: 5}, after(5), "[" + ordered(3)},
		{auditQuery{From: 3, Until: 9, AfterWriter: writer, AfterSeq: 1, AfterAt: 12}, "(" + ordered(9), "[" + ordered(3)},
		{auditQuery{Oldest: true, From: 3, Until: 9, AfterWriter: writer, AfterSeq: 1, AfterAt: 5}, after(5), "(" + ordered(9)},
		{auditQuery{Oldest: true, From: 3, Until: 9, AfterWriter: writer, AfterSeq: 1, AfterAt: 1}, "[" + ordered(3), "(" + ordered(9)},
		{auditQuery{Oldest: true, From: -3, AfterWriter: writer, AfterSeq: 1, AfterAt: -1}, after(-1), "+"},
	} {
		if from, to := auditBounds(c.q); from != c.from || to != c.to {
			t.Errorf("%+v: got %q to %q, want %q to %q", c.q, from, to, c.from, c.to)
		}
	}
}
