package redisstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// Statuses of the scripts that work on a principal, as lua/principal.lua has them.
const (
	placeOK = iota
	placeDisabled
	placeEpoch
	placeBusy   // other sign-ins are under way, and may take the last places
	placeFull   // no place, unless some of the sessions are over
	placeOver   // reserved, and the oldest have to end
	placeLeft   // this very session is to be ended: a crash left it
	placeMarked // to be ended meanwhile
	placeLapsed
	placeMine // this very session is signing in
)

// An entry is a session in its principal's hash.
type entry struct {
	id  satra.ID
	raw string // as lua/principal.lua has it
}

func (e entry) state() byte { return e.raw[0] }

// until is the lease of a reservation, or of one that is to be ended.
func (e entry) until() int64 { return int64(binary.BigEndian.Uint64([]byte(e.raw[1:9]))) }

func liveEntry(due int64) string {
	return "L" + string(binary.BigEndian.AppendUint64(nil, uint64(due)))
}

// endedEntry is of a session that was ended by decision.
func (s *Store) endedEntry(end satra.End) string {
	until := max(micros(end.At), time.Now().UnixMicro()) + s.options.Retention.Microseconds()
	return "E" + string(binary.BigEndian.AppendUint64(nil, uint64(until)))
}

// A place is what reserve answers.
type place struct {
	status, flight    int64
	lease             int64
	before            string // the session's own entry
	living, left, due []entry
}

// signIn binds a session to a principal: it reserves a place in the principal's
// hash, ends who is over the limit, binds the record, and confirms. Until it is
// confirmed nobody has the new secret, and whoever comes next ends what was not
// confirmed within the lease.
func (s *Store) signIn(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	var result satra.Result
	if c.SignIn.Limit > 0 {
		done, err := s.turns.take(ctx, c.SignIn.Principal)
		if err != nil {
			return result, err
		}
		defer done()
	}
	p, err := s.takePlace(ctx, id, c, &result)
	if err != nil {
		return result, err
	}
	s.pause("reserved")
	var over []settlement
	if p.status == placeOver {
		if over, err = s.makeRoom(ctx, id, c, p, &result); err != nil {
			s.release(ctx, id, c, p)
			return result, err
		}
		s.pause("made room")
	}
	g := grant(instant(p.lease).Add(-leaseMargin))
	d, err := s.change(ctx, id, c, &g)
	result.Record = d.record
	if err != nil {
		if !errors.Is(err, satra.ErrUnavailable) || errors.Is(err, errLapsed) {
			s.release(ctx, id, c, p) // it was surely not bound
		}
		return result, err
	}
	s.pause("bound")
	if err := s.confirm(ctx, id, c, p, d, over); err != nil {
		result.Record = nil
		return result, err
	}
	if len(p.due) > 0 {
		s.tidy(ctx, c.SignIn.Principal, p.due)
	}
	return result, nil
}

// takePlace reserves, finishes what a crash has left, and waits a little for
// sign-ins under way.
func (s *Store) takePlace(ctx context.Context, id satra.ID, c *satra.Change, result *satra.Result) (place, error) {
	b := c.SignIn
	var gone []entry
	for try := 0; ; try++ {
		p, err := s.reserve(ctx, id, b, gone)
		if err != nil {
			return p, err
		}
		if len(p.left) > 0 {
			ended, err := s.finish(ctx, b.Principal, c.At, p.left)
			result.Ended = append(result.Ended, ended...)
			if err != nil {
				return p, err
			}
		}
		switch p.status {
		case placeOK, placeOver:
			return p, nil
		case placeDisabled:
			return p, satra.ErrDisabled
		case placeEpoch:
			return p, satra.ErrEpoch
		case placeFull:
			if gone, err = s.over(ctx, b.Principal, c.At, p.living); err != nil {
				return p, err
			}
			if len(p.living)-len(gone)+int(p.flight)+1 > b.Limit {
				return p, satra.ErrLimit
			}
		case placeBusy, placeMine, placeLeft:
			if err := waitTurn(ctx, p.status, try); err != nil {
				return p, err
			}
		default:
			return p, fmt.Errorf("redisstore: a script answered %d", p.status)
		}
	}
}

