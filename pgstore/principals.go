package pgstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// A sign-in holds the lock of its principal, and shares that of everybody. Whoever
// ends a principal's sessions holds the first, whoever ends everybody's the
// second. Locks of rows come after, in the order of IDs.
const (
	lockOne   = "select pg_advisory_xact_lock($1::bigint)"
	lockShare = "select pg_advisory_xact_lock_shared($1::bigint)"
)

// queueLocks takes the locks for a principal.
func (s *Store) queueLocks(b *batch, principal string) {
	b.Queue(lockShare, s.lockKey("everybody", ""))
	b.Queue(lockOne, s.lockKey("principal", principal))
}

const stateOf = `select coalesce(p.epoch, 0), e.epoch, coalesce(p.disabled, false),
	exists (select from {schema}.endings where due <= clock_timestamp())
	from {schema}.everybody e left join {schema}.principals p on p.principal = $1::bytea`

func scanState(row pgx.Row, state *satra.PrincipalState, left *bool) error {
	var own, all int64
	err := row.Scan(&own, &all, &state.Disabled, left)
	state.Epoch = satra.Epoch{Own: uint64(own), All: uint64(all)}
	return err
}

// Principal returns the epoch and whether the principal is disabled. It is asked
// before every sign-in, and so it is here that an ending of everybody is found
// which its node has left: see endings.go.
func (s *Store) Principal(ctx context.Context, principal string) (state satra.PrincipalState, err error) {
	var left bool
	err = s.read(ctx, "Principal", func(ctx context.Context, conn *pgxpool.Conn) error {
		return scanState(conn.QueryRow(ctx, s.in(stateOf), []byte(principal)), &state, &left)
	})
	if err == nil && left {
		s.goOn(ctx) // if it fails, the next one tries
	}
	return state, err
}

// A signingIn is what a sign-in finds under its locks.
type signingIn struct {
	state  satra.PrincipalState
	record *satra.Record // nil: there is none
	live   [][]byte      // IDs of the principal's other sessions, those that began first first
}

// signIn binds a record to a principal, in two round trips: the first takes the
// locks and reads, the second writes all or nothing.
func (s *Store) signIn(ctx context.Context, id satra.ID, c *satra.Change) (result satra.Result, refused error) {
	err := s.do(ctx, "Apply", func(ctx context.Context, conn *pgxpool.Conn) error {
		var found signingIn
		if err := s.queueSigningIn(id, c, &found).send(ctx, conn); err != nil {
			return err
		}
		over, err := found.overLimit(c.SignIn)
		var next *satra.Record
		if err == nil {
			next, result, err = s.decide(found.record, c)
		}
		if refused = err; err != nil {
			return rollback(ctx, conn)
		}
		b := &batch{}
		if len(over) > 0 {
			s.queueEnding(b, c.At, c.SignIn.LimitEnd, 0, &result.Ended, func(u *update) string {
				return "s.id = any(" + u.arg(over, "bytea[]") + ")"
			})
		}
		s.queueSave(b, next, c)
		b.Queue("commit")
		return b.send(ctx, conn)
	})
	if err != nil {
		return satra.Result{}, err
	}
	return result, refused
}

// queueSigningIn takes the locks and reads what a sign-in has to know.
func (s *Store) queueSigningIn(id satra.ID, c *satra.Change, found *signingIn) *batch {
	principal := c.SignIn.Principal
	b := s.begin()
	s.queueLocks(b, principal)
	b.Queue(s.in(stateOf), []byte(principal)).QueryRow(func(row pgx.Row) error { return scanState(row, &found.state, new(bool)) })
	if c.SignIn.Limit > 0 {
		// The record itself is locked here too, in its turn, and left out only when
		// it has been: the planner would move the condition below the locking.
		b.Queue(s.in(`select l.id from (select s.id, s.begun from {schema}.sessions s
			where s.id = $1::bytea or s.principal = $2::bytea and `+isLive("s", "$3::bigint")+`
			order by s.id for update) l order by l.begun, l.id`), id[:], []byte(principal), c.At.UnixMicro()).
			Query(eachRow(func(row pgx.Row) error {
				var other []byte
				err := row.Scan(&other)
				if err == nil && satra.ID(other) != id {
					found.live = append(found.live, other)
				}
				return err
			}))
	}
	s.queueLocked(b, id, &found.record)
	return b
}

