package audittest_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/audittest"
)

// A broken sink is a good one, but for the calls that a fault replaces.
type broken struct {
	audit.Sink
	add   func(context.Context, []audit.Row) (bool, error)
	rows  func(context.Context, audit.Query) ([]audit.Row, error)
	chain func(ctx context.Context, writer string, after int64, limit int) ([]audit.Row, error)
	list  func(ctx context.Context, after string, limit int) ([]audit.Chain, error)
	heads func(ctx context.Context, since int64, limit int) ([]audit.Head, error)
	cut   func(ctx context.Context, writer string, through int64, limit int) (int, error)
	keys  func(context.Context, []audit.WrappedKey) error
	erase func(context.Context, [][]byte) (int, error)
	old   func(ctx context.Context, before int64, limit int) (int, error)
}

func (b *broken) AppendAudit(ctx context.Context, rows []audit.Row) (bool, error) {
	if b.add != nil {
		return b.add(ctx, rows)
	}
	return b.Sink.AppendAudit(ctx, rows)
}

func (b *broken) AuditRows(ctx context.Context, q audit.Query) ([]audit.Row, error) {
	if b.rows != nil {
		return b.rows(ctx, q)
	}
	return b.Sink.AuditRows(ctx, q)
}

func (b *broken) AuditChain(ctx context.Context, writer string, after int64, limit int) ([]audit.Row, error) {
	if b.chain != nil {
		return b.chain(ctx, writer, after, limit)
	}
	return b.Sink.AuditChain(ctx, writer, after, limit)
}

func (b *broken) AuditChains(ctx context.Context, after string, limit int) ([]audit.Chain, error) {
	if b.list != nil {
		return b.list(ctx, after, limit)
	}
	return b.Sink.AuditChains(ctx, after, limit)
}

func (b *broken) AuditHeads(ctx context.Context, since int64, limit int) ([]audit.Head, error) {
	if b.heads != nil {
		return b.heads(ctx, since, limit)
	}
	return b.Sink.AuditHeads(ctx, since, limit)
}

func (b *broken) CutAudit(ctx context.Context, writer string, through int64, limit int) (int, error) {
	if b.cut != nil {
		return b.cut(ctx, writer, through, limit)
	}
	return b.Sink.CutAudit(ctx, writer, through, limit)
}

func (b *broken) AddAuditKeys(ctx context.Context, keys []audit.WrappedKey) error {
	if b.keys != nil {
		return b.keys(ctx, keys)
	}
	return b.Sink.AddAuditKeys(ctx, keys)
}

func (b *broken) EraseAuditKeys(ctx context.Context, owners [][]byte) (int, error) {
	if b.erase != nil {
		return b.erase(ctx, owners)
	}
	return b.Sink.EraseAuditKeys(ctx, owners)
}

func (b *broken) CutAuditKeys(ctx context.Context, before int64, limit int) (int, error) {
	if b.old != nil {
		return b.old(ctx, before, limit)
	}
	return b.Sink.CutAuditKeys(ctx, before, limit)
}

