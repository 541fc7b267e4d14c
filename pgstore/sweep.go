package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// Sweep removes records oldest first, a thousand in a statement, and forgets the
// epochs that were raised a day ago and the limits of which nothing is used. Sweepers, and whoever changes a session, do not
// wait for one another: what somebody else has locked is left for the next time.
// First it goes on with an ending of everybody that a node has left.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	const most = 1000
	if err := s.goOn(ctx); err != nil {
		return 0, err
	}
	if err := s.forgetLimits(ctx); err != nil {
		return 0, err
	}
	for removed < limit {
		some := min(limit-removed, most)
		gone, seen, err := s.sweepSome(ctx, before, some)
		removed += gone
		if err != nil || seen < some {
			return removed, err
		}
	}
	return removed, nil
}

// sweeping looks at as many of the oldest records, by the index, as may be removed.
// Those that were touched since are moved to where they belong, and the others are
// removed. One of these may be younger than one that was moved; but then there is
// room left for as many as were moved, and the next statement begins with them.
const sweeping = `with c as (
		select id, over_at, over_at is distinct from sweep_at as moves from {schema}.sessions
		where sweep_at < $1::bigint order by sweep_at limit $2::int for update skip locked),
	moved as (update {schema}.sessions s set sweep_at = c.over_at from c where s.id = c.id and c.moves),
	gone as (delete from {schema}.sessions s using c where s.id = c.id and not c.moves returning 1)
	select (select count(*) from gone), (select count(*) from c)`

const forgetting = `delete from {schema}.principals where principal in (
	select principal from {schema}.principals where not disabled and raised < now() - interval '1 day'
	order by raised limit $1::int for update skip locked)`

// forgetLimits removes what is over of the limits, which may be many for each session.
func (s *Store) forgetLimits(ctx context.Context) error {
	const some, rounds = 1000, 100
	for range rounds {
		n, err := s.affected(ctx, "Sweep", forgettingLimits, some)
		if err != nil || n < some {
			return err
		}
	}
	return nil
}

// sweepSome sweeps once, and returns how many records it has removed of how many it
// has seen.
func (s *Store) sweepSome(ctx context.Context, before time.Time, limit int) (gone, seen int, err error) {
	err = s.do(ctx, "Sweep", func(ctx context.Context, conn *pgxpool.Conn) error {
		b := &batch{}
		b.Queue(s.in(forgetting), limit)
		b.Queue(s.in(sweeping), before.UnixMicro(), limit).QueryRow(func(row pgx.Row) error { return row.Scan(&gone, &seen) })
		return b.send(ctx, conn)
	})
	if err != nil {
		return 0, 0, err
	}
	return gone, seen, nil
}

var _ satra.Store = (*Store)(nil)