// waitTurn waits for sign-ins on other nodes, but not for long.
func waitTurn(ctx context.Context, status int64, try int) error {
	const tries = 20 // half a second
	switch {
	case try >= tries && status == placeBusy:
		return satra.ErrLimit
	case try >= tries:
		return satra.ErrConflict
	}
	select {
	case <-ctx.Done():
		return fault(ctx, ctx.Err())
	case <-time.After(time.Duration(1+rand.IntN(5*min(try+1, 10))) * time.Millisecond):
		return nil
	}
}

func (s *Store) reserve(ctx context.Context, id satra.ID, b *satra.Binding, gone []entry) (place, error) {
	args := []string{
		string(id[:]), itoa(b.Epoch.Own), itoa(b.Epoch.All), itoa(b.Limit), flag(b.EndOldest),
		itoa(s.remembers().Microseconds()),
	}
	for _, e := range gone {
		args = append(args, string(e.id[:]), e.raw)
	}
	answer, err := s.run(ctx, reserveScript, s.principalKeys(b.Principal), args).ToArray()
	if err != nil {
		return place{}, fault(ctx, err)
	}
	p := place{status: status(answer)}
	if len(answer) < 7 {
		return p, nil
	}
	p.lease, _ = answer[1].AsInt64()
	p.before, _ = answer[2].ToString()
	p.flight, _ = answer[3].AsInt64()
	for i, into := range []*[]entry{&p.living, &p.left, &p.due} {
		if *into, err = readEntries(answer[4+i]); err != nil {
			return p, err
		}
	}
	return p, nil
}

// remembers is how long a principal's hash is held for its epoch: longer than an
// attempt to sign in may last.
func (s *Store) remembers() time.Duration { return max(s.options.Retention, 24*time.Hour) + time.Hour }

func (s *Store) principalKeys(name string) []string {
	return []string{s.principalKey(name), s.epochsKey(shardOfName(name))}
}

func readEntries(m rueidis.RedisMessage) ([]entry, error) {
	parts, err := m.AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("redisstore: a script's answer: %w", err)
	}
	all := make([]entry, 0, len(parts)/2)
	for i := 0; i+1 < len(parts); i += 2 {
		e, ok := readEntry(parts[i], parts[i+1])
		if !ok {
			return nil, fmt.Errorf("redisstore: a principal's entry: %w", errFormat)
		}
		all = append(all, e)
	}
	return all, nil
}

func readEntry(id, raw string) (entry, bool) {
	if len(id) != len(satra.ID{}) || len(raw) < 9 {
		return entry{}, false
	}
	return entry{satra.ID([]byte(id)), raw}, true
}

// over returns those of the sessions that are over, or never came to be the
// principal's.
func (s *Store) over(ctx context.Context, principal string, at time.Time, sessions []entry) ([]entry, error) {
	heads, err := s.heads(ctx, idsOf(sessions))
	if err != nil {
		return nil, err
	}
	var gone []entry
	for i, e := range sessions {
		if heads[i] == nil || !heads[i].record.Live(at) || heads[i].record.Principal != principal {
			gone = append(gone, e)
		}
	}
	return gone, nil
}

