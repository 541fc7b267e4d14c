package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/satra-sessions/satra"
)

const (
	cutAtOnce   = 1000
	chainsAtOne = 1000
)

// cutOld removes what is older than the retention. What is about to go is written
// down first: a chain that begins later than at its first entry is genuine only if
// it was cut there. Cuts of former times that are still to be seen are written down
// again, so that an entry about them is never older than what it is about.
func (l *Log) cutOld(ctx context.Context) error {
	if l.o.Retention == satra.Never {
		return nil
	}
	before := l.o.Now().Add(-l.o.Retention).UnixMicro()
	cuts, fresh, err := l.cuts(ctx, before)
	if err != nil || !fresh {
		return err
	}
	// The mark without a writer tells before when entries may be gone: of chains that
	// are gone whole, an old checkpoint may speak longer than the entry about their cut.
	for part := range slices.Chunk(cuts, maxMarks-1) {
		marks := append([]mark{{seq: before}}, part...)
		if err := l.append(ctx, []draft{{entry: Entry{At: l.o.Now(), Kind: KindCut}, marks: marks}}); err != nil {
			return err
		}
	}
	for _, cut := range cuts {
		for n := 1; n > 0; {
			if n, err = l.sink.CutAudit(ctx, cut.writer, cut.seq, cutAtOnce); err != nil {
				return fmt.Errorf("%s: %w", cut.writer, err)
			}
			if err := l.between(ctx); err != nil {
				return err
			}
		}
	}
	for n := 1; n > 0; {
		if n, err = l.sink.CutAuditKeys(ctx, before-keyPeriod.Microseconds(), cutAtOnce); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	return nil
}

// between writes what waits, between two steps of something long.
func (l *Log) between(ctx context.Context) error {
	_, over, err := l.drain(ctx)
	if err == nil && over {
		err = ErrClosed
	}
	return err
}

// cuts are the places up to which the chains are cut or are to be cut, and whether
// any of them is to be.
func (l *Log) cuts(ctx context.Context, before int64) (all []mark, fresh bool, err error) {
	former, err := l.formerCuts(ctx)
	if err != nil {
		return nil, false, err
	}
	for after := ""; ; {
		chains, err := l.sink.AuditChains(ctx, after, chainsAtOne)
		if err != nil {
			return nil, false, err
		}
		for _, c := range chains {
			cut, deeper, err := l.cutOf(ctx, c.Writer, former[c.Writer], before)
			if err != nil {
				return nil, false, err
			}
			if cut.seq > 0 {
				all = append(all, cut)
			}
			fresh = fresh || deeper
			if err := l.between(ctx); err != nil {
				return nil, false, err
			}
		}
		if len(chains) < chainsAtOne {
			return all, fresh, nil
		}
		after = chains[len(chains)-1].Writer
	}
}

// cutOf finds up to where a chain is to be cut: before the first entry that is young
// enough, or that cannot be vouched for. former is where it was cut before. deeper says
// that it is not cut there yet.
func (l *Log) cutOf(ctx context.Context, writer string, former mark, before int64) (cut mark, deeper bool, err error) {
	cut.writer = writer
	for after, page := int64(0), 1; ; page = cutAtOnce { // the first is as a rule young enough
		rows, err := l.sink.AuditChain(ctx, writer, after, page)
		if err != nil {
			return mark{}, false, err
		}
		for _, r := range rows {
			b, _, why := l.ring.genuine(r)
			if why != "" || cut.seq > 0 && (r.Seq != cut.seq+1 || b.prev != cut.mac) {
				return cut, deeper, nil // what is wrong stays, to be found
			}
			if begun := cut.seq > 0; !begun && r.Seq > 1 {
				if former.seq < r.Seq-1 || former.seq == r.Seq-1 && former.mac != b.prev {
					return mark{}, false, nil // nobody has cut it here: somebody has removed what was before
				}
				cut.seq, cut.mac = r.Seq-1, b.prev
			}
			if r.At >= before || writer == l.chain.writer && r.Seq == l.chain.seq {
				return cut, deeper, nil
			}
			cut.seq, cut.mac, deeper = r.Seq, [macSize]byte(r.MAC), true
		}
		if len(rows) < page {
			return cut, deeper, nil
		}
		if err := l.between(ctx); err != nil {
			return mark{}, false, err
		}
		after = rows[len(rows)-1].Seq
	}
}

// formerCuts are the cuts that were written down, by chain the last one.
func (l *Log) formerCuts(ctx context.Context) (map[string]mark, error) {
	former := map[string]mark{}
	q := Query{Kind: string(KindCut), Limit: 1000}
	for {
		rows, err := l.sink.AuditRows(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			b, _, why := l.ring.genuine(r)
			if why != "" {
				continue
			}
			for _, m := range b.marks {
				if m.seq > former[m.writer].seq {
					former[m.writer] = m
				}
			}
		}
		if len(rows) < q.Limit {
			return former, nil
		}
		last := rows[len(rows)-1]
		q.AfterAt, q.AfterWriter, q.AfterSeq = last.At, last.Writer, last.Seq
	}
}
