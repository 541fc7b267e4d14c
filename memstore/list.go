package memstore

import (
	"bytes"
	"context"
	"slices"

	"github.com/satra-sessions/satra"
)

// List returns a page in the order of IDs. The shards are in that order, too: a
// page of all sessions looks at one or two of the 256 as a rule, a page of one
// principal at that principal's sessions only.
func (s *Store) List(ctx context.Context, q satra.Query) (satra.Page, error) {
	if err := ctx.Err(); err != nil {
		return satra.Page{}, err
	}
	q.Limit = min(max(q.Limit, 1), 1000)
	if q.Principal != nil && *q.Principal != "" {
		return s.page(s.membersOf(*q.Principal, q), q), nil
	}
	var ids []satra.ID
	for i := int(q.After[0]); i < shardCount && len(ids) <= q.Limit; i++ {
		ids = append(ids, s.shards[i].idsAfter(q)...)
	}
	return s.page(ids, q), nil
}

// wants reports whether the query asks for this record.
func wants(q satra.Query, r *satra.Record) bool {
	return bytes.Compare(r.ID[:], q.After[:]) > 0 &&
		(q.Principal == nil || *q.Principal == r.Principal) && r.Live(q.At) != q.Ended
}

// idsAfter returns the sorted IDs of the shard that the query asks for.
func (sh *shard) idsAfter(q satra.Query) []satra.ID {
	var ids []satra.ID
	sh.mu.RLock()
	for _, e := range sh.records {
		var r satra.Record
		if e.header(&r); wants(q, &r) {
			ids = append(ids, e.id)
		}
	}
	sh.mu.RUnlock()
	sortIDs(ids)
	return ids
}

func (s *Store) membersOf(principal string, q satra.Query) []satra.ID {
	var ids []satra.ID
	p := s.principal(principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.first[principal]; e != nil; e = e.next {
		sh := s.shard(e.id)
		sh.mu.RLock()
		var r satra.Record
		if e.header(&r); !e.removed && wants(q, &r) {
			ids = append(ids, e.id)
		}
		sh.mu.RUnlock()
	}
	sortIDs(ids)
	return ids
}

func sortIDs(ids []satra.ID) {
	slices.SortFunc(ids, func(a, b satra.ID) int { return bytes.Compare(a[:], b[:]) })
}

// page reads the records. One that changed meanwhile is left out if the query
// does not ask for it any more.
func (s *Store) page(ids []satra.ID, q satra.Query) satra.Page {
	var page satra.Page
	if len(ids) > q.Limit {
		ids = ids[:q.Limit]
		page.Next = ids[q.Limit-1]
	}
	for _, id := range ids {
		sh := s.shard(id)
		sh.mu.RLock()
		if e := sh.records[id]; e != nil {
			r := &satra.Record{}
			e.header(r)
			if wants(q, r) {
				r.Secret, r.Seed, r.Retired = satra.Hash{}, satra.Seed{}, nil
				page.Records = append(page.Records, r)
			}
		}
		sh.mu.RUnlock()
	}
	return page
}
