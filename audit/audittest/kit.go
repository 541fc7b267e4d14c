package audittest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/satra-sessions/satra/audit"
)

// A kit is what a case works with.
type kit struct {
	TB
	h    Harness
	ctx  context.Context
	sink audit.Sink
}

func newKit(t TB, h Harness) *kit {
	if h.Rounds == 0 {
		h.Rounds = 50
	}
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	return &kit{TB: t, h: h, ctx: t.Context(), sink: h.Open(t)}
}

// epoch is the time around which the rows of the cases are, in microseconds.
const epoch = int64(1_800_000_000_000_000)

// row makes a row whose contents tell it from every other.
func row(writer string, seq, at int64) audit.Row {
	name := fmt.Sprintf("%s/%d", writer, seq)
	mac := bytes.Repeat([]byte{0xff}, 32)
	copy(mac, fmt.Sprintf("%8d%s", seq, writer))
	return audit.Row{Writer: writer, Seq: seq, At: at, Kind: "signed_in", Body: []byte("body of " + name), MAC: mac}
}

// rows makes rows of one writer, a microsecond apart.
func rows(writer string, from, to, at int64) []audit.Row {
	var all []audit.Row
	for seq := from; seq <= to; seq++ {
		all = append(all, row(writer, seq, at+seq-from))
	}
	return all
}

// index is a blind index.
func index(name string) []byte {
	return append(bytes.Repeat([]byte{0}, 16-len(name)), name...)
}

// append adds rows, which must not be there yet.
func (k *kit) append(s audit.Sink, all ...audit.Row) {
	k.Helper()
	if added, err := s.AppendAudit(k.ctx, all); err != nil || !added {
		k.Fatalf("AppendAudit of %s: got %v, %v, want true", names(all), added, err)
	}
}

// query returns a page.
func (k *kit) query(s audit.Sink, q audit.Query) []audit.Row {
	k.Helper()
	page, err := s.AuditRows(k.ctx, q)
	if err != nil {
		k.Fatalf("AuditRows(%+v): %v", q, err)
	}
	if len(page) > q.Limit {
		k.Fatalf("AuditRows(%+v): got %d rows, want %d at most", q, len(page), q.Limit)
	}
	return page
}

// pages returns all that q asks for, in pages of q.Limit.
func (k *kit) pages(s audit.Sink, q audit.Query, between func()) []audit.Row {
	k.Helper()
	var all []audit.Row
	for {
		page := k.query(s, q)
		all = append(all, page...)
		if len(page) == 0 {
			return all
		}
		if len(all) > 10_000 {
			k.Fatalf("AuditRows(%+v): the pages have no end", q)
		}
		last := page[len(page)-1]
		q.AfterAt, q.AfterWriter, q.AfterSeq = last.At, last.Writer, last.Seq
		if between != nil {
			between()
		}
	}
}

// chain returns all rows of a writer.
func (k *kit) chain(s audit.Sink, writer string) []audit.Row {
	k.Helper()
	var all []audit.Row
	after := int64(math.MinInt64)
	for {
		page, err := s.AuditChain(k.ctx, writer, after, 1000)
		if err != nil {
			k.Fatalf("AuditChain(%q, %d): %v", writer, after, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Seq
	}
}

// same fails unless the rows are those wanted, in that order, byte for byte.
func (k *kit) same(what string, got, want []audit.Row) {
	k.Helper()
	if names(got) != names(want) {
		k.Fatalf("%s: got %s, want %s", what, names(got), names(want))
	}
	for i := range got {
		if !equal(got[i], want[i]) {
			k.Fatalf("%s: got %+v, want %+v", what, got[i], want[i])
		}
	}
}

func equal(a, b audit.Row) bool {
	return a.Writer == b.Writer && a.Seq == b.Seq && a.At == b.At && a.Kind == b.Kind && a.Session == b.Session &&
		bytes.Equal(a.Principal, b.Principal) && bytes.Equal(a.Address, b.Address) &&
		bytes.Equal(a.Body, b.Body) && bytes.Equal(a.MAC, b.MAC)
}

// names lists rows for an error message.
func names(all []audit.Row) string {
	var text []string
	for i, r := range all {
		if i == 20 {
			text = append(text, fmt.Sprintf("… (%d)", len(all)))
			break
		}
		text = append(text, fmt.Sprintf("%s/%d", r.Writer, r.Seq))
	}
	return "[" + strings.Join(text, " ") + "]"
}

// inTime returns the rows in the order of time, oldest first.
func inTime(all []audit.Row) []audit.Row {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b audit.Row) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	return sorted
}

// reversed returns the rows the other way around.
func reversed(all []audit.Row) []audit.Row {
	other := slices.Clone(all)
	slices.Reverse(other)
	return other
}

// race runs f n times at once, from a barrier.
func race(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			f(i)
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
}