// overLimit returns the sessions that have to end for the sign-in, or why it
// may not be.
func (f *signingIn) overLimit(b *satra.Binding) ([][]byte, error) {
	switch excess := len(f.live) + 1 - b.Limit; {
	case f.state.Disabled:
		return nil, satra.ErrDisabled
	case f.state.Epoch != b.Epoch:
		return nil, satra.ErrEpoch
	case b.Limit <= 0 || excess <= 0:
		return nil, nil
	case !b.EndOldest:
		return nil, satra.ErrLimit
	default:
		return f.live[:min(excess, len(f.live))], nil
	}
}

// queueEnding ends the live sessions that where returns the condition of, at most
// limit of them in the order of their IDs unless that is 0, lists and announces
// them. Several rows are always locked in that order: two that did so in different
// orders would wait for one another.
func (s *Store) queueEnding(b *batch, at time.Time, end satra.End, limit int, ended *[]satra.Ended, where func(*update) string) {
	u := &update{}
	u.require(where(u))
	u.live(at)
	some := ""
	if limit > 0 {
		some = " limit " + u.arg(limit, "int")
	}
	u.set("version", "s.version + 1")
	u.set("sweep_at", u.end(&end))
	text := "with l as (select s.id from {schema}.sessions s where " + strings.Join(u.conditions, " and ") + " order by s.id" + some + ` for update),
		u as (update {schema}.sessions s set ` + strings.Join(u.sets, ", ") + ` from l where s.id = l.id returning s.id)
		select u.id, pg_notify(` + u.arg(s.channel(), "text") + ", encode(u.id, 'hex') || " + u.arg(reasonText(end.Reason), "text") + ") from u"
	b.Queue(s.in(text), u.args...).Query(eachRow(func(row pgx.Row) error {
		var id []byte
		err := row.Scan(&id, nil)
		if err == nil {
			*ended = append(*ended, satra.Ended{ID: satra.ID(id), End: end})
		}
		return err
	}))
}

// EndAll ends the sessions of one principal in one round trip, or those of
// everybody, a thousand in each.
func (s *Store) EndAll(ctx context.Context, e satra.Ending) (ended []satra.Ended, err error) {
	if e.Everybody {
		return s.endEverybody(ctx, e)
	}
	if e.Principal == "" {
		return nil, errors.New("pgstore: EndAll: an ending names a principal, or everybody")
	}
	err = s.do(ctx, "EndAll", func(ctx context.Context, conn *pgxpool.Conn) error {
		b := s.begin()
		s.queueLocks(b, e.Principal)
		b.Queue(s.in(`insert into {schema}.principals as p (principal, epoch, raised, disabled)
			values ($1::bytea, nextval('{schema}.epochs'), clock_timestamp(), $2::boolean)
			on conflict (principal) do update set epoch = excluded.epoch, raised = excluded.raised,
				disabled = case when $3::boolean then p.disabled else excluded.disabled end`),
			[]byte(e.Principal), e.Access == satra.AccessDeny, e.Access == satra.AccessKeep)
		if e.Access != satra.AccessAllow {
			s.queueEnding(b, e.At, e.End, 0, &ended, func(u *update) string {
				return "s.principal = " + u.arg([]byte(e.Principal), "bytea") + " and s.id <> " + u.arg(e.Except[:], "bytea")
			})
		}
		b.Queue("commit")
		return b.send(ctx, conn)
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}
