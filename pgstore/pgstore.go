package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// A Store keeps sessions in PostgreSQL. It is safe for concurrent use.
type Store struct {
	satra.UnimplementedStore
	schema    string
	timeout   time.Duration
	maxRecord int
	pool      *pgxpool.Pool
	watching  *pgxpool.Config // of the connections of Watch
	durable   satra.Durability
	abandoned string // the statement that bounds a transaction left open
	finding   string // the statement of Find
	pooled    bool
	proves    bool // that Watch, which has a URL of its own, hears what is announced

	closed    chan struct{}
	closeOnce sync.Once
}

// opening bounds what Open does, the wait for another node's migration included.
const opening = time.Minute

// Open connects to the server, makes or updates the tables and looks at the
// server's settings. nil options are the defaults. It returns all that is wrong
// with the URL and the options at once, and satra.ErrUnavailable if the server
// cannot be reached within a minute; no error tells a password. Whoever opens a
// store closes it.
func Open(ctx context.Context, url string, o *Options) (*Store, error) {
	all, err := o.withDefaults()
	pool, poolErr := all.configure("the URL", url)
	if all.WatchURL == "" {
		all.WatchURL = url
	}
	watching, watchErr := pool, error(nil)
	if poolErr == nil || all.WatchURL != url {
		// Each has a configuration of its own, because Configure may edit it.
		watching, watchErr = all.configure("Options.WatchURL", all.WatchURL)
	}
	if err := errors.Join(err, poolErr, watchErr); err != nil {
		return nil, err
	}
	s := &Store{
		schema: all.Schema, timeout: all.Timeout, maxRecord: all.MaxRecord, watching: watching, closed: make(chan struct{}),
		abandoned: abandonedAfter(all.Timeout), pooled: all.Pooled, proves: all.Pooled || all.WatchURL != url,
	}
	s.finding = s.in("select " + allColumns + " from {schema}.sessions where id = $1::bytea")
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	if s.pool, err = pgxpool.NewWithConfig(ctx, pool); err != nil {
		return nil, fmt.Errorf("pgstore: %w", err)
	}
	if err := s.start(ctx); err != nil {
		s.pool.Close()
		return nil, err
	}
	return s, nil
}

// abandonedAfter is the statement with which the server ends a transaction that
// its program has left open for so long.
func abandonedAfter(d time.Duration) string {
	return fmt.Sprintf("set local idle_in_transaction_session_timeout = %d", d.Milliseconds())
}

// start does what needs the server.
func (s *Store) start(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return s.unreached(err)
	}
	defer conn.Release()
	if !s.pooled {
		if err := s.keepsParameters(ctx, conn); err != nil {
			return err
		}
	}
	found, err := look(ctx, conn)
	if err != nil {
		return explain("Open", err)
	}
	if err := found.usable(); err != nil {
		return fmt.Errorf("pgstore: Open: %w", err)
	}
	s.durable = found.durability()
	if err := s.migrate(ctx, conn); err != nil {
		return explain("Open: migrating", err)
	}
	if s.proves {
		return s.hears(ctx, conn)
	}
	return nil
}

// Close ends every Watch, waits for the calls under way and closes the
// connections. Calls that come later are answered with satra.ErrUnavailable.
func (s *Store) Close() {
	s.closeOnce.Do(func() {
		close(s.closed)
		s.pool.Close()
	})
}

// Features tells what the server's settings allow, as Open has found them.
func (s *Store) Features() satra.Features {
	return satra.Features{Name: "postgresql", Durable: s.durable, Shared: true, MaxRecord: s.maxRecord}
}

// Now is the server's clock.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.read(ctx, "Now", func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, "select clock_timestamp()").Scan(&now)
	})
	return now.UTC(), err
}

// Create adds a record without principal.
func (s *Store) Create(ctx context.Context, r *satra.Record) error {
	if r.Principal != "" || r.ID.IsZero() {
		return errors.New("pgstore: Create: a record has an ID and no principal")
	}
	if err := s.fits(r); err != nil {
		return err
	}
	var created int64
	err := s.do(ctx, "Create", func(ctx context.Context, conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, s.insertion(), fields(r)...)
		created = tag.RowsAffected()
		return err
	})
	if err == nil && created == 0 {
		return satra.ErrExists
	}
	return err
}

func (s *Store) fits(r *satra.Record) error {
	if size := sizeOf(r.Values); size > s.maxRecord {
		return fmt.Errorf("pgstore: %d bytes of values, at most %d: %w", size, s.maxRecord, satra.ErrTooLarge)
	}
	return nil
}

func sizeOf(values []satra.Value) (size int) {
	for _, v := range values {
		size += len(v.Key) + len(v.Data)
	}
	return size
}

// Find reads the record anew each time, whatever the freshness.
func (s *Store) Find(ctx context.Context, id satra.ID, _ satra.Freshness) (r *satra.Record, err error) {
	err = s.read(ctx, "Find", func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		r, err = one(conn.QueryRow(ctx, s.finding, id[:]))
		return err
	})
	if err == nil && r == nil {
		err = satra.ErrNotFound
	}
	return r, err
}

// one reads a row that may not be there.
func one(row pgx.Row) (*satra.Record, error) {
	r, err := scan(row)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return r, err
}