func idsOf(entries []entry) []satra.ID {
	ids := make([]satra.ID, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	return ids
}

// makeRoom ends those that began first, as many as are over the limit; but only
// for a sign-in that will not be refused.
func (s *Store) makeRoom(ctx context.Context, id satra.ID, c *satra.Change, p place, result *satra.Result) ([]settlement, error) {
	heads, err := s.heads(ctx, append(idsOf(p.living), id))
	if err != nil {
		return nil, err
	}
	own := heads[len(p.living)]
	if own == nil {
		return nil, satra.ErrNotFound
	}
	if err := s.wouldApply(ctx, id, own, c); err != nil {
		_, u, getErr := s.get(ctx, id)
		if getErr == nil {
			result.Record = &u.record
		}
		return nil, err
	}
	type candidate struct {
		entry
		begun time.Time
	}
	var living []candidate
	for i, e := range p.living {
		if heads[i] != nil && heads[i].record.Live(c.At) && heads[i].record.Principal == c.SignIn.Principal {
			living = append(living, candidate{e, heads[i].record.Begun})
		}
	}
	slices.SortFunc(living, func(a, b candidate) int {
		if d := a.begun.Compare(b.begun); d != 0 {
			return d
		}
		return bytes.Compare(a.id[:], b.id[:])
	})
	excess := len(living) + int(p.flight) + 1 - c.SignIn.Limit
	if excess <= 0 {
		return nil, nil
	}
	oldest := make([]ending, excess)
	for i := range oldest {
		oldest[i] = ending{entry: living[i].entry, end: c.SignIn.LimitEnd, owner: c.SignIn.Principal}
	}
	asked := time.Now()
	over, err := s.endEach(ctx, c.At, oldest)
	for i, e := range oldest {
		if over[i].ended {
			result.Ended = append(result.Ended, satra.Ended{ID: e.id, End: e.end})
		}
	}
	return s.settlements(oldest, over, asked), err
}

// wouldApply returns the error that c would meet now. A head has no values: what
// depends on them is asked of the whole record.
func (s *Store) wouldApply(ctx context.Context, id satra.ID, head *unpacked, c *satra.Change) error {
	r := &head.record
	if len(c.IfRev) > 0 || len(c.Set) > 0 {
		_, u, err := s.get(ctx, id)
		if err != nil {
			return err
		}
		r = &u.record
	}
	next, err := r.With(c)
	if err == nil {
		err = s.fits(next)
	}
	return err
}

// confirm makes the reservation a live session. If it is none any more, because
// all were ended or it took too long, the session is ended.
func (s *Store) confirm(ctx context.Context, id satra.ID, c *satra.Change, p place, d done, over []settlement) error {
	b := c.SignIn
	due := d.over
	if due == 0 {
		due = d.kept
	}
	args := []string{string(id[:]), itoa(p.lease), liveEntry(due), itoa(d.kept + s.options.Retention.Microseconds())}
	answer, err := s.run(ctx, settleScript, []string{s.principalKey(b.Principal)}, append(args, settleArgs(over)...)).ToArray()
	if err != nil {
		return fault(ctx, err)
	}
	st := status(answer)
	if st == placeOK {
		return nil
	}
	end := satra.End{At: c.At, Reason: satra.ReasonIncomplete}
	refusal := error(errLapsed)
	raw := ""
	if len(answer) > 1 {
		raw, _ = answer[1].ToString()
	}
	mine := entry{id, raw}
	if st == placeMarked {
		refusal = satra.ErrEpoch
		if e, err := mine.mark(); err == nil {
			end = e
		}
	}
	ctx, cancel := s.bounded(context.WithoutCancel(ctx))
	defer cancel()
	mines, asked := []ending{{entry: mine, end: end, owner: b.Principal}}, time.Now()
	ended, err := s.endEach(ctx, c.At, mines)
	if err == nil && len(raw) > 0 {
		err = s.settle(ctx, b.Principal, s.settlements(mines, ended, asked))
	}
	return errors.Join(refusal, err)
}

// release gives a place back that was not used.
func (s *Store) release(ctx context.Context, id satra.ID, c *satra.Change, p place) {
	ctx, cancel := s.bounded(context.WithoutCancel(ctx))
	defer cancel()
	state := "R"
	if len(p.before) > 0 && (p.before[0] == 'L' || p.before[0] == 'r') {
		state = "r"
	}
	reserved := state + string(binary.BigEndian.AppendUint64(nil, uint64(p.lease)))
	// If this fails, the place is free when the lease ends.
	_ = s.settle(ctx, c.SignIn.Principal, []settlement{{id, reserved, p.before}})
}
