package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/satra-sessions/satra"
)

// endEverybody raises everybody's epoch where sign-ins read it, then shard by
// shard where sessions are bound, and ends all that the shard's index has. A
// session that is bound with an older epoch after that is refused; one bound
// before is in the index.
func (s *Store) endEverybody(ctx context.Context, e satra.Ending) ([]satra.Ended, error) {
	if e.Access == satra.AccessAllow {
		return nil, nil
	}
	epoch, err := s.run(ctx, everybodyScript, []string{s.everybodyKey()}, []string{
		itoa(micros(e.End.At)), string(e.End.Reason), e.End.Actor, string(e.Except[:]),
	}).ToString()
	if err != nil {
		return nil, fault(ctx, err)
	}
	s.pause("everybody's epoch")
	return s.walk(ctx, e, epoch)
}

// finishEverybody does what whoever began it did not come to do.
func (s *Store) finishEverybody(ctx context.Context) ([]satra.Ended, error) {
	m, err := s.client.Do(ctx, s.client.B().Hgetall().Key(s.everybodyKey()).Build()).AsStrMap()
	if err != nil {
		return nil, fault(ctx, err)
	}
	if m["open"] == "" || len(m["except"]) != len(satra.ID{}) {
		return nil, nil
	}
	at, err := strconv.ParseInt(m["at"], 10, 64)
	if err != nil {
		return nil, errFormat
	}
	end := satra.End{At: instant(at), Reason: satra.Reason(m["reason"]), Actor: m["actor"]}
	return s.walk(ctx, satra.Ending{At: end.At, End: end, Except: satra.ID([]byte(m["except"]))}, m["epoch"])
}

func (s *Store) walk(ctx context.Context, e satra.Ending, epoch string) ([]satra.Ended, error) {
	if err := s.raise(ctx, "p", epoch, allShards()); err != nil {
		return nil, err
	}
	s.pause("principals' epochs")
	if err := s.raise(ctx, "s", epoch, allShards()); err != nil {
		return nil, err
	}
	s.pause("sessions' epochs")
	var ended []satra.Ended
	for shard := range shards {
		some, err := s.endShard(ctx, shard, e)
		ended = append(ended, some...)
		if err != nil {
			return ended, err
		}
	}
	if err := s.raise(ctx, "o", epoch, allShards()); err != nil {
		return ended, err
	}
	err := s.run(ctx, doneScript, []string{s.everybodyKey()}, []string{epoch}).Error()
	return ended, fault(ctx, err)
}

func allShards() []int {
	all := make([]int, shards)
	for i := range all {
		all[i] = i
	}
	return all
}

func (s *Store) raise(ctx context.Context, field, epoch string, which []int) error {
	calls := make([]call, len(which))
	for i, shard := range which {
		calls[i] = call{raiseScript, []string{s.epochsKey(shard)}, []string{field, epoch}}
	}
	var errs []error
	for _, r := range s.runAll(ctx, calls) {
		errs = append(errs, fault(ctx, r.Error()))
	}
	return errors.Join(errs...)
}

// endShard ends all live sessions of a shard but one.
func (s *Store) endShard(ctx context.Context, shard int, e satra.Ending) (ended []satra.Ended, err error) {
	const most = 500
	from := "-"
	for {
		members, err := s.client.Do(ctx, s.client.B().Zrangebylex().Key(s.indexKey(shard)).Min(from).Max("+").Limit(0, most).Build()).AsStrSlice()
		if err != nil {
			return ended, fault(ctx, err)
		}
		var ids []satra.ID
		var calls []call
		for _, m := range members {
			if id := satra.ID([]byte(m)); id != e.Except {
				c := &satra.Change{At: e.At, End: &e.End}
				ids, calls = append(ids, id), append(calls, call{applyScript, s.recordKeys(id), s.changeArgs(id, c, nil, "")})
			}
		}
		for i, result := range s.runAll(ctx, calls) {
			answer, err := result.ToArray()
			if err != nil {
				return ended, fault(ctx, err)
			}
			_, err = readDone(ids[i], answer)
			switch {
			case err == nil:
				ended = append(ended, satra.Ended{ID: ids[i], End: e.End})
			case !errors.Is(err, satra.ErrEnded) && !errors.Is(err, satra.ErrNotFound):
				return ended, err
			}
		}
		if len(members) < most {
			return ended, nil
		}
		from = "(" + strings.Clone(members[len(members)-1])
	}
}
