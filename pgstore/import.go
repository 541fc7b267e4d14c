package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// Import takes in a record from another store, in two round trips.
func (s *Store) Import(ctx context.Context, r *satra.Record) (changed bool, err error) {
	if r.ID.IsZero() {
		return false, errors.New("pgstore: Import: a record has an ID")
	}
	if err := s.fits(r); err != nil {
		return false, err
	}
	var refused error
	err = s.do(ctx, "Import", func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		for again := true; again && err == nil; {
			changed, again, refused, err = s.takeIn(ctx, conn, r)
		}
		return err
	})
	if err == nil {
		err = refused
	}
	return changed && err == nil, err
}

// takeIn adds the record, or puts it over the one that is there. That one may be
// swept in between: then it has to be tried again, and nothing was changed.
func (s *Store) takeIn(ctx context.Context, conn *pgxpool.Conn, r *satra.Record) (changed, again bool, refused, err error) {
	var old *satra.Record
	var added bool
	b := s.begin()
	b.Queue(s.insertion(), fields(r)...).Exec(func(tag pgconn.CommandTag) error {
		added = tag.RowsAffected() > 0
		return nil
	})
	s.queueLocked(b, r.ID, &old)
	if err := b.send(ctx, conn); err != nil {
		return false, false, nil, err
	}
	b = &batch{}
	if !added {
		var next *satra.Record
		if old != nil {
			next, refused = old.Merge(r)
		}
		if old == nil || refused != nil || next == old {
			return false, old == nil, refused, rollback(ctx, conn)
		}
		s.queueSave(b, next, nil)
	}
	b.Queue("commit")
	return true, false, nil, b.send(ctx, conn)
}

const listingDisabled = `select principal from {schema}.principals where disabled and principal > $1::bytea order by principal limit $2::int`

// Disabled lists the principals that are disabled.
func (s *Store) Disabled(ctx context.Context, after string, limit int) (names []string, err error) {
	err = s.read(ctx, "Disabled", func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, s.in(listingDisabled), []byte(after), min(max(limit, 1), 1000))
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			var name []byte
			err := row.Scan(&name)
			return string(name), err
		})
		return err
	})
	return names, err
}
