package redisstore

import (
	"context"
	"slices"

	"github.com/redis/rueidis"
)

// disabledKey is of a sorted set with the names of the principals of a shard that
// are disabled. It is in the slot of their hashes, and the script that disables or
// enables one writes both: they never disagree, whatever crashes between.
func (s *Store) disabledKey(shard int) string { return s.key(shard, "disabled") }

// Disabled lists principals that are disabled: it asks all shards for the names
// that come next, and merges them.
func (s *Store) Disabled(ctx context.Context, after string, limit int) ([]string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	limit = min(max(limit, 1), 1000)
	var names []string
	for len(names) < limit {
		some, more, err := s.nextDisabled(ctx, after, limit-len(names))
		if err != nil {
			return nil, err
		}
		names = append(names, some...)
		if !more {
			break
		}
		after = names[len(names)-1]
	}
	return names, nil
}

// nextDisabled returns at most limit names, and at least one if there is one, and
// whether there may be more. It asks each shard for a little more than its share,
// for names may be long.
func (s *Store) nextDisabled(ctx context.Context, after string, limit int) ([]string, bool, error) {
	share := min(limit, 8+2*limit/shards)
	commands := make([]rueidis.Completed, shards)
	for shard := range commands {
		commands[shard] = s.client.B().Zrangebylex().Key(s.disabledKey(shard)).Min("("+after).Max("+").Limit(0, int64(share)).Build()
	}
	var names []string
	known := "" // up to here all names are known; "": to the end
	for _, result := range s.client.DoMulti(ctx, commands...) {
		some, err := result.AsStrSlice()
		if err != nil {
			return nil, false, fault(ctx, err)
		}
		names = append(names, some...)
		if len(some) == share && (known == "" || some[share-1] < known) {
			known = some[share-1]
		}
	}
	slices.Sort(names)
	more := known != ""
	if more {
		names = slices.DeleteFunc(names, func(name string) bool { return name > known })
	}
	return names[:min(len(names), limit)], more, nil
}
