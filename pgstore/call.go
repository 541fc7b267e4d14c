package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// do runs f with a connection, within the store's deadline, and says what its
// error means. f returns errors of the database alone.
//
// A caller that goes away is obeyed until there is a connection, and not from
// then on: whoever closes a connection under a statement does not know what
// became of it, and has a new connection to make for each browser that was
// closed. The deadline bounds the wait.
func (s *Store) do(ctx context.Context, op string, f func(context.Context, *pgxpool.Conn) error) error {
	_, err := s.try(ctx, op, time.Now().Add(s.timeout), f)
	return err
}

// read is do for what changes nothing: once more if the connection turns out to
// have been dead.
func (s *Store) read(ctx context.Context, op string, f func(context.Context, *pgxpool.Conn) error) error {
	deadline := time.Now().Add(s.timeout)
	lost, err := s.try(ctx, op, deadline, f)
	if lost && time.Now().Before(deadline) {
		_, err = s.try(ctx, op, deadline, f)
	}
	return err
}

// try also reports whether the connection was lost.
func (s *Store) try(ctx context.Context, op string, deadline time.Time, f func(context.Context, *pgxpool.Conn) error) (lost bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("pgstore: %s: %w", op, err)
	}
	waiting, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := s.pool.Acquire(waiting)
	if err != nil {
		if gone := ctx.Err(); gone != nil {
			return false, fmt.Errorf("pgstore: %s: %w", op, gone)
		}
		return false, fmt.Errorf("pgstore: %s: %w: %w", op, satra.ErrUnavailable, err)
	}
	defer func() {
		if conn.Conn().IsClosed() {
			// The driver takes up to 15 seconds to take leave of a connection that
			// is dead; the pool would keep its place for as long.
			conn.Hijack()
			return
		}
		conn.Release()
	}()
	working, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	if err = f(working, conn); err == nil {
		return false, nil
	}
	if conn.Conn().IsClosed() {
		// A server that went away took the others with it: none of them shall
		// fail a call when it is back.
		s.pool.Reset()
		lost = true
	}
	return lost, explain(op, err)
}

// explain wraps an error of the database.
func explain(op string, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && !unavailable(pg.Code) {
		return fmt.Errorf("pgstore: %s: %w", op, err)
	}
	return fmt.Errorf("pgstore: %s: %w: %w", op, satra.ErrUnavailable, err)
}

// unavailable reports whether an error of the server may pass: it is going down or
// coming up, out of something, a standby, or has given the statement up.
func unavailable(code string) bool {
	for _, class := range []string{
		"08",    // connection exceptions
		"25006", // read-only transaction: a standby
		"25P03", // idle in a transaction for too long
		"40",    // deadlock, serialization
		"53",    // out of connections, memory, disk
		"55P03", // lock not available
		"57",    // cancelled, shut down, cannot connect now
		"58",    // errors of the system
	} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// A batch is a transaction or a part of one that travels in one round trip.
type batch struct{ pgx.Batch }

// begin opens the transaction. Its isolation is pinned, whatever the server's
// default: after a wait for a lock the next statement has to see what was
// committed meanwhile. Should this program vanish with the transaction open,
// the server ends it in the time given.
func (s *Store) begin() *batch {
	b := &batch{}
	b.Queue("begin isolation level read committed")
	b.Queue(s.abandoned)
	return b
}

// send sends what was queued and takes in the answers.
func (b *batch) send(ctx context.Context, conn *pgxpool.Conn) error {
	return conn.SendBatch(ctx, &b.Batch).Close()
}

// eachRow calls f for each row of an answer.
func eachRow(f func(pgx.Row) error) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			if err := f(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}
