package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/satra-sessions/satra"
)

// Principal returns the epoch and whether the principal is disabled.
func (s *Store) Principal(ctx context.Context, name string) (satra.PrincipalState, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	n, err := s.run(ctx, epochsScript, s.principalKeys(name), nil).AsIntSlice()
	if err != nil {
		return satra.PrincipalState{}, fault(ctx, err)
	}
	if len(n) != 4 {
		return satra.PrincipalState{}, fmt.Errorf("redisstore: a script answered %d numbers", len(n))
	}
	if n[3] == 1 {
		if err := s.finishEverybody(ctx); err != nil {
			return satra.PrincipalState{}, err
		}
	}
	return satra.PrincipalState{Epoch: satra.Epoch{Own: uint64(n[0]), All: uint64(n[1])}, Disabled: n[2] == 1}, nil
}

// EndAll raises the epoch and marks the sessions in one command, and ends each
// before it answers.
func (s *Store) EndAll(ctx context.Context, e satra.Ending) ([]satra.Ended, error) {
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if e.Everybody {
		return s.endEverybody(context.WithoutCancel(ctx), e)
	}
	except := ""
	if !e.Except.IsZero() {
		except = string(e.Except[:])
	}
	keys := []string{s.principalKey(e.Principal), s.disabledKey(shardOfName(e.Principal))}
	answer, err := s.run(ctx, endAllScript, keys, []string{
		except, itoa(e.Access), itoa(micros(e.End.At)), string(e.End.Reason), e.End.Actor, itoa(s.remembers().Microseconds()), e.Principal,
	}).AsStrSlice()
	if err != nil {
		return nil, fault(ctx, err)
	}
	s.pause("marked")
	var all []ending
	for i := 0; i+2 < len(answer); i += 3 {
		x, ok := readEntry(answer[i], answer[i+1])
		if !ok {
			return nil, fmt.Errorf("redisstore: a principal's entry: %w", errFormat)
		}
		end, err := x.mark()
		if err != nil {
			return nil, err
		}
		// A session whose sign-in was under way is not one that was live.
		all = append(all, ending{entry: x, end: end, owner: e.Principal, silent: answer[i+2] == "R"})
	}
	return s.endMarked(ctx, e.Principal, e.At, all)
}

// mark reads how an entry that is to be ended says that it is ended.
func (e entry) mark() (satra.End, error) {
	if e.raw[0] != 'X' {
		return satra.End{}, errFormat
	}
	end, err := unpackEnd([]byte(e.raw[9:]))
	if err != nil {
		return satra.End{}, err
	}
	return *end, nil
}

// finish ends what somebody has left to be ended: sessions that are marked, and
// those whose sign-in was not completed within its lease.
func (s *Store) finish(ctx context.Context, principal string, at time.Time, left []entry) ([]satra.Ended, error) {
	all := make([]ending, len(left))
	for i, e := range left {
		all[i] = ending{entry: e, owner: principal, end: satra.End{At: at, Reason: satra.ReasonIncomplete}}
		if e.state() == 'X' {
			end, err := e.mark()
			if err != nil {
				return nil, err
			}
			all[i].end = end
		}
	}
	return s.endMarked(ctx, principal, at, all)
}

// endMarked ends each, and then settles their entries.
func (s *Store) endMarked(ctx context.Context, principal string, at time.Time, all []ending) ([]satra.Ended, error) {
	if len(all) == 0 {
		return nil, nil
	}
	asked := time.Now()
	results, err := s.endEach(ctx, at, all)
	var ended []satra.Ended
	for i, e := range all {
		if results[i].ended && !e.silent {
			ended = append(ended, satra.Ended{ID: e.id, End: e.end})
		}
	}
	s.pause("ended")
	return ended, errors.Join(err, s.settle(ctx, principal, s.settlements(all, results, asked)))
}

// An ending is one session to be ended, if it is the owner's.
type ending struct {
	entry
	end    satra.End
	owner  string
	silent bool // not listed among those that were ended
}

// An outcome is what became of it.
type outcome struct {
	ended   bool // by this call
	over    bool // ended by a decision, this or another
	expired bool
	gone    bool // there is no such record
	foreign bool // it is not the owner's: its sign-in did not bind it
}

