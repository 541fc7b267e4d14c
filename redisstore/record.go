package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// Statuses of the scripts that work on one record, as lua/record.lua has them.
const (
	statusOK = iota
	statusNotFound
	statusEnded
	statusConflict
	statusTooLarge
	statusLapsed
	statusKeep
	statusFormat
)

// errLapsed says that a sign-in took longer than its lease.
var errLapsed = fmt.Errorf("redisstore: the sign-in took longer than %v: %w", lease-leaseMargin, satra.ErrUnavailable)

func statusError(status int64) error {
	switch status {
	case statusOK:
		return nil
	case statusNotFound:
		return satra.ErrNotFound
	case statusEnded:
		return satra.ErrEnded
	case statusConflict:
		return satra.ErrConflict
	case statusTooLarge:
		return satra.ErrTooLarge
	case statusLapsed:
		return errLapsed
	case statusFormat:
		return errFormat
	}
	return fmt.Errorf("redisstore: a script answered %d", status)
}

// Create adds a record without principal, and its entry in the index.
func (s *Store) Create(ctx context.Context, r *satra.Record) error {
	if r.Principal != "" || r.ID.IsZero() {
		return errors.New("redisstore: Create: a record has an ID and no principal")
	}
	if err := s.fits(r); err != nil {
		return err
	}
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	status, err := s.run(ctx, createScript,
		[]string{s.recordKey(r.ID), s.indexKey(shardOf(r.ID))},
		[]string{rueidis.BinaryString(pack(r, 0)), string(r.ID[:]), overAt(r), s.retention()}).AsInt64()
	if err != nil {
		return faultOrFull(ctx, err)
	}
	if status == statusConflict {
		return satra.ErrExists
	}
	return statusError(status)
}

func (s *Store) fits(r *satra.Record) error {
	size := 0
	for _, v := range r.Values {
		size += len(v.Key) + len(v.Data)
	}
	if size > s.options.MaxRecord {
		return fmt.Errorf("redisstore: %d bytes of values, at most %d: %w", size, s.options.MaxRecord, satra.ErrTooLarge)
	}
	return nil
}

func (s *Store) retention() string { return itoa(s.options.Retention.Milliseconds()) }

// overAt is the instant from which a record is over, or "" for never.
func overAt(r *satra.Record) string {
	if r.Ended != nil {
		return itoa(micros(r.Ended.At))
	}
	if end, _ := r.Expiry(); !end.IsZero() {
		return itoa(micros(end))
	}
	return ""
}

// Find is a GET, unless the read may be old and the cache has it.
func (s *Store) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	cacheable := s.cache != nil && f == satra.Cacheable && ctx.Err() == nil
	if cacheable {
		if r := s.cache.get(id); r != nil {
			return r, nil
		}
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if cacheable {
		if r, done, err := s.findOnLine(ctx, id); done {
			return r, err
		}
	}
	_, u, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.cache != nil {
		s.cache.saw(&u.record)
	}
	return &u.record, nil
}

// get returns a record and its bytes.
func (s *Store) get(ctx context.Context, id satra.ID) (string, *unpacked, error) {
	b, err := s.client.Do(ctx, s.client.B().Get().Key(s.recordKey(id)).Build()).AsBytes()
	if rueidis.IsRedisNil(err) {
		return "", nil, satra.ErrNotFound
	}
	if err != nil {
		return "", nil, fault(ctx, err)
	}
	u, err := unpack(id, b)
	return rueidis.BinaryString(b), u, err // the same bytes: nobody changes them
}

// Apply does all of c or nothing.
func (s *Store) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	ctx, cancel, err := s.committed(ctx)
	if err != nil {
		return satra.Result{}, err
	}
	defer cancel()
	if c.SignIn != nil && !c.SignIn.Again {
		return s.signIn(ctx, id, c)
	}
	done, err := s.change(ctx, id, c, nil)
	return satra.Result{Record: done.record}, err
}

// A grant is until when a sign-in's record is bound, or not at all.
type grant time.Time

// done is what a change tells: the record that a Result has, until when the
// principal's hash has to be kept, and when the record is over (zero: never).
type done struct {
	record     *satra.Record
	kept, over int64
}

// change applies c to one record, in one command as a rule.
func (s *Store) change(ctx context.Context, id satra.ID, c *satra.Change, g *grant) (done, error) {
	if c.Renew != nil || c.Shown != nil || c.Refused != nil {
		return s.swap(ctx, id, c, g)
	}
	if c.TouchOnly() && !c.Return && c.Device == nil && c.IfPrincipal == nil && len(c.IfRev) == 0 {
		status, err := s.touch(ctx, id, c)
		if err != nil || status != statusKeep {
			return done{}, err
		}
	}
	var answer []rueidis.RedisMessage
	var err error
	if isPut(c) {
		answer, err = s.put(ctx, id, c)
	} else {
		answer, err = s.run(ctx, applyScript, s.recordKeys(id), s.changeArgs(id, c, g, "")).ToArray()
	}
	if err == nil && status(answer) == statusKeep {
		// The principal's hash first: what ends all sessions must know this one.
		principal, _ := answer[1].ToString()
		kept, _ := answer[2].ToString()
		if err := s.keep(ctx, principal, kept); err != nil {
			return done{}, err
		}
		answer, err = s.run(ctx, applyScript, s.recordKeys(id), s.changeArgs(id, c, g, kept)).ToArray()
	}
	if err != nil {
		return done{}, fault(ctx, err)
	}
	return readDone(id, answer)
}

