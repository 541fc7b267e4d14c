package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// modify makes any change but a sign-in, by Record.With, under the lock of the
// row.
func (s *Store) modify(ctx context.Context, id satra.ID, c *satra.Change) (result satra.Result, refused error) {
	err := s.do(ctx, "Apply", func(ctx context.Context, conn *pgxpool.Conn) error {
		var r *satra.Record
		b := s.begin()
		s.queueLocked(b, id, &r)
		if err := b.send(ctx, conn); err != nil {
			return err
		}
		var next *satra.Record
		if next, result, refused = s.decide(r, c); refused != nil {
			return rollback(ctx, conn)
		}
		b = &batch{}
		s.queueSave(b, next, c)
		b.Queue("commit")
		return b.send(ctx, conn)
	})
	if err != nil {
		return satra.Result{}, err
	}
	return result, refused
}

// queueLocked reads a record, if there is one, under its lock.
func (s *Store) queueLocked(b *batch, id satra.ID, r **satra.Record) {
	b.Queue(s.in("select "+allColumns+" from {schema}.sessions where id = $1::bytea for update"), id[:]).
		Query(eachRow(func(row pgx.Row) (err error) {
			*r, err = scan(row)
			return err
		}))
}

// decide returns the record after the change and the answer, or why not.
func (s *Store) decide(r *satra.Record, c *satra.Change) (next *satra.Record, result satra.Result, refused error) {
	if r == nil {
		return nil, result, satra.ErrNotFound
	}
	next, refused = r.With(c)
	if refused == nil {
		refused = s.fits(next)
	}
	switch {
	case refused != nil:
		if (errors.Is(refused, satra.ErrConflict) || errors.Is(refused, satra.ErrEnded)) && (!c.TouchOnly() || c.Return) {
			result.Record = r
		}
	case c.Return || c.Refused != nil && next.Ended != nil:
		result.Record = next
	}
	return next, result, refused
}

// rollback gives the connection back clean.
func rollback(ctx context.Context, conn *pgxpool.Conn) error {
	_, err := conn.Exec(ctx, "rollback")
	return err
}

// fixed are the columns that no change touches.
var fixed = map[string]bool{"created": true, "first_agent": true, "first_addr": true}

// queueSave writes a record that is locked, and announces its end. Of the record
// all is written if no change is given, else what a change may touch.
func (s *Store) queueSave(b *batch, r *satra.Record, c *satra.Change) {
	u := &update{}
	u.require("s.id = " + u.arg(r.ID[:], "bytea"))
	all := c == nil
	values := all || len(c.Set) > 0 || len(c.Delete) > 0 || c.SignIn != nil || r.Ended != nil
	for i, value := range fields(r) {
		column := columns[i]
		if column == "id" || fixed[column] && !all || !values && (column == "keys" || column == "data" || column == "revs") {
			continue
		}
		u.set(column, u.arg(value, types[column]))
	}
	u.set("sweep_at", u.arg(overAt(r), "bigint"))
	b.Queue(s.in("update {schema}.sessions s set "+strings.Join(u.sets, ", ")+" where "+u.conditions[0]), u.args...)
	if r.Ended != nil {
		s.queueAnnouncement(b, r.ID, r.Ended.Reason)
	}
}

// types are those of the columns that are not bytea.
var types = func() map[string]string {
	all := map[string]string{"persistent": "boolean", "transport": "smallint", "keys": "bytea[]", "data": "bytea[]", "revs": "bigint[]"}
	for _, c := range columns {
		if all[c] == "" {
			all[c] = "bytea"
		}
	}
	for _, c := range strings.Fields("generation version created begun seen idle lifetime not_after auth_at ended_at") {
		all[c] = "bigint"
	}
	return all
}()

// overAt is the column of the same name.
func overAt(r *satra.Record) *int64 {
	end, _ := r.Expiry()
	if r.Ended != nil {
		at := r.Ended.At.UnixMicro()
		return &at
	}
	return instant(end)
}

// insertion is the statement that adds a record, unless there is one.
func (s *Store) insertion() string {
	places := make([]string, len(columns))
	for i, c := range columns {
		places[i] = fmt.Sprintf("$%d::%s", i+1, types[c])
	}
	place := func(column string) string {
		for i, c := range columns {
			if c == column {
				return places[i]
			}
		}
		panic("pgstore: no column " + column)
	}
	over := fmt.Sprintf("{schema}.over_at(%s, %s, %s, %s, %s, %s)",
		place("ended_at"), place("seen"), place("idle"), place("begun"), place("lifetime"), place("not_after"))
	return s.in("insert into {schema}.sessions (" + allColumns + ", sweep_at) values (" + strings.Join(places, ", ") + ", " + over + ") on conflict (id) do nothing")
}
