package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/satra-sessions/satra"
)

// endEverybody raises everybody's epoch in all shards, where sign-ins read it when
// they reserve, and then ends all that the indexes have. A sign-in that reserves
// with an older epoch after that is refused; the session of one that did before
// was in the index by then.
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
	if err := s.raise(ctx, epoch, false); err != nil {
		return nil, err
	}
	s.pause("shards' epochs")
	var ended []satra.Ended
	for shard := range shards {
		some, err := s.endShard(ctx, shard, e)
		ended = append(ended, some...)
		if err != nil {
			return ended, err
		}
	}
	s.pause("all ended")
	if err := s.raise(ctx, epoch, true); err != nil {
		return ended, err
	}
	err := s.run(ctx, doneScript, []string{s.everybodyKey()}, []string{epoch}).Error()
	return ended, fault(ctx, err)
}

// raise raises the epoch of all shards, or closes what raising it has opened.
func (s *Store) raise(ctx context.Context, epoch string, closing bool) error {
	calls := make([]call, shards)
	for shard := range calls {
		calls[shard] = call{raiseScript, []string{s.epochsKey(shard)}, []string{epoch, flag(closing)}}
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