func (s *Store) recordKeys(id satra.ID) []string { return []string{s.recordKey(id)} }

func status(answer []rueidis.RedisMessage) int64 {
	if len(answer) == 0 {
		return -1
	}
	n, err := answer[0].AsInt64()
	if err != nil {
		return -1
	}
	return n
}

// readDone reads what the script apply answers.
func readDone(id satra.ID, answer []rueidis.RedisMessage) (d done, err error) {
	if len(answer) > 1 {
		bytes, err := answer[1].ToString()
		if err != nil {
			return done{}, fmt.Errorf("redisstore: a script's answer: %w", err)
		}
		if bytes != "" {
			u, err := unpack(id, []byte(bytes))
			if err != nil {
				return done{}, err
			}
			d.record = &u.record
		}
	}
	if len(answer) == 4 {
		d.kept, _ = answer[2].AsInt64()
		d.over, _ = answer[3].AsInt64()
	}
	return d, statusError(status(answer))
}

// touch notes activity.
func (s *Store) touch(ctx context.Context, id satra.ID, c *satra.Change) (int64, error) {
	answer, err := s.run(ctx, touchScript, []string{s.recordKey(id)},
		[]string{itoa(micros(c.At)), itoa(micros(c.Seen)), optional(c.IfGeneration, itoa), s.retention()}).ToArray()
	if err != nil {
		return 0, fault(ctx, err)
	}
	if st := status(answer); st != statusKeep {
		return st, statusError(st)
	}
	return statusKeep, nil
}

// optional is an argument that may be absent: then it is empty.
func optional[T any](v *T, text func(T) string) string {
	if v == nil {
		return ""
	}
	return text(*v)
}

// marked tells an argument that is there and empty from one that is absent.
func marked(s string) string { return "=" + s }

// changeArgs lays a change out for the script apply, which reads it in order.
func (s *Store) changeArgs(id satra.ID, c *satra.Change, g *grant, kept string) []string {
	args := make([]string, 0, 32+2*len(c.Set)+len(c.Delete))
	args = append(args, itoa(micros(c.At)), itoa(micros(c.Seen)), flag(c.TouchOnly()), flag(c.Return),
		optional(c.IfGeneration, itoa), optional(c.IfPrincipal, marked))
	args = append(args, limit(c.Idle), limit(c.Lifetime))
	if c.NotAfter.IsZero() {
		args = append(args, "")
	} else {
		args = append(args, itoa(micros(c.NotAfter)))
	}
	if c.Device != nil {
		args = append(args, marked(c.Device.UserAgent), marked(c.Device.Addr))
	} else {
		args = append(args, "", "")
	}
	args = append(args, itoa(s.options.MaxRecord), s.retention(), kept, s.channel(), string(id[:]))
	var keep []string
	if b := c.SignIn; b != nil {
		flags := []byte{0, byte(b.Transport)}
		if b.Persistent {
			flags[0] = 1
		}
		args = append(args, "="+string(b.Secret[:])+string(b.Seed[:])+string(flags), b.Principal, b.Method, flag(b.Again))
		keep = b.Keep
	} else {
		args = append(args, "", "", "", "")
	}
	if g != nil {
		args = append(args, itoa(micros(time.Time(*g))))
	} else {
		args = append(args, "")
	}
	if e := c.End; e != nil {
		args = append(args, marked(string(e.Reason)), itoa(micros(e.At)), e.Actor)
	} else {
		args = append(args, "", "", "")
	}
	args = append(args, itoa(len(c.IfRev)), itoa(len(c.Set)), itoa(len(c.Delete)), itoa(len(keep)))
	for _, want := range c.IfRev {
		args = append(args, want.Key, itoa(want.Rev))
	}
	for _, v := range c.Set {
		args = append(args, v.Key, rueidis.BinaryString(v.Data))
	}
	return append(append(args, c.Delete...), keep...)
}

// limit is a new limit in microseconds, or absent.
func limit(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return itoa(span(d))
}

// keep holds a principal's hash, which a session needs for longer now.
func (s *Store) keep(ctx context.Context, principal, until string) error {
	var at int64
	if _, err := fmt.Sscan(until, &at); err != nil {
		return fmt.Errorf("redisstore: a script's answer: %w", err)
	}
	at += s.options.Retention.Microseconds()
	err := s.run(ctx, keepScript, []string{s.principalKey(principal)}, []string{itoa(at)}).Error()
	return fault(ctx, err)
}
