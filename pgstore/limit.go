package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// taking takes one use of a key ($1), of which each takes so many microseconds ($2)
// and so many may be had at once ($3). excluded.used - $2 is the instant at which
// that is judged, which is the server's.
const taking = `with c as (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now),
	took as (insert into {schema}.limits as l (key, used) select $1::text, now + $2::bigint from c
		on conflict (key) do update set used = greatest(l.used, excluded.used - $2::bigint) + $2::bigint
		where greatest(l.used, excluded.used - $2::bigint) + $2::bigint <= excluded.used - $2::bigint + $2::bigint * $3::bigint
		returning used)
	select c.now, (select used from took), (select used from {schema}.limits where key = $1::text) from c`

const forgettingLimits = `delete from {schema}.limits where key in (
	select key from {schema}.limits where used < (extract(epoch from now()) * 1000000)::bigint
	order by used limit $1::int for update skip locked)`

// TakeLimit takes one of count uses in per from a key, if that is to be had, in one
// statement: how many are left, how long to wait if none was (0: it was taken), and
// when all are there again. So the store is a back end of package ratelimit. Sweep
// removes keys of which nothing is used any more.
func (s *Store) TakeLimit(ctx context.Context, key string, count int, per time.Duration) (left int, wait, full time.Duration, err error) {
	each := per.Microseconds() / int64(max(count, 1))
	if count < 1 || each < 1 {
		return 0, 0, 0, fmt.Errorf("pgstore: TakeLimit: %d in %v is no limit", count, per)
	}
	var now int64
	var took, before *int64
	err = s.do(ctx, "TakeLimit", func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, s.in(taking), key, each, count).Scan(&now, &took, &before)
	})
	if err != nil {
		return 0, 0, 0, err
	}
	micros := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	whole := each * int64(count)
	switch {
	case took != nil:
		return int((whole - (*took - now)) / each), 0, micros(*took - now), nil
	case before == nil: // taken by others since this statement began
		return 0, micros(each), micros(whole), nil
	}
	used := max(*before, now)
	return 0, micros(max(1, used+each-now-whole)), micros(used - now), nil
}
