package sqlitestore

import (
	"context"
	"time"

	"github.com/satra-sessions/satra"
)

// An ending of everybody takes as many transactions as there are hundreds of
// sessions. The first raises the epoch and, if it is not the last as well, leaves
// the ending in the file with how far it has come. Should its process stop in the
// middle, or its caller give up, whoever has the file open, or opens it next,
// goes on from there.

// takeoverAfter is how much longer than it may wait for its turn an ending
// can be silent before another process goes on with it.
const takeoverAfter = 5 * time.Second

const (
	addEnding = `INSERT INTO endings (epoch, after, due, at, stays, end_at, reason, actor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	setEnding = `UPDATE endings SET after = ?2, due = ?3 WHERE epoch = ?1`
	getEnding = `SELECT epoch, at, stays, end_at, reason, actor, after FROM endings WHERE due <= ? ORDER BY epoch LIMIT 1`
)

// An endingUnderWay is one of everybody that is not done.
type endingUnderWay struct {
	epoch  uint64 // 0: it has not begun
	ending satra.Ending
	after  satra.ID // the last that was looked at
	left   bool     // by its process: what has begun since then is not meant
}

func (s *Store) endEverybody(ctx context.Context, e satra.Ending) (ended []satra.Ended, err error) {
	for u := (&endingUnderWay{ending: e}); u != nil; {
		var some []satra.Ended
		var next *endingUnderWay
		err := s.do(ctx, "end everybody", func(t *tx) error {
			some, next = t.goOn(*u)
			return nil
		})
		if err != nil {
			return ended, err
		}
		ended, u = append(ended, some...), next
	}
	return ended, nil
}

// goOn ends the next sessions of everybody, and returns what is left to do: nil
// if nothing is.
func (t *tx) goOn(u endingUnderWay) (ended []satra.Ended, next *endingUnderWay) {
	begun := u.epoch != 0
	if !begun {
		t.state.serial++
		t.state.everybody = t.state.serial
		u.epoch = t.state.serial
	}
	e := u.ending
	some := t.ids(t.s.statements.everybody, u.after[:], e.At.UnixMicro(), chunk)
	for _, id := range some {
		if r := t.load(id).now; u.left && r != nil && r.Begun.After(e.At) {
			continue
		}
		ended = append(ended, t.endOne(id, e)...)
	}
	switch {
	case len(some) == chunk:
		u.after = some[chunk-1]
		t.leave(&u, begun)
		return ended, &u
	case begun && t.exec(t.s.statements.removeEnding, u.epoch) > 0:
		t.state.endings--
	}
	return ended, nil
}

// leave writes how far the ending has come, for whoever may have to go on. One
// that somebody else has brought to its end is not written again.
func (t *tx) leave(u *endingUnderWay, begun bool) {
	e := &u.ending
	due := t.s.options.Now().Add(t.s.options.Timeout + takeoverAfter).UnixMicro()
	if begun {
		t.exec(t.s.statements.setEnding, u.epoch, u.after[:], due)
		return
	}
	t.exec(t.s.statements.addEnding, u.epoch, u.after[:], due,
		e.At.UnixMicro(), e.Except[:], e.End.At.UnixMicro(), []byte(e.End.Reason), []byte(e.End.Actor))
	t.state.endings++
}

// goOnWithEndings does the next step of an ending that its process has left, if
// there is one; it is the writer's. What fails is tried again at the next tick.
func (s *Store) goOnWithEndings() {
	if s.state.endings == 0 {
		return
	}
	if s.taken == nil {
		if _, err := s.leftEnding(); err != nil {
			return
		}
	}
	next := s.taken
	_, err := s.writeBatch([]*op{{run: func(t *tx) (err error) {
		u := s.taken
		if u == nil { // read again: another process may have been quicker
			if u, err = s.leftEnding(); err != nil {
				return err
			}
		}
		_, next = t.goOn(*u)
		return nil
	}}})
	if err == nil {
		s.taken = next
	}
}

// leftEnding returns the first ending whose process is late; else an error.
func (s *Store) leftEnding() (*endingUnderWay, error) {
	u := &endingUnderWay{left: true}
	e := &u.ending
	e.Everybody = true
	var at, endAt int64
	var except, after, reason, actor []byte
	err := s.statements.ending.QueryRowContext(context.Background(), s.options.Now().UnixMicro()).
		Scan(&u.epoch, &at, &except, &endAt, &reason, &actor, &after)
	if err != nil {
		return nil, err
	}
	if len(except) != len(e.Except) || len(after) != len(u.after) {
		return nil, errDamaged
	}
	e.At, e.Except, u.after = time.UnixMicro(at).UTC(), satra.ID(except), satra.ID(after)
	e.End = satra.End{At: time.UnixMicro(endAt).UTC(), Reason: satra.Reason(reason), Actor: string(actor)}
	return u, nil
}
