package pgstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// Apply does all of c or nothing.
//
// What requests do all day — set and delete values, touch, new limits, an end, under
// any condition — is one UPDATE. Under READ COMMITTED an UPDATE that had to wait
// for another judges its conditions and its new values again, on the row that the
// other has left, so that nothing is lost. If it changes no row, or if c does
// something rarer, the row is read under its lock and Record.With itself says what
// becomes of it, or why nothing does.
func (s *Store) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	if c.SignIn != nil && !c.SignIn.Again {
		return s.signIn(ctx, id, c)
	}
	if s.isPlain(c) {
		done, record, err := s.update(ctx, id, c)
		if done || err != nil {
			return satra.Result{Record: record}, err
		}
	}
	return s.modify(ctx, id, c)
}

// isPlain reports whether one UPDATE can do the change. One that alone sets more
// than a record may hold is not sent.
func (s *Store) isPlain(c *satra.Change) bool {
	return c.Renew == nil && c.Shown == nil && c.Refused == nil && c.SignIn == nil && sizeOf(c.Set) <= s.maxRecord
}

// An update is an UPDATE of one session that is put together of the parts that a
// change has. There are few such combinations, so that each is prepared once.
type update struct {
	sets, conditions []string
	args             []any
}

// arg adds an argument and returns what stands for it.
func (u *update) arg(v any, typ string) string {
	u.args = append(u.args, v)
	return fmt.Sprintf("$%d::%s", len(u.args), typ)
}

func (u *update) set(column, value string) { u.sets = append(u.sets, column+" = "+value) }

func (u *update) require(condition string) { u.conditions = append(u.conditions, condition) }

// update makes a plain change, and reports whether it did.
func (s *Store) update(ctx context.Context, id satra.ID, c *satra.Change) (done bool, r *satra.Record, err error) {
	statement, args := s.plainUpdate(id, c)
	err = s.do(ctx, "Apply", func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		if c.Return {
			r, err = one(conn.QueryRow(ctx, statement, args...))
			done = r != nil
			return err
		}
		tag, err := conn.Exec(ctx, statement, args...)
		done = tag.RowsAffected() == 1
		return err
	})
	return done, r, err
}

// plainUpdate returns the statement of a plain change.
func (s *Store) plainUpdate(id satra.ID, c *satra.Change) (string, []any) {
	u := &update{}
	u.require("s.id = " + u.arg(id[:], "bytea"))
	u.live(c.At)
	u.meet(c)
	if c.TouchOnly() {
		// Whoever loses a touch loses nothing: it need not wait for the disk.
		u.require("set_config('synchronous_commit', 'off', true) is not null")
	} else {
		u.set("version", "s.version + 1")
	}
	seen := u.touch(c)
	u.limits(c, seen)
	if c.End == nil {
		u.values(c, s.maxRecord)
	}
	if len(u.sets) == 0 {
		u.set("seen", "s.seen")
	}
	text := "update {schema}.sessions s set " + strings.Join(u.sets, ", ") + " where " + strings.Join(u.conditions, " and ")
	switch {
	case c.End != nil:
		what := "1"
		if c.Return {
			what = allColumns
		}
		text = "with u as (" + text + " returning s.*) select " + what + " from u, lateral " + s.announcement(u, c.End)
	case c.Return:
		text += " returning " + allColumns
	}
	return s.in(text), u.args
}

// live requires that the session is not over.
func (u *update) live(at time.Time) {
	u.require(isLive("s", u.arg(at.UnixMicro(), "bigint")))
}

// isLive is the condition for a session that is not over at that instant.
func isLive(row, at string) string {
	return fmt.Sprintf("%[1]s.ended_at is null and (%[1]s.over_at is null or %[1]s.over_at > %[2]s)", row, at)
}

