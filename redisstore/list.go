package redisstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// List reads a principal's hash, or the shards' indexes in order.
func (s *Store) List(ctx context.Context, q satra.Query) (satra.Page, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	q.Limit = min(max(q.Limit, 1), 1000)
	if q.Principal != nil && *q.Principal != "" {
		return s.listPrincipal(ctx, q)
	}
	return s.listAll(ctx, q)
}

func (s *Store) listPrincipal(ctx context.Context, q satra.Query) (satra.Page, error) {
	ids, err := s.members(ctx, *q.Principal, q.At)
	if err != nil {
		return satra.Page{}, err
	}
	slices.SortFunc(ids, func(a, b satra.ID) int { return bytes.Compare(a[:], b[:]) })
	var page satra.Page
	for len(ids) > 0 {
		some := ids[:min(len(ids), q.Limit)]
		ids = ids[len(some):]
		if full, err := s.fill(ctx, &page, some, q); full || err != nil {
			return page, err
		}
	}
	return page, nil
}

// members returns a principal's sessions, after it has finished what a crash
// left to be ended. A session whose sign-in is under way is none yet.
func (s *Store) members(ctx context.Context, principal string, at time.Time) ([]satra.ID, error) {
	answer, err := s.run(ctx, membersScript, s.principalKeys(principal), nil).ToArray()
	if err != nil {
		return nil, fault(ctx, err)
	}
	if len(answer) != 3 {
		return nil, fmt.Errorf("redisstore: a script answered %d parts", len(answer))
	}
	stale, _ := answer[0].AsInt64()
	now, err := answer[1].AsInt64()
	if err != nil {
		return nil, fmt.Errorf("redisstore: a script's answer: %w", err)
	}
	entries, err := readEntries(answer[2])
	if err != nil {
		return nil, err
	}
	var ids []satra.ID
	var left []entry
	for _, e := range entries {
		switch {
		case e.state() == 'X' || e.state() == 'R' && e.until() < now:
			left = append(left, e)
			ids = append(ids, e.id)
		case e.state() != 'R':
			ids = append(ids, e.id)
		}
	}
	if len(left) > 0 {
		if _, err := s.finish(ctx, principal, at, left); err != nil {
			return nil, err
		}
	}
	if stale == 1 {
		err = s.finishEverybody(ctx)
	}
	return ids, err
}

// listReach is how many IDs one call looks at where few of them are asked for: the rest
// is for the calls that follow.
const listReach = 5000

func (s *Store) listAll(ctx context.Context, q satra.Query) (satra.Page, error) {
	var page satra.Page
	if err := s.finishEverybody(ctx); err != nil {
		return page, err
	}
	const ahead = 8 // shards asked at once
	after, looked := q.After, 0
	for shard := shardOf(after); shard < shards; shard += ahead {
		last := min(shard+ahead, shards)
		for first := shard; first < last; {
			ids, next, err := s.indexed(ctx, first, last, after, max(q.Limit, 250))
			if err != nil {
				return page, err
			}
			if full, err := s.fill(ctx, &page, ids, q); full || err != nil {
				return page, err
			}
			if len(ids) > 0 {
				after = ids[len(ids)-1]
			}
			if looked += len(ids); looked >= listReach {
				page.Next = after
				return page, nil
			}
			first = next
		}
	}
	return page, nil
}

// indexed returns IDs after one from the shards, in order, and the shard to go on
// with: a shard that had more than the limit is asked again.
func (s *Store) indexed(ctx context.Context, first, last int, after satra.ID, limit int) ([]satra.ID, int, error) {
	commands := make([]rueidis.Completed, 0, last-first)
	for shard := first; shard < last; shard++ {
		from := "-"
		if !after.IsZero() {
			from = "(" + string(after[:])
		}
		commands = append(commands, s.client.B().Zrangebylex().Key(s.indexKey(shard)).Min(from).Max("+").Limit(0, int64(limit)).Build())
	}
	var ids []satra.ID
	for i, result := range s.client.DoMulti(ctx, commands...) {
		members, err := result.AsStrSlice()
		if err != nil {
			return nil, 0, fault(ctx, err)
		}
		for _, m := range members {
			if len(m) != len(satra.ID{}) {
				return nil, 0, fmt.Errorf("redisstore: the index: %w", errFormat)
			}
			ids = append(ids, satra.ID([]byte(m)))
		}
		if len(members) == limit {
			return ids, first + i, nil
		}
	}
	return ids, last, nil
}

// fill adds the records to the page that the query asks for, and reports whether
// the page is full; Next then leads on.
func (s *Store) fill(ctx context.Context, page *satra.Page, ids []satra.ID, q satra.Query) (bool, error) {
	ids = slices.DeleteFunc(ids, func(id satra.ID) bool { return bytes.Compare(id[:], q.After[:]) <= 0 })
	const some = 250
	for len(ids) > 0 {
		part := ids[:min(len(ids), some)]
		ids = ids[len(part):]
		heads, err := s.heads(ctx, part)
		if err != nil {
			return false, err
		}
		for i, u := range heads {
			if u == nil || q.Principal != nil && *q.Principal != u.record.Principal || u.record.Live(q.At) == q.Ended {
				continue
			}
			r := &u.record
			r.Secret, r.Seed, r.Retired, r.Values = satra.Hash{}, satra.Seed{}, nil, nil
			page.Records = append(page.Records, r)
			if len(page.Records) == q.Limit {
				page.Next = part[i]
				return true, nil
			}
		}
	}
	return false, nil
}
