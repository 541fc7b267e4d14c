package redisstore

import "testing"

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
