package redisstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/redis/rueidis"
)

// lookAtOnce is how many rows one script goes through.
const lookAtOnce = 500

// AuditRows returns a page of rows in the order of time: see audit.Sink. Each command
// looks at some hundreds of rows and has a deadline of its own: a question by several
// things may have to pass many rows that are not what is asked for.
func (s *Store) AuditRows(ctx context.Context, q auditQuery) (page []auditRow, err error) {
	from, to := auditBounds(q)
	if q.Limit < 1 {
		return nil, nil
	}
	for look := min(q.Limit, lookAtOnce); ; look = min(2*look, lookAtOnce) {
		pairs, err := s.auditPairs(ctx, s.auditIndex(q), from, to, q, look)
		if err != nil {
			return nil, err
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i+1] == "" {
				continue // not one of the writer's
			}
			r := unpackAudit(pairs[i+1])
			// An index that somebody has changed may say another time.
			if ordered(r.At)+rowPlace(r.Writer, r.Seq) == pairs[i] && auditAsked(q, r) {
				if page = append(page, r); len(page) == q.Limit {
					return page, nil
				}
			}
		}
		if len(pairs) < 2*look {
			return page, nil
		}
		from = "(" + pairs[len(pairs)-2]
	}
}

// auditIndex is the first index that serves.
func (s *Store) auditIndex(q auditQuery) string {
	switch {
	case len(q.Principal) > 0:
		return s.auditKey("p:" + string(q.Principal))
	case len(q.Address) > 0:
		return s.auditKey("a:" + string(q.Address))
	case q.Session != "":
		return s.auditKey("s:" + q.Session)
	case q.Kind != "":
		return s.auditKey("k:" + q.Kind)
	}
	return s.auditKey("time")
}

// auditBounds are where a page begins, and where it ends at the latest.
func auditBounds(q auditQuery) (from, to string) {
	low, high := "-", "+"
	if q.From != 0 {
		low = "[" + ordered(q.From)
	}
	if q.Until != 0 {
		high = "(" + ordered(q.Until)
	}
	after := "(" + ordered(q.AfterAt) + rowPlace(q.AfterWriter, q.AfterSeq)
	switch {
	case q.AfterWriter == "":
	case q.Oldest:
		if low == "-" || after[1:] > low[1:] {
			low = after
		}
	case high == "+" || after[1:] < high[1:]:
		high = after
	}
	if q.Oldest {
		return low, high
	}
	return high, low
}

// auditAsked reports whether a row is what all of the query asks for.
func auditAsked(q auditQuery, r auditRow) bool {
	return (q.Kind == "" || q.Kind == r.Kind) && (q.Session == "" || q.Session == r.Session) && (q.Writer == "" || q.Writer == r.Writer) &&
		(len(q.Principal) == 0 || bytes.Equal(q.Principal, r.Principal)) && (len(q.Address) == 0 || bytes.Equal(q.Address, r.Address))
}

// auditPairs goes along an index: its members, each with its row.
func (s *Store) auditPairs(ctx context.Context, index, from, to string, q auditQuery, look int) ([]string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	args := []string{from, to, flag(!q.Oldest), itoa(look), q.Writer}
	pairs, err := s.run(ctx, auditPage, []string{index, s.auditRowsKey()}, args).AsStrSlice()
	return pairs, auditFault(ctx, err)
}

// AuditChain returns rows of a writer in the order of Seq: see audit.Sink. It also
// fails if somebody has changed the order of the rows.
func (s *Store) AuditChain(ctx context.Context, writer string, after int64, limit int) ([]auditRow, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	members, err := s.auditMembers(ctx, behind(rowPlace(writer, after)), "("+writer+"\x01", limit+1)
	if err != nil {
		return nil, err
	}
	rows := make([]auditRow, 0, len(members))
	for _, m := range members {
		rows = append(rows, unpackAudit(m))
	}
	if len(rows) > limit {
		// Whoever asks goes on behind the last row. If somebody has put another in its
		// place, which would not be seen then, nothing vouches for this one.
		if rows[limit].Seq == rows[limit-1].Seq {
			rows[limit-1].MAC = nil
		}
		rows = rows[:limit]
	}
	return rows, nil
}

// auditMembers returns rows as they are stored.
func (s *Store) auditMembers(ctx context.Context, from, to string, limit int) ([]string, error) {
	m, err := s.run(ctx, auditRange, []string{s.auditRowsKey()}, []string{from, to, itoa(limit)}).ToMessage()
	return auditTexts(ctx, m, err)
}

// auditTexts reads the answer of a script that looks at the rows' order.
func auditTexts(ctx context.Context, m rueidis.RedisMessage, err error) ([]string, error) {
	if err != nil {
		return nil, auditFault(ctx, err)
	}
	if m.IsInt64() {
		return nil, errDisorder
	}
	texts, err := m.AsStrSlice()
	return texts, auditFault(ctx, err)
}

// chainsAtOnce is how many chains one script goes through.
const chainsAtOnce = 200

// AuditChains lists the writers that have rows, by going through these from each
// writer to the next: see audit.Sink. It also fails if somebody has changed the order
// of the rows.
func (s *Store) AuditChains(ctx context.Context, after string, limit int) ([]auditChain, error) {
	var chains []auditChain
	for len(chains) < limit {
		some := min(limit-len(chains), chainsAtOnce)
		ends, err := s.auditEnds(ctx, after, some)
		if err != nil {
			return nil, err
		}
		for i := 0; i+1 < len(ends); i += 2 {
			writer, first, _ := readPlace(ends[i])
			_, last, _ := readPlace(ends[i+1])
			chains = append(chains, auditChain{Writer: writer, First: first, Last: last})
			after = writer
		}
		if len(ends) < 2*some {
			break
		}
	}
	return chains, nil
}

// auditEnds returns the places of the first and the last row of each writer.
func (s *Store) auditEnds(ctx context.Context, after string, limit int) ([]string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	m, err := s.run(ctx, auditSkip, []string{s.auditRowsKey()}, []string{after, itoa(limit)}).ToMessage()
	return auditTexts(ctx, m, err)
}

// AuditHeads returns the last row of each chain that has moved since, from a set that
// every append keeps: see audit.Sink.
func (s *Store) AuditHeads(ctx context.Context, since int64, limit int) ([]auditHead, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	members, err := s.run(ctx, auditLatest, []string{s.auditHeadsKey(), s.auditRowsKey()}, []string{itoa(since), itoa(limit)}).AsStrSlice()
	if err != nil {
		return nil, auditFault(ctx, err)
	}
	var heads []auditHead
	for _, m := range members {
		if r := unpackAudit(m); r.At >= since {
			heads = append(heads, auditHead{Writer: r.Writer, Seq: r.Seq, At: r.At, MAC: r.MAC})
		}
	}
	slices.SortFunc(heads, func(a, b auditHead) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Writer, b.Writer)) })
	return heads, nil
}