// meet requires the conditions of the change.
func (u *update) meet(c *satra.Change) {
	if c.IfGeneration != nil {
		u.require("s.generation = " + u.arg(int64(*c.IfGeneration), "bigint"))
	}
	if c.IfPrincipal != nil {
		u.require("s.principal = " + u.arg([]byte(*c.IfPrincipal), "bytea"))
	}
	if len(c.IfRev) > 0 {
		keys, revs := make([][]byte, len(c.IfRev)), make([]int64, len(c.IfRev))
		for i, want := range c.IfRev {
			keys[i], revs[i] = []byte(want.Key), int64(want.Rev)
		}
		// Not "not exists", which is planned as a join: what joins is not looked at
		// again after a wait. A subquery that yields a value is.
		u.require(fmt.Sprintf(`(select count(*) from unnest(%s, %s) as want(key, rev)
			where want.rev <> coalesce((select v.rev from unnest(s.keys, s.revs) as v(key, rev) where v.key = want.key), 0)) = 0`,
			u.arg(keys, "bytea[]"), u.arg(revs, "bigint[]")))
	}
}

// touch notes activity, and returns what last-seen is afterwards.
func (u *update) touch(c *satra.Change) (seen string) {
	if c.Seen.IsZero() {
		return "s.seen"
	}
	at := u.arg(c.Seen.UnixMicro(), "bigint")
	seen = "greatest(s.seen, " + at + ")"
	u.set("seen", seen)
	if c.Device != nil {
		for column, text := range map[string]string{"last_agent": c.Device.UserAgent, "last_addr": c.Device.Addr} {
			u.set(column, fmt.Sprintf("case when %s > s.seen then %s else s.%s end", at, u.arg([]byte(text), "bytea"), column))
		}
	}
	return seen
}

// limits sets what says when the session is over, and where the sweep finds it
// then. A touch alone leaves that place as it is: see the schema.
func (u *update) limits(c *satra.Change, seen string) {
	ended, idle, lifetime, notAfter := "null", "s.idle", "s.lifetime", "s.not_after"
	if c.Idle != 0 {
		idle = u.arg(micros(c.Idle), "bigint")
		u.set("idle", idle)
	}
	if c.Lifetime != 0 {
		lifetime = u.arg(micros(c.Lifetime), "bigint")
		u.set("lifetime", lifetime)
	}
	if !c.NotAfter.IsZero() {
		notAfter = u.arg(c.NotAfter.UnixMicro(), "bigint")
		u.set("not_after", notAfter)
	}
	if c.End != nil {
		ended = u.end(c.End)
	} else if c.Idle == 0 && c.Lifetime == 0 && c.NotAfter.IsZero() {
		return
	}
	u.set("sweep_at", fmt.Sprintf("{schema}.over_at(%s, %s, %s, s.begun, %s, %s)", ended, seen, idle, lifetime, notAfter))
}

// end makes the session a tombstone, as Record.With does, and returns the instant.
func (u *update) end(e *satra.End) (at string) {
	at = u.arg(e.At.UnixMicro(), "bigint")
	u.set("ended_at", at)
	u.set("end_reason", u.arg([]byte(e.Reason), "bytea"))
	u.set("end_actor", u.arg([]byte(e.Actor), "bytea"))
	u.set("(seed, retired_secrets, keys, data, revs)", "('', '', '{}', '{}', '{}')")
	return at
}

// values merges what the change sets and deletes into what is there.
func (u *update) values(c *satra.Change, most int) {
	if len(c.Set) == 0 && len(c.Delete) == 0 {
		return
	}
	keys, data, _ := splitValues(c.Set)
	gone := keys[:len(keys):len(keys)]
	for _, key := range c.Delete {
		gone = append(gone, []byte(key))
	}
	others := "<> all(" + u.arg(gone, "bytea[]") + ")"
	u.set("(keys, data, revs)", fmt.Sprintf(`(select coalesce(array_agg(v.key order by v.key), '{}'),
		coalesce(array_agg(v.data order by v.key), '{}'), coalesce(array_agg(v.rev order by v.key), '{}')
		from (select o.key, o.data, o.rev from unnest(s.keys, s.data, s.revs) as o(key, data, rev) where o.key %s
			union all select n.key, n.data, s.version + 1 from unnest(%s, %s) as n(key, data)) v)`,
		others, u.arg(keys, "bytea[]"), u.arg(data, "bytea[]")))
	if len(c.Set) > 0 {
		u.require(fmt.Sprintf(`(select coalesce(sum(octet_length(o.key) + octet_length(o.data)), 0)
			from unnest(s.keys, s.data) as o(key, data) where o.key %s) <= %s`, others, u.arg(int64(most-sizeOf(c.Set)), "bigint")))
	}
}
