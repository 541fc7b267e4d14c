package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// maxSwaps bounds how often a rare change is tried when others change the same
// session at the same time. It is then a conflict.
const maxSwaps = 32

// swap does a rare change: it reads the record, changes it here, and writes it
// if it is still the one that was read.
func (s *Store) swap(ctx context.Context, id satra.ID, c *satra.Change, g *grant) (done, error) {
	for range maxSwaps {
		d, err := s.swapOnce(ctx, id, c, g)
		if !errors.Is(err, errSwapped) {
			return d, err
		}
		s.pause("swap")
	}
	_, u, err := s.get(ctx, id)
	if err != nil {
		return done{}, err
	}
	return done{record: &u.record}, satra.ErrConflict
}

// errSwapped says that somebody else has changed the record.
var errSwapped = errors.New("redisstore: changed meanwhile")

func (s *Store) swapOnce(ctx context.Context, id satra.ID, c *satra.Change, g *grant) (done, error) {
	old, u, err := s.get(ctx, id)
	if err != nil {
		return done{}, err
	}
	next, err := u.record.With(c)
	if err == nil {
		err = s.fits(next)
	}
	if err != nil {
		return done{record: &u.record}, err
	}
	kept := u.kept
	if next.Principal != "" && next.Ended == nil {
		if need := mustKeep(u.kept, next, c.At); need != 0 {
			kept = need
			if err := s.keep(ctx, next.Principal, itoa(need)); err != nil {
				return done{}, err
			}
		}
	}
	until, notice := "", ""
	if g != nil {
		until = itoa(micros(time.Time(*g)))
	}
	if next.Ended != nil {
		notice = string(id[:]) + string(next.Ended.Reason)
	}
	s.pause("before a swap")
	st, err := s.run(ctx, swapScript, s.recordKeys(id), []string{
		old, rueidis.BinaryString(pack(next, kept)), overAt(next), s.retention(), until, s.channel(), notice,
	}).AsInt64()
	if err != nil {
		return done{}, fault(ctx, err)
	}
	if st == statusConflict {
		return done{}, errSwapped
	}
	d := done{kept: kept}
	if end, _ := next.Expiry(); !end.IsZero() {
		d.over = micros(end)
	}
	if c.Return || c.Refused != nil && next.Ended != nil {
		d.record = next
	}
	return d, statusError(st)
}

// mustKeep is what lua/record.lua has under this name; 0 is nothing.
func mustKeep(kept int64, r *satra.Record, at time.Time) int64 {
	const day = 24 * time.Hour
	need, absolute := micros(at.Add(400*day)), micros(r.AbsoluteExpiry())
	if absolute != 0 {
		need = min(need, absolute)
	}
	if need > kept && (need == absolute || need-kept > (100*day).Microseconds()) {
		return need
	}
	return 0
}
