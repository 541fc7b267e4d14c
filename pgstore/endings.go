package pgstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// An ending of everybody takes a transaction for every thousand sessions. The
// first raises the epoch and leaves the ending in a table, until all are ended.
// Should its node stop in the middle, or its caller give up, the next node
// that asks for a principal before a sign-in, or sweeps, goes on.

const (
	endedAtOnce = 1000

	// silence is for how much longer than a step may take an ending is its node's.
	silence = 5 * time.Second
)

// An endingUnderWay is one of everybody that is not done.
type endingUnderWay struct {
	epoch  int64
	ending satra.Ending
	after  satra.ID // the last that was ended
	left   bool     // by its node: what has begun since then is not meant
}

const (
	// There is one row of everybody, and nobody signs in while it is changed.
	beginning = `with e as (update {schema}.everybody set epoch = nextval('{schema}.epochs') returning epoch)
		insert into {schema}.endings (epoch, due, after, at, stays, end_at, reason, actor)
		select epoch, clock_timestamp() + $1::bigint * interval '1 microsecond', '\x00000000000000000000000000000000',
			$2::bigint, $3::bytea, $4::bigint, $5::bytea, $6::bytea from e returning epoch`

	goingOn = `update {schema}.endings set due = clock_timestamp() + $2::bigint * interval '1 microsecond', after = $3::bytea
		where epoch = $1::bigint`

	takingOver = `update {schema}.endings e set due = clock_timestamp() + $1::bigint * interval '1 microsecond'
		from (select epoch from {schema}.endings where due <= clock_timestamp() order by epoch limit 1 for update skip locked) l
		where e.epoch = l.epoch returning e.epoch, e.after, e.at, e.stays, e.end_at, e.reason, e.actor`
)

// lease is how long an ending is a node's, in microseconds.
func (s *Store) lease() int64 { return (s.timeout + silence).Microseconds() }

// endEverybody raises everybody's epoch while no sign-in is under way. From then on
// none that began before can be completed, and the live sessions are ended without
// that lock, so that nobody has to wait for the last of a million.
func (s *Store) endEverybody(ctx context.Context, e satra.Ending) (ended []satra.Ended, err error) {
	u, err := s.beginEnding(ctx, e)
	for done := false; err == nil && !done; {
		var some []satra.Ended
		some, done, err = s.step(ctx, u)
		ended = append(ended, some...)
	}
	return ended, err
}

// beginEnding raises the epoch.
func (s *Store) beginEnding(ctx context.Context, e satra.Ending) (*endingUnderWay, error) {
	u := &endingUnderWay{ending: e}
	err := s.do(ctx, "EndAll", func(ctx context.Context, conn *pgxpool.Conn) error {
		b := s.begin()
		b.Queue(lockOne, s.lockKey("everybody", ""))
		b.Queue(s.in(beginning), s.lease(), e.At.UnixMicro(), e.Except[:], e.End.At.UnixMicro(), []byte(e.End.Reason), []byte(e.End.Actor)).
			QueryRow(func(row pgx.Row) error { return row.Scan(&u.epoch) })
		b.Queue("commit")
		return b.send(ctx, conn)
	})
	return u, err
}

// step ends the next live sessions in the order of IDs, and reports whether they
// were the last.
func (s *Store) step(ctx context.Context, u *endingUnderWay) (ended []satra.Ended, done bool, err error) {
	e := &u.ending
	err = s.do(ctx, "EndAll", func(ctx context.Context, conn *pgxpool.Conn) error {
		b := &batch{}
		b.Queue(s.in(goingOn), u.epoch, s.lease(), u.after[:])
		s.queueEnding(b, e.At, e.End, endedAtOnce, &ended, func(q *update) string {
			where := "s.id > " + q.arg(u.after[:], "bytea") + " and s.id <> " + q.arg(e.Except[:], "bytea")
			if u.left {
				where += " and s.begun <= " + q.arg(e.At.UnixMicro(), "bigint")
			}
			return where
		})
		return b.send(ctx, conn)
	})
	if err != nil {
		return nil, false, err
	}
	if len(ended) == endedAtOnce {
		u.after = slices.MaxFunc(ended, func(a, b satra.Ended) int { return bytes.Compare(a.ID[:], b.ID[:]) }).ID
		return ended, false, nil
	}
	err = s.do(ctx, "EndAll", func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Exec(ctx, s.in("delete from {schema}.endings where epoch = $1::bigint"), u.epoch)
		return err
	})
	return ended, true, err
}

// goOn does what is left of an ending that its node has left, if there is one.
func (s *Store) goOn(ctx context.Context) error {
	u, err := s.takeOver(ctx)
	for done := false; err == nil && u != nil && !done; {
		_, done, err = s.step(ctx, u)
	}
	return err
}

// takeOver takes the first ending whose node is silent. Another node that looks at
// the same time gets none.
func (s *Store) takeOver(ctx context.Context) (*endingUnderWay, error) {
	u := &endingUnderWay{left: true}
	e := &u.ending
	var after, stays, reason, actor []byte
	var begun, endAt int64
	err := s.do(ctx, "EndAll", func(ctx context.Context, conn *pgxpool.Conn) error {
		err := conn.QueryRow(ctx, s.in(takingOver), s.lease()).Scan(&u.epoch, &after, &begun, &stays, &endAt, &reason, &actor)
		if errors.Is(err, pgx.ErrNoRows) {
			u, err = nil, nil
		}
		return err
	})
	if err != nil || u == nil {
		return nil, err
	}
	copy(u.after[:], after)
	copy(e.Except[:], stays)
	e.At = at(&begun)
	e.End = satra.End{At: at(&endAt), Reason: satra.Reason(reason), Actor: string(actor)}
	return u, nil
}
