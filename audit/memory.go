package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// ErrFull says that a [Memory] takes no more rows.
var ErrFull = errors.New("audit: the log in memory is full")

// A Memory is a [Sink] for tests and for programs that keep their log elsewhere,
// through [Options.Copy]: it is lost with the process.
type Memory struct {
	most int

	mu     sync.RWMutex
	rows   []Row            // in the order of time
	chains map[string][]Row // by writer, in the order of Seq
	keys   map[string]WrappedKey
}

// NewMemory returns an empty sink that takes at most so many rows; with 0, a
// hundred thousand. A sink that is full answers [ErrFull]: it forgets nothing
// that it was not told to.
func NewMemory(most int) *Memory {
	if most <= 0 {
		most = 100_000
	}
	return &Memory{most: most, chains: map[string][]Row{}, keys: map[string]WrappedKey{}}
}

// byTime is the order of [Query].
func byTime(a, b Row) int {
	return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
}

func bySeq(r Row, seq int64) int { return cmp.Compare(r.Seq, seq) }

// AppendAudit adds rows: see [Sink].
func (m *Memory) AppendAudit(ctx context.Context, rows []Row) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows)+len(rows) > m.most {
		return false, fmt.Errorf("%w: it has %d entries", ErrFull, len(m.rows))
	}
	for _, r := range rows {
		if _, exists := slices.BinarySearchFunc(m.chains[r.Writer], r.Seq, bySeq); exists {
			return false, nil
		}
	}
	for _, r := range rows {
		chain := m.chains[r.Writer]
		at, _ := slices.BinarySearchFunc(chain, r.Seq, bySeq)
		m.chains[r.Writer] = slices.Insert(chain, at, r)
		at, _ = slices.BinarySearchFunc(m.rows, r, byTime)
		m.rows = slices.Insert(m.rows, at, r)
	}
	return true, nil
}

// AuditRows returns a page in the order of time: see [Sink].
func (m *Memory) AuditRows(ctx context.Context, q Query) ([]Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var page []Row
	step, from := m.walk(q)
	for i := from; i >= 0 && i < len(m.rows) && len(page) < q.Limit; i += step {
		if matches(q, m.rows[i]) {
			page = append(page, m.rows[i])
		}
	}
	return page, nil
}

// walk returns in which direction the page goes, and where it begins.
func (m *Memory) walk(q Query) (step, from int) {
	at, here := len(m.rows), false
	if q.AfterWriter != "" {
		at, here = slices.BinarySearchFunc(m.rows, Row{At: q.AfterAt, Writer: q.AfterWriter, Seq: q.AfterSeq}, byTime)
	} else if q.Oldest {
		at = 0
	}
	if !q.Oldest {
		return -1, at - 1
	}
	if here {
		at++
	}
	return 1, at
}

func matches(q Query, r Row) bool {
	return (q.Kind == "" || q.Kind == r.Kind) &&
		(q.Session == "" || q.Session == r.Session) &&
		(q.Writer == "" || q.Writer == r.Writer) &&
		(len(q.Principal) == 0 || bytes.Equal(q.Principal, r.Principal)) &&
		(len(q.Address) == 0 || bytes.Equal(q.Address, r.Address)) &&
		(q.From == 0 || r.At >= q.From) && (q.Until == 0 || r.At < q.Until)
}

// AuditChain returns rows of one writer: see [Sink].
func (m *Memory) AuditChain(ctx context.Context, writer string, after int64, limit int) ([]Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	chain := m.chains[writer]
	at, here := slices.BinarySearchFunc(chain, after, bySeq)
	if here {
		at++
	}
	return slices.Clone(chain[at:min(at+limit, len(chain))]), nil
}

// AuditChains lists the writers: see [Sink].
func (m *Memory) AuditChains(ctx context.Context, after string, limit int) ([]Chain, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var all []Chain
	for _, writer := range slices.Sorted(maps.Keys(m.chains)) {
		if writer > after && len(all) < limit {
			rows := m.chains[writer]
			all = append(all, Chain{Writer: writer, First: rows[0].Seq, Last: rows[len(rows)-1].Seq})
		}
	}
	return all, nil
}

// AuditHeads returns the chains' last rows: see [Sink].
func (m *Memory) AuditHeads(ctx context.Context, since int64, limit int) ([]Head, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var heads []Head
	for _, rows := range m.chains {
		if last := rows[len(rows)-1]; last.At >= since {
			heads = append(heads, Head{Writer: last.Writer, Seq: last.Seq, At: last.At, MAC: last.MAC})
		}
	}
	slices.SortFunc(heads, func(a, b Head) int { return cmp.Compare(b.At, a.At) })
	return heads[:min(limit, len(heads))], nil
}

// CutAudit removes a writer's oldest rows: see [Sink].
func (m *Memory) CutAudit(ctx context.Context, writer string, through int64, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	chain := m.chains[writer]
	n := 0
	for n < len(chain) && n < limit && chain[n].Seq <= through {
		n++
	}
	if n == 0 {
		return 0, nil
	}
	last := chain[n-1].Seq
	m.chains[writer] = slices.Clone(chain[n:])
	if n == len(chain) {
		delete(m.chains, writer)
	}
	m.rows = slices.DeleteFunc(m.rows, func(r Row) bool { return r.Writer == writer && r.Seq <= last })
	return n, nil
}
