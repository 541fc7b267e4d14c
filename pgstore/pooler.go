package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// A pooler that hands out connections by transaction looks like a server, and some of
// what a server can do it loses without a word. Open finds out.

const wantPooled = "if it leads to a pooler such as PgBouncer, set Options.Pooled, and Options.WatchURL to the server itself"

// unreached says why there is no connection.
func (s *Store) unreached(err error) error {
	var pg *pgconn.PgError
	if !s.pooled && errors.As(err, &pg) && strings.Contains(pg.Message, "startup parameter") {
		return fmt.Errorf("pgstore: Open: the URL's server refuses the parameters of a connection: %s: %w: %w", wantPooled, satra.ErrUnavailable, err)
	}
	return fmt.Errorf("pgstore: Open: %w: %w", satra.ErrUnavailable, err)
}

// keepsParameters looks whether the connection has what it was opened with.
func (s *Store) keepsParameters(ctx context.Context, conn *pgxpool.Conn) error {
	var found string
	if err := conn.QueryRow(ctx, "select setting from pg_settings where name = 'statement_timeout'").Scan(&found); err != nil {
		return explain("Open", err)
	}
	if want := strconv.FormatInt(s.timeout.Milliseconds(), 10); found != want {
		return fmt.Errorf("pgstore: Open: the URL's server ignores the parameters of a connection (statement_timeout is %s, want %s): %s", found, want, wantPooled)
	}
	return nil
}

// hears announces something, on a channel that no Watch listens to, and looks whether
// whoever connects to WatchURL is told.
func (s *Store) hears(ctx context.Context, conn *pgxpool.Conn) error {
	listening, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("pgstore: Open: Options.WatchURL: %w: %w", satra.ErrUnavailable, err)
	}
	defer listening.Close(ctx)
	channel, sign := s.channel()+":open", strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := listening.Exec(ctx, fmt.Sprintf(`listen "%s"`, channel)); err != nil {
		return explain("Open: Options.WatchURL", err)
	}
	if _, err := conn.Exec(ctx, "select pg_notify($1::text, $2::text)", channel, sign); err != nil {
		return explain("Open", err)
	}
	waiting, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for {
		told, err := listening.WaitForNotification(waiting)
		switch {
		case err == nil && told.Payload == sign:
			return nil
		case err != nil && waiting.Err() == nil:
			return fmt.Errorf("pgstore: Open: Options.WatchURL: %w: %w", satra.ErrUnavailable, err)
		case err != nil:
			return fmt.Errorf("pgstore: Open: who connects to Options.WatchURL is not told what the store announces: want the URL of the server itself, not of a pooler, and of the same database")
		}
	}
}
