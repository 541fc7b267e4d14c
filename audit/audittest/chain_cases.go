package audittest

import (
	"fmt"
	"math"
	"slices"

	"github.com/satra-sessions/satra/audit"
)

func aChainComesInItsOrder(k *kit) {
	all := rows("w", 1, 10, epoch)
	for i := range all {
		all[i].At = epoch - int64(i) // each before the one before it
	}
	k.append(k.sink, all...)
	k.append(k.sink, rows("v", 1, 10, epoch)...)
	for _, c := range []struct {
		after int64
		limit int
		want  []audit.Row
	}{
		{math.MinInt64, 1000, all},
		{0, 4, all[:4]},
		{4, 4, all[4:8]},
		{8, 4, all[8:]},
		{10, 4, nil},
		{math.MaxInt64, 4, nil},
	} {
		got, err := k.sink.AuditChain(k.ctx, "w", c.after, c.limit)
		if err != nil {
			k.Fatalf("AuditChain: %v", err)
		}
		k.same(fmt.Sprintf("%d rows after %d", c.limit, c.after), got, c.want)
	}
	k.same("the chain of nobody", k.chain(k.sink, "x"), nil)
}

// chains lists all chains, in pages.
func (k *kit) chains(s audit.Sink, limit int) []audit.Chain {
	k.Helper()
	var all []audit.Chain
	for after := ""; ; after = all[len(all)-1].Writer {
		page, err := s.AuditChains(k.ctx, after, limit)
		if err != nil {
			k.Fatalf("AuditChains(%q): %v", after, err)
		}
		if len(page) > limit {
			k.Fatalf("AuditChains(%q): got %d chains, want %d at most", after, len(page), limit)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
	}
}

func chainsAreListed(k *kit) {
	if got := k.chains(k.sink, 10); len(got) != 0 {
		k.Fatalf("the chains of an empty sink: got %v", got)
	}
	want := []audit.Chain{{Writer: "B-1", First: 7, Last: 9}}
	for i, writer := range []string{"a-1", "a-10", "a-9", "a.1", "a_1", "b-1", "~"} {
		want = append(want, audit.Chain{Writer: writer, First: 1, Last: int64(i + 1)})
	}
	for _, c := range slices.Backward(want) {
		k.append(k.sink, rows(c.Writer, c.First, c.Last, epoch)...)
	}
	for _, limit := range []int{1, 3, 1000} {
		if got := k.chains(k.sink, limit); !slices.Equal(got, want) {
			k.Fatalf("chains in pages of %d: got %v, want %v", limit, got, want)
		}
	}
	k.cut("a_1", 2, 10, 2)
	k.cut("a-1", 1, 10, 1) // all it has
	want[5].First = 3
	want = slices.Delete(want, 1, 2)
	if got := k.chains(k.sink, 3); !slices.Equal(got, want) {
		k.Fatalf("after two cuts: got %v, want %v", got, want)
	}
}

func headsAreTheLastRows(k *kit) {
	for i, writer := range []string{"d", "b", "c", "a"} {
		k.append(k.sink, rows(writer, 1, 4, epoch+int64(100*i))...)
	}
	k.append(k.sink, rows("d", 5, 6, epoch+1000)...) // now the latest
	heads := func(since int64, limit int, want ...audit.Row) {
		k.Helper()
		got, err := k.sink.AuditHeads(k.ctx, since, limit)
		if err != nil {
			k.Fatalf("AuditHeads: %v", err)
		}
		var asRows []audit.Row
		for i, h := range got {
			asRows = append(asRows, audit.Row{Writer: h.Writer, Seq: h.Seq})
			if i < len(want) && (h.At != want[i].At || string(h.MAC) != string(want[i].MAC)) {
				k.Errorf("the head of %s: got %+v, want %+v", h.Writer, h, want[i])
			}
		}
		if names(asRows) != names(want) {
			k.Fatalf("%d heads since %d: got %s, want %s", limit, since, names(asRows), names(want))
		}
	}
	a, b, c, d := row("a", 4, epoch+303), row("b", 4, epoch+103), row("c", 4, epoch+203), row("d", 6, epoch+1001)
	heads(0, 1000, d, a, c, b)
	heads(0, 2, d, a)
	heads(epoch+203, 1000, d, a, c)
	heads(epoch+204, 1000, d, a)
	heads(epoch+1002, 1000)
	k.cut("a", 3, 10, 3)
	heads(0, 1000, d, a, c, b)
	k.cut("c", 4, 10, 4)
	heads(0, 1000, d, a, b)
	late := row("a", 5, epoch+50) // back in time, and the last all the same
	k.append(k.sink, late)
	heads(0, 1000, d, b, late)
}

// cut removes rows and looks how many they were.
func (k *kit) cut(writer string, through int64, limit, want int) {
	k.Helper()
	n, err := k.sink.CutAudit(k.ctx, writer, through, limit)
	if err != nil || n != want {
		k.Fatalf("CutAudit(%q, %d, %d): got %d, %v, want %d", writer, through, limit, n, err, want)
	}
}

func aCutIsBoundedAndOldestFirst(k *kit) {
	all, other := rows("w", 1, 10, epoch), rows("v", 1, 10, epoch)
	for i := range all {
		all[i].At = epoch + 100 - int64(i) // the order is that of Seq
	}
	k.append(k.sink, all...)
	k.append(k.sink, other...)
	k.cut("w", 6, 4, 4)
	k.same("after 4 of 6", k.chain(k.sink, "w"), all[4:])
	k.cut("w", 6, 4, 2)
	k.cut("w", 6, 4, 0)
	k.same("after 6", k.chain(k.sink, "w"), all[6:])
	k.same("in time", k.query(k.sink, audit.Query{Writer: "w", Limit: 100}), all[6:])
	k.same("the other chain", k.chain(k.sink, "v"), other)
	k.cut("nobody", 6, 4, 0)
	more := row("w", 11, epoch+1)
	k.append(k.sink, more)
	k.same("after an append", k.chain(k.sink, "w"), append(all[6:10:10], more))
	k.cut("w", 1000, 1000, 5)
	k.same("after all", k.chain(k.sink, "w"), nil)
	k.same("in time", k.query(k.sink, audit.Query{Oldest: true, Limit: 100}), other)
}
