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
// out of the indexes, looking at limit IDs each time, one shard after another.
func (s *Store) Sweep(ctx context.Context, _ time.Time, limit int) (int, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	s.prune.mu.Lock()
	defer s.prune.mu.Unlock()
	for round := 0; round < shards && limit > 0; round++ {
		n, err := s.pruneShard(ctx, min(limit, 500))
		if err != nil {
			return 0, err
		}
		limit -= n
	}
	return 0, nil
}

// pruneShard looks at some IDs of the shard that comes next, and returns how many.
func (s *Store) pruneShard(ctx context.Context, limit int) (int, error) {
	p := &s.prune
	from := "-"
	if p.after != "" {
		from = "(" + p.after
	}
	index := s.indexKey(p.shard)
	members, err := s.client.Do(ctx, s.client.B().Zrangebylex().Key(index).Min(from).Max("+").Limit(0, int64(limit)).Build()).AsStrSlice()
	if err != nil {
		return 0, fault(ctx, err)
	}
	keys := []string{index}
	for _, m := range members {
		keys = append(keys, s.recordKey(satra.ID([]byte(m))))
	}
	if len(members) > 0 {
		if err := s.run(ctx, pruneScript, keys, members).Error(); err != nil {
			return 0, fault(ctx, err)
		}
		p.after = members[len(members)-1]
	}
	if len(members) < limit {
		p.shard, p.after = (p.shard+1)%shards, ""
	}
	return len(members), nil
}