// faults are ways in which a sink can be broken, each with the case that has to
// find it.
var faults = []struct {
	found, fault string
	breaks       func(b *broken, good *audit.Memory)
}{
	{"EveryByteIsKept", "text ends at a zero byte", func(b *broken, good *audit.Memory) {
		b.add = func(ctx context.Context, rows []audit.Row) (bool, error) {
			rows = slices.Clone(rows)
			for i := range rows {
				rows[i].Principal, _, _ = bytes.Cut(rows[i].Principal, []byte{0})
			}
			return good.AppendAudit(ctx, rows)
		}
	}},
	{"TheLargestBatchIsKept", "bodies are cut", func(b *broken, good *audit.Memory) {
		b.add = func(ctx context.Context, rows []audit.Row) (bool, error) {
			rows = slices.Clone(rows)
			for i := range rows {
				rows[i].Body = rows[i].Body[:min(len(rows[i].Body), 32<<10)]
			}
			return good.AppendAudit(ctx, rows)
		}
	}},
	{"ABatchIsAllOrNothing", "row by row", func(b *broken, good *audit.Memory) {
		b.add = func(ctx context.Context, rows []audit.Row) (added bool, err error) {
			added = true
			for _, r := range rows {
				one, err := good.AppendAudit(ctx, []audit.Row{r})
				if err != nil {
					return false, err
				}
				added = added && one
			}
			return added, nil
		}
	}},
	{"ABatchIsAllOrNothing", "it does not tell", func(b *broken, good *audit.Memory) {
		b.add = func(ctx context.Context, rows []audit.Row) (bool, error) {
			_, err := good.AppendAudit(ctx, rows)
			return true, err
		}
	}},
	{"OneOfManyAppendersWins", "looks first", looksFirst},
	{"WritersGoSideBySide", "some are lost", func(b *broken, good *audit.Memory) {
		b.add = func(ctx context.Context, rows []audit.Row) (bool, error) {
			if rows[0].Writer == "w3" && rows[0].Seq == 51 {
				return true, nil
			}
			return good.AppendAudit(ctx, rows)
		}
	}},
	{"CancelledIsAllOrNothing", "half of it", func(b *broken, good *audit.Memory) {
		b.add = func(ctx context.Context, rows []audit.Row) (bool, error) {
			if added, err := good.AppendAudit(context.WithoutCancel(ctx), rows[:len(rows)/2]); err != nil || !added {
				return added, err
			}
			<-ctx.Done() // as it may come at any time
			return good.AppendAudit(ctx, rows[len(rows)/2:])
		}
	}},
	{"RowsComeInTheOrderOfTime", "writers by the rules of a language", func(b *broken, good *audit.Memory) {
		b.rows = func(ctx context.Context, q audit.Query) ([]audit.Row, error) {
			page, err := good.AuditRows(ctx, q)
			slices.SortStableFunc(page, func(x, y audit.Row) int {
				if x.At != y.At {
					return 0
				}
				by := strings.Compare(strings.ToLower(x.Writer), strings.ToLower(y.Writer))
				if !q.Oldest {
					by = -by
				}
				return by
			})
			return page, err
		}
	}},
	{"RowsComeInTheOrderOfTime", "the newest alone", queries(func(q *audit.Query) { q.Oldest = false })},
	{"FiltersHoldTogether", "the address is not looked at", queries(func(q *audit.Query) { q.Address = nil })},
	{"FiltersHoldTogether", "the session is not looked at beside a principal", queries(func(q *audit.Query) {
		if len(q.Principal) > 0 {
			q.Session = ""
		}
	})},
	{"TimesHaveEdges", "a microsecond late", queries(func(q *audit.Query) { q.From++ })},
	{"TimesHaveEdges", "until and including", queries(func(q *audit.Query) {
		if q.Until != 0 {
			q.Until++
		}
	})},
	{"PagesSkipAndDoubleNothing", "the last again", queries(func(q *audit.Query) {
		if q.AfterWriter != "" && q.Oldest {
			q.AfterSeq--
		} else if q.AfterWriter != "" {
			q.AfterSeq++
		}
	})},
	{"PagesSkipAndDoubleNothing", "pages by time alone", queries(func(q *audit.Query) {
		if q.AfterWriter != "" && q.Oldest {
			q.AfterWriter, q.AfterSeq = "~", math.MaxInt64
		} else if q.AfterWriter != "" {
			q.AfterWriter, q.AfterSeq = "!", 0
		}
	})},
	{"AChainComesInItsOrder", "by time", func(b *broken, good *audit.Memory) {
		b.chain = func(ctx context.Context, writer string, after int64, limit int) ([]audit.Row, error) {
			rows, err := good.AuditChain(ctx, writer, after, limit)
			slices.SortFunc(rows, func(x, y audit.Row) int { return int(x.At - y.At) })
			return rows, err
		}
	}},
	{"ChainsAreListed", "what was cut is still first", func(b *broken, good *audit.Memory) {
		b.list = func(ctx context.Context, after string, limit int) ([]audit.Chain, error) {
			all, err := good.AuditChains(ctx, after, limit)
			for i := range all {
				all[i].First = min(all[i].First, 1)
			}
			return all, err
		}
	}},
	{"HeadsAreTheLastRows", "the latest row, not the last", func(b *broken, good *audit.Memory) {
		b.heads = func(ctx context.Context, since int64, limit int) ([]audit.Head, error) {
			all, err := good.AuditHeads(ctx, 0, 1000)
			for i, h := range all {
				rows, _ := good.AuditChain(ctx, h.Writer, math.MinInt64, 1000)
				r := slices.MaxFunc(rows, func(x, y audit.Row) int { return int(x.At - y.At) })
				all[i] = audit.Head{Writer: r.Writer, Seq: r.Seq, At: r.At, MAC: r.MAC}
			}
			slices.SortFunc(all, func(x, y audit.Head) int { return int(y.At - x.At) })
			all = slices.DeleteFunc(all, func(h audit.Head) bool { return h.At < since })
			return all[:min(limit, len(all))], err
		}
	}},
	{"ACutIsBoundedAndOldestFirst", "unbounded", func(b *broken, good *audit.Memory) {
		b.cut = func(ctx context.Context, writer string, through int64, _ int) (int, error) {
			return good.CutAudit(ctx, writer, through, 10_000)
		}
	}},
	{"ACutIsBoundedAndOldestFirst", "one too many", func(b *broken, good *audit.Memory) {
		b.cut = func(ctx context.Context, writer string, through int64, limit int) (int, error) {
			return good.CutAudit(ctx, writer, through+1, limit)
		}
	}},
	{"TheFirstKeyStays", "the last key stays", func(b *broken, good *audit.Memory) {
		b.keys = func(ctx context.Context, keys []audit.WrappedKey) error {
			for _, k := range keys {
				if _, err := good.EraseAuditKeys(ctx, [][]byte{k.Owner}); err != nil {
					return err
				}
			}
			return good.AddAuditKeys(ctx, keys)
		}
	}},
	{"OneOfManyKeysWins", "the last key stays, sometimes", func(b *broken, good *audit.Memory) {
		b.keys = func(ctx context.Context, keys []audit.WrappedKey) error {
			there, err := good.AuditKeys(ctx, [][]byte{keys[0].Owner})
			runtime.Gosched()
			if err == nil && len(there) == 0 {
				_, err = good.EraseAuditKeys(ctx, [][]byte{keys[0].Owner})
			}
			if err != nil {
				return err
			}
			return good.AddAuditKeys(ctx, keys)
		}
	}},
	{"ErasedKeysAreGone", "the first owner alone", func(b *broken, good *audit.Memory) {
		b.erase = func(ctx context.Context, owners [][]byte) (int, error) { return good.EraseAuditKeys(ctx, owners[:1]) }
	}},
	{"OldKeysAreCut", "and including", func(b *broken, good *audit.Memory) {
		b.old = func(ctx context.Context, before int64, limit int) (int, error) {
			return good.CutAuditKeys(ctx, before+1, limit)
		}
	}},
}