// endEach ends sessions at once, one command each.
func (s *Store) endEach(ctx context.Context, at time.Time, all []ending) ([]outcome, error) {
	calls := make([]call, len(all))
	for i, e := range all {
		c := &satra.Change{At: at, IfPrincipal: &all[i].owner, End: &all[i].end}
		calls[i] = call{applyScript, s.recordKeys(e.id), s.changeArgs(e.id, c, nil, "")}
	}
	outcomes := make([]outcome, len(all))
	var errs []error
	for i, result := range s.runAll(ctx, calls) {
		answer, err := result.ToArray()
		if err != nil {
			errs = append(errs, fault(ctx, err))
			continue
		}
		d, err := readDone(all[i].id, answer)
		o := &outcomes[i]
		switch {
		case err == nil:
			o.ended, o.over = true, true
		case errors.Is(err, satra.ErrNotFound):
			o.gone = true
		case errors.Is(err, satra.ErrEnded):
			o.over = d.record != nil && d.record.Ended != nil
			o.expired = !o.over
		case errors.Is(err, satra.ErrConflict):
			o.foreign = true
		default:
			errs = append(errs, err)
		}
	}
	return outcomes, errors.Join(errs...)
}

// A settlement replaces an entry by another, or "" by none, if it is still as it
// was.
type settlement struct {
	id       satra.ID
	old, new string
}

// settlements says what becomes of the entries. One stays whose session may still
// have been bound by a sign-in, or written by an import, after it was asked for.
func (s *Store) settlements(all []ending, outcomes []outcome, asked time.Time) []settlement {
	var list []settlement
	for i, e := range all {
		o := outcomes[i]
		mayCome := e.state() == 'X' && e.until() > asked.UnixMicro()
		switch {
		case o.over:
			list = append(list, settlement{e.id, e.raw, s.endedEntry(e.end)})
		case (o.gone || o.foreign) && !mayCome:
			list = append(list, settlement{e.id, e.raw, ""})
		case o.expired:
			list = append(list, settlement{e.id, e.raw, liveEntry(time.Now().Add(s.options.Retention).UnixMicro())})
		}
	}
	return list
}

func settleArgs(all []settlement) []string {
	args := make([]string, 0, 3*len(all))
	for _, x := range all {
		args = append(args, string(x.id[:]), x.old, x.new)
	}
	return args
}

func (s *Store) settle(ctx context.Context, principal string, all []settlement) error {
	if len(all) == 0 {
		return nil
	}
	err := s.run(ctx, settleScript, []string{s.principalKey(principal)}, append([]string{"", "", "", ""}, settleArgs(all)...)).Error()
	return fault(ctx, err)
}

// tidy looks at sessions that may be over. It is worth a try, and no more.
func (s *Store) tidy(ctx context.Context, principal string, due []entry) {
	heads, err := s.heads(ctx, idsOf(due))
	if err != nil {
		return
	}
	now := time.Now()
	var list []settlement
	for i, e := range due {
		next := ""
		if heads[i] != nil && heads[i].record.Principal == principal {
			next = s.entryOf(&heads[i].record, now)
		}
		list = append(list, settlement{e.id, e.raw, next})
	}
	_ = s.settle(ctx, principal, list)
}

// entryOf returns the entry of a record that its principal has.
func (s *Store) entryOf(r *satra.Record, now time.Time) string {
	end, _ := r.Expiry()
	switch {
	case r.Ended != nil:
		return s.endedEntry(*r.Ended)
	case end.IsZero():
		return liveEntry(now.Add(24 * time.Hour).UnixMicro())
	case r.Live(now):
		return liveEntry(micros(end))
	}
	return liveEntry(now.UnixMicro() + s.options.Retention.Microseconds())
}

// heads returns records without values; nil for one that is not there.
func (s *Store) heads(ctx context.Context, ids []satra.ID) ([]*unpacked, error) {
	const most = 200
	var calls []call
	var places [][]int
	batch := map[int]int{} // shard → the call that is not full
	for i, id := range ids {
		shard := 0
		if s.cluster {
			shard = shardOf(id)
		}
		at, ok := batch[shard]
		if !ok || len(places[at]) == most {
			at = len(calls)
			batch[shard] = at
			calls, places = append(calls, call{script: headsScript}), append(places, nil)
		}
		calls[at].keys = append(calls[at].keys, s.recordKey(id))
		places[at] = append(places[at], i)
	}
	heads := make([]*unpacked, len(ids))
	for n, result := range s.runAll(ctx, calls) {
		texts, err := result.AsStrSlice()
		if err != nil {
			return nil, fault(ctx, err)
		}
		for j, text := range texts {
			if i := places[n][j]; text != "" {
				if heads[i], err = unpack(ids[i], []byte(text)); err != nil {
					return nil, err
				}
			}
		}
	}
	return heads, nil
}
