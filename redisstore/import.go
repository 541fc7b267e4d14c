package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

var (
	importScript   = newScript("record", "import")
	placeScript    = newScript("principal", "importplace")
	importedScript = newScript("principal", "imported")
)

// Import takes in a record from another store: one command reads what is here, one
// writes it. One whose principal did not have it before takes two more: its entry in
// the principal's hash is there before it is, as at a sign-in, so that whatever ends
// all of the principal's sessions knows it.
//
// What is over for longer than [Options.Retention] is not taken in: here it would
// have gone by now. What ended or expired since is kept for so long from now.
//
// It is tried again when others change the same session meanwhile. ErrUnavailable
// also says that the session was signing in all the while, or that its principal's
// sessions were ended while another import of it was under way. Neither lasts for
// longer than some seconds.
func (s *Store) Import(ctx context.Context, r *satra.Record) (bool, error) {
	if r.ID.IsZero() {
		return false, errors.New("redisstore: Import: a record has an ID")
	}
	if err := s.fits(r); err != nil {
		return false, err
	}
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return false, err
	}
	defer cancel()
	for range maxSwaps {
		changed, err := s.importOnce(ctx, r)
		if !errors.Is(err, errSwapped) {
			return changed, err
		}
	}
	return false, fmt.Errorf("redisstore: Import: the session is changed all the time: %w", satra.ErrUnavailable)
}

// An arrival is a record to be written in the place of what was read.
type arrival struct {
	*satra.Record
	old    string // the bytes that were read; "": there was no record
	kept   int64  // until when the principal's hash is sure to be there
	notice string // "" if it ends nothing that was live
}

func (s *Store) importOnce(ctx context.Context, r *satra.Record) (bool, error) {
	now := time.Now()
	old, u, err := s.get(ctx, r.ID)
	if errors.Is(err, satra.ErrNotFound) {
		if over := r.Over(now); over != nil && now.Sub(over.At) > s.options.Retention {
			return false, nil
		}
		a := &arrival{Record: r}
		if r.Principal != "" && r.Ended == nil {
			a.kept = mustKeep(0, r, now)
		}
		return s.importTo(ctx, a, r.Principal != "")
	}
	if err != nil {
		return false, err
	}
	next, err := u.record.Merge(r)
	if err != nil || next == &u.record {
		return false, err
	}
	a := &arrival{Record: next, old: old, kept: u.kept}
	if next.Ended != nil && u.record.Live(now) {
		a.notice = string(next.ID[:]) + string(next.Ended.Reason)
	}
	if need := mustKeep(u.kept, next, now); need != 0 && next.Principal != "" && next.Ended == nil {
		a.kept = need
		if u.record.Principal != "" {
			if err := s.keep(ctx, next.Principal, itoa(need)); err != nil {
				return false, err
			}
		}
	}
	return s.importTo(ctx, a, next.Principal != u.record.Principal)
}

// importTo writes the record. If it comes to its principal it takes a place there
// before, and confirms it afterwards.
func (s *Store) importTo(ctx context.Context, a *arrival, comes bool) (bool, error) {
	s.pause("import read")
	if !comes {
		err := s.write(ctx, a, "")
		return err == nil, err
	}
	before, mine, err := s.placeImport(ctx, a)
	if err != nil {
		return false, err
	}
	s.pause("import placed")
	if err := s.write(ctx, a, itoa(micros(instant(mine.until()).Add(-leaseMargin)))); err != nil {
		if !errors.Is(err, satra.ErrUnavailable) { // it was surely not written
			// If this fails, the entry is found to be of nothing when somebody looks.
			_ = s.settle(ctx, a.Principal, []settlement{{a.ID, mine.raw, before}})
		}
		return false, err
	}
	s.pause("import written")
	return true, s.confirmImport(ctx, a, mine)
}

// write puts the record there if what was read still stands.
func (s *Store) write(ctx context.Context, a *arrival, until string) error {
	st, err := s.run(ctx, importScript, []string{s.recordKey(a.ID), s.indexKey(shardOf(a.ID))}, []string{
		a.old, rueidis.BinaryString(pack(a.Record, a.kept)), overAt(a.Record), s.retention(), until, s.channel(), a.notice, string(a.ID[:]),
	}).AsInt64()
	if err != nil {
		return faultOrFull(ctx, err)
	}
	if st == statusConflict || st == statusLapsed { // it took longer than its lease: it takes a new one
		return errSwapped
	}
	return statusError(st)
}

// placeImport takes a place in the principal's hash, when nobody signs in with the
// session and nobody has left it to be ended. It returns the entry as it was and as
// it is.
func (s *Store) placeImport(ctx context.Context, a *arrival) (before string, mine entry, err error) {
	args := []string{string(a.ID[:]), itoa(s.holdUntil(a)), itoa(s.remembers().Microseconds()), flag(a.Ended != nil)}
	for try := 0; ; try++ {
		answer, err := s.run(ctx, placeScript, []string{s.principalKey(a.Principal)}, args).ToArray()
		if err != nil {
			return "", entry{}, faultOrFull(ctx, err)
		}
		var parts [3]string
		for i := 1; i < min(len(answer), len(parts)); i++ {
			parts[i], _ = answer[i].ToString()
		}
		switch status(answer) {
		case placeOK:
			e, ok := readEntry(string(a.ID[:]), parts[2])
			if !ok {
				err = errFormat
			}
			return parts[1], e, err
		case placeLeft:
			if err := s.finishOne(ctx, a, parts[1]); err != nil {
				return "", entry{}, err
			}
		case placeMine:
		default:
			return "", entry{}, fmt.Errorf("redisstore: a script answered %d", status(answer))
		}
		if err := waitTurn(ctx, placeMine, try); errors.Is(err, satra.ErrConflict) {
			return "", entry{}, fmt.Errorf("redisstore: Import: the session is signing in, or was when all were ended: %w", satra.ErrUnavailable)
		} else if err != nil {
			return "", entry{}, err
		}
	}
}

// confirmImport makes the place an entry. If all sessions of the principal were to
// be ended meanwhile, this one is: whoever ends them did not find it yet.
func (s *Store) confirmImport(ctx context.Context, a *arrival, mine entry) error {
	answer, err := s.run(ctx, importedScript, []string{s.principalKey(a.Principal)}, []string{
		string(a.ID[:]), mine.raw, s.entryOf(a.Record, time.Now()), itoa(s.holdUntil(a)), itoa(s.remembers().Microseconds()),
	}).ToArray()
	if err != nil {
		return fault(ctx, err)
	}
	if status(answer) != placeMarked || len(answer) < 2 {
		return nil
	}
	raw, _ := answer[1].ToString()
	return s.finishOne(ctx, a, raw)
}

// finishOne does with the session itself what its entry says that is left to do.
func (s *Store) finishOne(ctx context.Context, a *arrival, raw string) error {
	e, ok := readEntry(string(a.ID[:]), raw)
	if !ok {
		return fmt.Errorf("redisstore: a principal's entry: %w", errFormat)
	}
	_, err := s.finish(ctx, a.Principal, time.Now(), []entry{e})
	return err
}

// holdUntil is until when the principal's hash is needed for the record.
func (s *Store) holdUntil(a *arrival) int64 { return a.kept + s.options.Retention.Microseconds() }

// faultOrFull is the error of a write that needs memory.
func faultOrFull(ctx context.Context, err error) error {
	if e, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(e.Error(), "OOM") {
		return fmt.Errorf("redisstore: the server's memory is full: %w", satra.ErrFull)
	}
	return fault(ctx, err)
}
