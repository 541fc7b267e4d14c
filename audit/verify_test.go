package audit

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

// points are a place for checkpoints.
type points struct {
	mu  sync.Mutex
	all []Checkpoint
}

func (k *points) PutCheckpoint(_ context.Context, c Checkpoint) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, c)
	return nil
}

// A crime is a log of three nodes, and what somebody does to it who can write to the
// database and has no key.
type crime struct {
	t       *testing.T
	ring    *Ring
	sink    *Memory
	writers [3]string
	points  []Checkpoint
}

// newCrime makes the log: nine entries of each node between its opening and its end,
// and heads of the others.
func newCrime(t *testing.T) *crime {
	c := &crime{t: t, ring: newTestRing(t, 2), sink: NewMemory(0)}
	k := &points{}
	var logs []*Log
	for i := range 3 {
		l := openLog(t, c.sink, c.ring, Options{Checkpoints: k})
		logs, c.writers[i] = append(logs, l), l.Writer()
	}
	for i := range 9 {
		for _, l := range logs {
			if err := l.Record(t.Context(), Entry{Kind: satra.EventSignedIn, Principal: "asha", Detail: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if i%3 == 2 {
			time.Sleep(time.Minute)
			synctest.Wait()
		}
	}
	for _, l := range logs {
		closeLog(t, l)
	}
	c.points = k.all
	return c
}

// edit changes the rows of a writer as SQL would.
func (c *crime) edit(writer string, change func([]Row) []Row) {
	m := c.sink
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := change(slices.Clone(m.chains[writer]))
	if m.chains[writer] = rows; len(rows) == 0 {
		delete(m.chains, writer)
	}
	m.rows = nil
	for _, chain := range m.chains {
		m.rows = append(m.rows, chain...)
	}
	slices.SortFunc(m.rows, byTime)
}

func remove(from, to int64) func([]Row) []Row {
	return func(rows []Row) []Row {
		return slices.DeleteFunc(rows, func(r Row) bool { return from <= r.Seq && r.Seq <= to })
	}
}

func altered(seq int64, change func(*Row)) func([]Row) []Row {
	return func(rows []Row) []Row {
		change(&rows[seq-1])
		return rows
	}
}

// flip changes one byte.
func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

// TestTamperingIsFoundAndLocated does everything that somebody can do who can write
// to the database.
func TestTamperingIsFoundAndLocated(t *testing.T) {
	const victim = 1
	for name, tamper := range map[string]struct {
		do   func(c *crime, writer string)
		want string // "from-to fault"
	}{
		"nothing":             {func(*crime, string) {}, ""},
		"a later time":        {func(c *crime, w string) { c.edit(w, altered(5, func(r *Row) { r.At++ })) }, "5-5 altered"},
		"another kind":        {func(c *crime, w string) { c.edit(w, altered(5, func(r *Row) { r.Kind = "renewed" })) }, "5-5 altered"},
		"another session":     {func(c *crime, w string) { c.edit(w, altered(5, func(r *Row) { r.Session = satra.ID{9}.String() })) }, "5-5 altered"},
		"another principal":   {func(c *crime, w string) { c.edit(w, altered(6, func(r *Row) { r.Principal = flip(r.Principal) })) }, "6-6 altered"},
		"an address":          {func(c *crime, w string) { c.edit(w, altered(5, func(r *Row) { r.Address = make([]byte, 16) })) }, "5-5 altered"},
		"a byte of the body":  {func(c *crime, w string) { c.edit(w, altered(5, func(r *Row) { r.Body = flip(r.Body) })) }, "5-5 altered"},
		"no body":             {func(c *crime, w string) { c.edit(w, altered(5, func(r *Row) { r.Body = nil })) }, "5-5 altered"},
		"a byte of the MAC":   {func(c *crime, w string) { c.edit(w, altered(5, func(r *Row) { r.MAC = flip(r.MAC) })) }, "5-5 altered"},
		"the first entry":     {func(c *crime, w string) { c.edit(w, altered(1, func(r *Row) { r.At++ })) }, "1-1 altered"},
		"the last entry":      {func(c *crime, w string) { c.edit(w, altered(last(c, w), func(r *Row) { r.At++ })) }, "last altered"},
		"one removed":         {func(c *crime, w string) { c.edit(w, remove(5, 5)) }, "5-5 removed"},
		"three removed":       {func(c *crime, w string) { c.edit(w, remove(4, 6)) }, "4-6 removed"},
		"the old end removed": {func(c *crime, w string) { c.edit(w, remove(1, 4)) }, "1-4 removed"},
		"the new end removed": {func(c *crime, w string) { c.edit(w, remove(6, 999)) }, "6-last truncated"},
		"the chain removed":   {func(c *crime, w string) { c.edit(w, remove(1, 999)) }, "1-last truncated"},
		"two swapped": {func(c *crime, w string) {
			c.edit(w, func(rows []Row) []Row {
				rows[4], rows[5] = rows[5], rows[4]
				rows[4].Seq, rows[5].Seq = 5, 6
				return rows
			})
		}, "5-5 moved, 6-6 moved"},
		"one removed and the gap closed": {func(c *crime, w string) {
			c.edit(w, func(rows []Row) []Row {
				rows = slices.Delete(rows, 4, 5)
				for i := 4; i < len(rows); i++ {
					rows[i].Seq = int64(i + 1)
				}
				return rows[:8]
			})
		}, "5-5 moved, 6-6 moved, 7-7 moved, 8-8 moved, 9-last truncated"},
		"a copy from another node": {func(c *crime, w string) {
			there := c.sink.chains[c.writers[0]][5]
			c.edit(w, altered(5, func(r *Row) { there.Writer, there.Seq = w, 5; *r = there }))
		}, "5-5 moved"},
		"a copy from another node, altered": {func(c *crime, w string) {
			there := c.sink.chains[c.writers[0]][5]
			c.edit(w, altered(5, func(r *Row) { there.Writer, there.Seq, there.Kind = w, 5, "renewed"; *r = there }))
		}, "5-5 altered"},
		"one by somebody who has the key": {func(c *crime, w string) {
			forged := newChain(w, c.ring.active())
			forged.seq = 5
			row := forged.next(draft{entry: Entry{At: time.Now(), Kind: "x"}.bounded()}, nil)
			c.edit(w, altered(6, func(r *Row) { *r = row }))
		}, "6-7 replaced"},
		"a copy before the first": {func(c *crime, w string) {
			c.edit(w, func(rows []Row) []Row {
				copied := rows[4]
				copied.Seq = 0
				return slices.Insert(rows, 0, copied)
			})
		}, "0-0 moved"},
		"an entry long before the first": {func(c *crime, w string) {
			c.edit(w, func(rows []Row) []Row {
				return slices.Insert(rows, 0, Row{Writer: w, Seq: -1 << 62, At: 1, Kind: "signed_in", MAC: make([]byte, macSize)})
			})
		}, fmt.Sprintf("%d-%[1]d altered", int64(-1<<62))},
		"an entry at the lowest place that there is": {func(c *crime, w string) {
			c.edit(w, func(rows []Row) []Row {
				return slices.Insert(rows, 0, Row{Writer: w, Seq: math.MinInt64, At: 1, Kind: "x"})
			})
		}, fmt.Sprintf("%d-%[1]d altered", math.MinInt64)},
		"one of one's own making": {func(c *crime, w string) {
			mallory := newTestRing(c.t, 1)
			forged := newChain(w, mallory.active())
			forged.seq = 4
			row := forged.next(draft{entry: Entry{At: time.Now(), Kind: "x"}.bounded()}, nil)
			c.edit(w, altered(5, func(r *Row) { *r = row }))
		}, "5-5 unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrime(t)
				w := c.writers[victim]
				end := last(c, w)
				tamper.do(c, w)
				report, err := NewReader(c.sink, c.ring).Verify(t.Context(), c.points, nil)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, f := range report.Findings {
					if f.Writer != w {
						t.Errorf("found in another chain: %v", f)
					}
					got = append(got, fmt.Sprintf("%d-%d %s", f.From, f.To, f.What))
				}
				want := strings.ReplaceAll(tamper.want, "last altered", fmt.Sprintf("%d-%[1]d altered", end))
				want = strings.ReplaceAll(want, "last", fmt.Sprint(end))
				if strings.Join(got, ", ") != want {
					t.Errorf("got %q, want %q", strings.Join(got, ", "), want)
				}
			})
		})
	}
}

