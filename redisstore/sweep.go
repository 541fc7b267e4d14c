package redisstore

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

func isNil(err error) bool { return rueidis.IsRedisNil(err) }

// A pruning is how far this node has come in taking IDs out of the indexes whose
// records the server has removed.
type pruning struct {
	mu    sync.Mutex
	shard int
	after string
}

// Sweep returns 0: the server removes records by itself. It takes what they left
// out of the indexes, looking at limit IDs each time, one shard after another, and at
// up to fifty times as many for as long as a quarter of them are gone: they must not
// come faster than they go.
func (s *Store) Sweep(ctx context.Context, _ time.Time, limit int) (int, error) {
	s.prune.mu.Lock()
	defer s.prune.mu.Unlock()
	looked, gone := 0, 0
	for round := 0; round < shards || gone*4 >= looked; round++ {
		if looked >= limit && (gone*4 < looked || looked >= 50*limit) {
			break
		}
		n, removed, err := s.pruneShard(ctx, min(limit, 500))
		if err != nil {
			return 0, err
		}
		looked, gone = looked+n, gone+removed
		if n == 0 && round >= shards {
			break // all of them are empty, or this one is
		}
	}
	return 0, nil
}

// pruneShard looks at some IDs of the shard that comes next, and returns how many, and
// how many of them were gone.
func (s *Store) pruneShard(ctx context.Context, limit int) (looked, gone int, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	p := &s.prune
	from := "-"
	if p.after != "" {
		from = "(" + p.after
	}
	index := s.indexKey(p.shard)
	members, err := s.client.Do(ctx, s.client.B().Zrangebylex().Key(index).Min(from).Max("+").Limit(0, int64(limit)).Build()).AsStrSlice()
	if err != nil {
		return 0, 0, fault(ctx, err)
	}
	keys := []string{index}
	for _, m := range members {
		keys = append(keys, s.recordKey(satra.ID([]byte(m))))
	}
	if len(members) > 0 {
		n, err := s.run(ctx, pruneScript, keys, members).AsInt64()
		if err != nil {
			return 0, 0, fault(ctx, err)
		}
		gone = int(n)
		p.after = members[len(members)-1]
	}
	if len(members) < limit {
		p.shard, p.after = (p.shard+1)%shards, ""
	}
	return len(members), gone, nil
}