// queries has every query be another.
func queries(change func(*audit.Query)) func(*broken, *audit.Memory) {
	return func(b *broken, good *audit.Memory) {
		b.rows = func(ctx context.Context, q audit.Query) ([]audit.Row, error) {
			limit := q.Limit
			change(&q)
			page, err := good.AuditRows(ctx, q)
			return page[:min(limit, len(page))], err
		}
	}
}

// looksFirst asks whether the rows are there and then removes what came meanwhile.
func looksFirst(b *broken, good *audit.Memory) {
	b.add = func(ctx context.Context, rows []audit.Row) (bool, error) {
		there, err := good.AuditChain(ctx, rows[0].Writer, rows[0].Seq-1, 1)
		if err != nil || len(there) > 0 {
			return false, err
		}
		runtime.Gosched()
		if _, err := good.CutAudit(ctx, rows[0].Writer, rows[len(rows)-1].Seq, 1000); err != nil {
			return false, err
		}
		if _, err := good.AppendAudit(ctx, rows); err != nil {
			return false, err
		}
		return true, nil
	}
}

// TestABrokenSinkFailsItsCase shows of each case that it can fail.
func TestABrokenSinkFailsItsCase(t *testing.T) {
	cases := map[string]audittest.Case{}
	for _, c := range audittest.Cases() {
		cases[c.Name] = c
	}
	tried := map[string]bool{}
	for _, f := range faults {
		tried[f.found] = true
		t.Run(f.found+"/"+f.fault, func(t *testing.T) {
			c, ok := cases[f.found]
			if !ok {
				t.Fatalf("there is no case %s", f.found)
			}
			h := audittest.Harness{Rounds: 2000, Open: func(audittest.TB) audit.Sink {
				good := audit.NewMemory(0)
				b := &broken{Sink: good}
				f.breaks(b, good)
				return b
			}}
			if !run(t, c, h) {
				t.Error("the case does not find it")
			}
		})
	}
	for name, c := range cases {
		if !tried[name] && c.Lacks(audittest.Harness{}) == "" {
			t.Errorf("no broken sink fails the case %s", name)
		}
	}
}

// TestSinksOfOtherNodesAndServers holds the cases that need more of the harness
// against a world that is broken.
func TestSinksOfOtherNodesAndServers(t *testing.T) {
	open := func(audittest.TB) audit.Sink { return audit.NewMemory(0) }
	other := func(audittest.TB, audit.Sink) audit.Sink { return audit.NewMemory(0) }
	for name, h := range map[string]audittest.Harness{
		"NodesSeeEachOther":            {Open: open, Node: other},
		"AcknowledgedSurvivesARestart": {Open: open, Restart: other},
		"DownIsAnError":                {Open: open, Down: func(audittest.TB, audit.Sink) func() { return func() {} }},
	} {
		i := slices.IndexFunc(audittest.Cases(), func(c audittest.Case) bool { return c.Name == name })
		if i < 0 || !run(t, audittest.Cases()[i], h) {
			t.Errorf("%s does not find it", name)
		}
	}
}

// run runs a case and reports whether it failed.
func run(t *testing.T, c audittest.Case, h audittest.Harness) bool {
	tb := &recorder{T: t}
	done := make(chan struct{})
	go func() { // Fatalf ends it
		defer close(done)
		c.Run(tb, h)
	}()
	<-done
	return tb.failed != ""
}

// A recorder is a test that notes that it failed.
type recorder struct {
	*testing.T
	mu     sync.Mutex
	failed string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = fmt.Sprintf(format, args...)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