func last(c *crime, writer string) int64 { return int64(len(c.sink.chains[writer])) }

// TestEntriesWithoutAChainAreFound puts rows where no list of chains leads to.
func TestEntriesWithoutAChainAreFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrime(t)
		copied := c.sink.chains[c.writers[1]][4]
		copied.Writer = ""
		forged := Row{Seq: 9, At: copied.At, Kind: "signed_in", MAC: make([]byte, macSize)}
		c.edit("", func([]Row) []Row { return []Row{copied, forged} })
		report, err := NewReader(c.sink, c.ring).Verify(t.Context(), c.points, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range report.Findings {
			got = append(got, f.String())
		}
		want := []string{
			"without a chain, entry 5: moved: it was written as entry 5 of " + c.writers[1],
			"without a chain, entry 9: altered: it is not as it was written",
		}
		if !slices.Equal(got, want) || report.Chains != 3 {
			t.Errorf("got %q in %d chains, want %q in 3", got, report.Chains, want)
		}
	})
}

// TestARollbackOfEverythingIsFoundByCheckpoints takes the whole database back to an
// earlier state, in which all chains vouch for each other.
func TestARollbackOfEverythingIsFoundByCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrime(t)
		for _, w := range c.writers {
			c.edit(w, remove(5, 999))
		}
		r := NewReader(c.sink, c.ring)
		without, err := r.Verify(t.Context(), nil, nil)
		if err != nil || len(without.Findings) > 0 {
			t.Fatalf("got %v, %v: the test wants a state in which the chains themselves tell nothing", without.Findings, err)
		}
		with, err := r.Verify(t.Context(), c.points, nil)
		if err != nil || len(with.Findings) != 3 {
			t.Errorf("got %v, %v, want each chain's end missing", with.Findings, err)
		}
		for _, f := range with.Findings {
			if f.What != FaultTruncated || f.From != 5 || !strings.Contains(f.Detail, "the checkpoint of ") {
				t.Errorf("got %v", f)
			}
		}
		forged := c.points[len(c.points)-1]
		forged.Heads = slices.Clone(forged.Heads)
		forged.Heads[0].Seq = 4
		bad, err := r.Verify(t.Context(), []Checkpoint{forged}, nil)
		if err != nil || len(bad.Findings) != 1 || bad.Findings[0].What != FaultCheckpoint {
			t.Errorf("a forged checkpoint: got %v, %v", bad.Findings, err)
		}
	})
}

