package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

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
	step, cancel := s.bounded(ctx)
	defer cancel()
	epoch, err := s.run(step, everybodyScript, []string{s.everybodyKey()}, []string{
		itoa(micros(e.End.At)), string(e.End.Reason), e.End.Actor, string(e.Except[:]),
	}).ToString()
	if err != nil {
		return nil, fault(step, err)
	}
	s.pause("everybody's epoch")
	return s.walk(ctx, e, epoch, false)
}

// finishEverybody does what whoever began it did not come to do. Of those who
// come upon it one does it, and it takes as long as it takes. Sessions that have
// begun since are not meant.
func (s *Store) finishEverybody(ctx context.Context) error {
	parts, err := s.run(ctx, takeoverScript, []string{s.everybodyKey()}, nil).AsStrSlice()
	if err != nil {
		return fault(ctx, err)
	}
	if len(parts) != 5 {
		return nil
	}
	at, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || len(parts[4]) != len(satra.ID{}) {
		return errFormat
	}
	end := satra.End{At: instant(at), Reason: satra.Reason(parts[2]), Actor: parts[3]}
	e := satra.Ending{At: end.At, End: end, Except: satra.ID([]byte(parts[4]))}
	_, err = s.walk(context.WithoutCancel(ctx), e, parts[0], true)
	return err
}

// walk raises the epochs and ends the sessions. There may be very many of them:
// each step has its own deadline. left says that another has begun it.
func (s *Store) walk(ctx context.Context, e satra.Ending, epoch string, left bool) ([]satra.Ended, error) {
	if err := s.raise(ctx, epoch, false); err != nil {
		return nil, err
	}
	s.pause("shards' epochs")
	var ended []satra.Ended
	for shard := range shards {
		for from := "-"; from != ""; {
			some, next, err := s.endPage(ctx, shard, from, e, left)
			ended = append(ended, some...)
			if err != nil {
				return ended, err
			}
			from = next
		}
	}
	s.pause("all ended")
	if err := s.raise(ctx, epoch, true); err != nil {
		return ended, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	err := s.run(ctx, doneScript, []string{s.everybodyKey()}, []string{epoch}).Error()
	return ended, fault(ctx, err)
}

// raise raises the epoch of all shards, or closes what raising it has opened.
func (s *Store) raise(ctx context.Context, epoch string, closing bool) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
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

// endPage ends the live sessions of some IDs of a shard, but one, and returns where
// to go on, or "".
func (s *Store) endPage(ctx context.Context, shard int, from string, e satra.Ending, left bool) (ended []satra.Ended, next string, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	const most = 200
	members, err := s.client.Do(ctx, s.client.B().Zrangebylex().Key(s.indexKey(shard)).Min(from).Max("+").Limit(0, most).Build()).AsStrSlice()
	if err != nil {
		return nil, "", fault(ctx, err)
	}
	var ids []satra.ID
	for _, m := range members {
		if id := satra.ID([]byte(m)); id != e.Except {
			ids = append(ids, id)
		}
	}
	for len(ids) > 0 { // those that somebody signs in to meanwhile are looked at again
		var some []satra.Ended
		some, ids, err = s.endThese(ctx, ids, e, left)
		ended = append(ended, some...)
		if err != nil {
			return ended, "", err
		}
	}
	if len(members) == most {
		next = "(" + members[most-1]
	}
	return ended, next, nil
}

// endThese ends those of the sessions that are live, and returns those of which it
// has to be asked anew whether they are meant.
func (s *Store) endThese(ctx context.Context, ids []satra.ID, e satra.Ending, left bool) (ended []satra.Ended, again []satra.ID, err error) {
	generations := make([]*uint32, len(ids))
	if left {
		if ids, generations, err = s.begunBefore(ctx, ids, e.At); err != nil {
			return nil, nil, err
		}
		s.pause("looked at those before")
	}
	calls := make([]call, len(ids))
	for i, id := range ids {
		c := &satra.Change{At: e.At, IfGeneration: generations[i], End: &e.End}
		calls[i] = call{applyScript, s.recordKeys(id), s.changeArgs(id, c, nil, "")}
	}
	for i, result := range s.runAll(ctx, calls) {
		answer, err := result.ToArray()
		if err != nil {
			return ended, nil, fault(ctx, err)
		}
		_, err = readDone(ids[i], answer)
		switch {
		case err == nil:
			ended = append(ended, satra.Ended{ID: ids[i], End: e.End})
		case errors.Is(err, satra.ErrConflict):
			again = append(again, ids[i])
		case !errors.Is(err, satra.ErrEnded) && !errors.Is(err, satra.ErrNotFound):
			return ended, nil, err
		}
	}
	return ended, again, nil
}

// begunBefore returns those of the sessions that had begun by then, with their
// generations: a sign-in, which begins a session anew, has another.
func (s *Store) begunBefore(ctx context.Context, ids []satra.ID, at time.Time) (meant []satra.ID, generations []*uint32, err error) {
	heads, err := s.heads(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for i, u := range heads {
		if u != nil && !u.record.Begun.After(at) {
			meant, generations = append(meant, ids[i]), append(generations, &u.record.Generation)
		}
	}
	return meant, generations, nil
}