// TestACutThatNobodyWroteDownIsFound removes more than retention has.
func TestACutThatNobodyWroteDownIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		o := Options{HeadsEvery: 24 * time.Hour, Retention: 50 * 24 * time.Hour}
		l := openLog(t, sink, ring, o)
		for range 100 {
			l.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
			time.Sleep(24 * time.Hour)
			synctest.Wait()
		}
		if report := wantVerified(t, l.Reader, nil); report.Cut != 1 {
			t.Fatalf("got %+v, want the chain cut", report)
		}
		c := &crime{t: t, sink: sink}
		first := sink.chains[l.Writer()][0].Seq
		c.edit(l.Writer(), remove(first, first+2))
		for _, when := range []string{"at once", "after retention has cut again"} {
			report, err := l.Verify(t.Context(), nil, nil)
			if err != nil || len(report.Findings) != 1 || report.Findings[0].What != FaultRemoved || report.Findings[0].From != first || report.Findings[0].To != first+2 {
				t.Errorf("%s: got %v, %v", when, report.Findings, err)
			}
			time.Sleep(10 * 24 * time.Hour)
			synctest.Wait()
		}
		// Another in the place where the chain was cut, by somebody with the key.
		c.edit(l.Writer(), remove(1, 999))
		forged := newChain(l.Writer(), ring.active())
		forged.seq = first - 1
		c.edit(l.Writer(), func([]Row) []Row {
			return []Row{forged.next(draft{entry: Entry{At: time.Now(), Kind: "x"}.bounded()}, nil)}
		})
		other := openLog(t, sink, ring, o)
		cut := draft{entry: Entry{At: time.Now(), Kind: KindCut}, marks: []mark{{l.Writer(), first - 1, [macSize]byte{1}}}}
		if err := other.record(t.Context(), cut); err != nil {
			t.Fatal(err)
		}
		report, err := other.Verify(t.Context(), nil, nil)
		if err != nil || len(report.Findings) != 1 || report.Findings[0].What != FaultReplaced || report.Findings[0].From != first {
			t.Errorf("another entry at the cut: got %v, %v", report.Findings, err)
		}
		closeLog(t, other)
		l.stop()
		<-l.ended
	})
}

// TestAnOldKeyStillVerifies changes the key between two lives of a process.
func TestAnOldKeyStillVerifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		older, newer, sink := NewKey(), NewKey(), NewMemory(0)
		first, _ := NewRing(older)
		both, _ := NewRing(older, newer)
		only, _ := NewRing(newer)
		for _, ring := range []*Ring{first, both} {
			l := openLog(t, sink, ring, Options{})
			if err := l.Record(t.Context(), Entry{Kind: "x", Principal: "asha"}); err != nil {
				t.Fatal(err)
			}
			closeLog(t, l)
		}
		r := NewReader(sink, both)
		wantVerified(t, r, nil)
		if got := kinds(t, r, Filter{Principal: "asha"}); got != "x x" {
			t.Errorf("of asha, over both keys: got %q", got)
		}
		report, err := NewReader(sink, only).Verify(t.Context(), nil, nil)
		if err != nil || len(report.Findings) == 0 {
			t.Fatalf("without the older key: got %v, %v", report.Findings, err)
		}
		for _, f := range report.Findings {
			if f.What != FaultKey {
				t.Errorf("without the older key: got %v", f)
			}
		}
	})
}
