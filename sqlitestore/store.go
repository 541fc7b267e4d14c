package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

// A Store keeps sessions in one SQLite file. It is safe for concurrent use, and
// to be closed.
type Store struct {
	satra.UnimplementedStore
	path    string
	options Options
	cache   cache

	readerDB   *sql.DB
	find       *sql.Stmt
	principal  *sql.Stmt
	queue      queue
	watchers   watchers
	verified   atomic.Int64         // when, on mono, nobody else had written to the file yet
	mono       func() time.Duration // a clock that only goes forward
	closing    chan struct{}
	closed     chan struct{}
	closeOnce  sync.Once
	closeError error

	// The rest is the writer's, which is one goroutine.
	writerDB    *sql.DB
	conn        *sql.Conn
	statements  statements
	dataVersion int64           // of the file, when the writer looked last
	state       state           // of the file, at that dataVersion
	heard       uint64          // the serial number of the last end that watchers were told of
	taken       *endingUnderWay // from a process that has left it
	flushed     time.Duration
	maxBatch    int // changes in one transaction
}

// maxStale bounds how old a cached record may be if another process has changed
// it. The writer looks for changes more often than that.
const (
	maxStale  = 50 * time.Millisecond
	lookEvery = 20 * time.Millisecond
)

func newStore(path string, o Options) *Store {
	started := time.Now()
	s := &Store{
		path: path, options: o, maxBatch: 1024,
		mono:    func() time.Duration { return time.Since(started) },
		closing: make(chan struct{}), closed: make(chan struct{}),
	}
	s.cache.init(o.Cache)
	s.queue.init()
	return s
}

var errClosed = fmt.Errorf("sqlitestore: the store is closed: %w", satra.ErrUnavailable)

// Close writes what waits and closes the file. Calls that come later are
// answered satra.ErrUnavailable, and every Watch ends.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		<-s.closed
		s.closeError = s.disconnect()
	})
	return s.closeError
}

// Features tells that what is acknowledged survives a power cut, touches
// excepted.
func (s *Store) Features() satra.Features {
	return satra.Features{Name: "sqlite", Durable: satra.DurablePower, Shared: s.options.Shared, MaxRecord: s.options.MaxRecord}
}

// Now is the machine's clock, or that of the options.
func (s *Store) Now(ctx context.Context) (time.Time, error) { return s.options.Now(), ctx.Err() }

// prepareReads prepares what the readers ask.
func (s *Store) prepareReads(ctx context.Context) (err error) {
	if s.find, err = s.readerDB.PrepareContext(ctx, `SELECT principal, record FROM sessions WHERE id = ?`); err != nil {
		return err
	}
	s.principal, err = s.readerDB.PrepareContext(ctx, `SELECT state.everybody, coalesce(p.epoch, 0), coalesce(p.disabled, 0)
		FROM state LEFT JOIN principals p ON p.name = ?`)
	return err
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// isFresh reports whether the cache is known to hold what the file held 50 ms
// ago or later.
func (s *Store) isFresh() bool { return s.mono()-time.Duration(s.verified.Load()) <= maxStale }

// Find returns the record from the cache, or reads it. It is shared with other
// callers, and must not be changed.
func (s *Store) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.cache.shard(id)
	if f == satra.Cacheable || !s.options.Shared {
		if r := sh.get(id); r != nil && s.isFresh() {
			return r, nil
		}
	}
	if s.isClosed() {
		return nil, errClosed
	}
	fill := sh.begin(id)
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	var principal string
	var packed []byte
	err := s.find.QueryRowContext(ctx, id[:]).Scan(&principal, &packed)
	if isNoRows(err) {
		return nil, satra.ErrNotFound
	}
	if err != nil {
		return nil, s.failed(ctx, "find", err)
	}
	r, err := unpack(id, principal, packed)
	if err != nil {
		return nil, s.failed(ctx, "find", err)
	}
	return sh.fill(fill, r), nil
}

// failed makes an error of the database the caller's: its own, if it gave up,
// else ErrUnavailable.
func (s *Store) failed(ctx context.Context, what string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("sqlitestore: %s: %w", s.path, unavailable(what, err))
}

// Create adds a record without principal.
func (s *Store) Create(ctx context.Context, r *satra.Record) error {
	if r.Principal != "" || r.ID.IsZero() {
		return errors.New("sqlitestore: Create: a record has an ID and no principal")
	}
	if err := s.fits(r); err != nil {
		return err
	}
	return s.do(ctx, "create", func(t *tx) error {
		if t.load(r.ID).now != nil {
			return satra.ErrExists
		}
		if err := t.makeRoom(kindOf(r), r.Seen); err != nil {
			return err
		}
		t.put(r)
		return nil
	})
}

func (s *Store) fits(r *satra.Record) error {
	size := 0
	for _, v := range r.Values {
		size += len(v.Key) + len(v.Data)
	}
	if size > s.options.MaxRecord {
		return fmt.Errorf("sqlitestore: %d bytes of values, at most %d: %w", size, s.options.MaxRecord, satra.ErrTooLarge)
	}
	return nil
}

// Apply does all of c or nothing.
func (s *Store) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	if err := ctx.Err(); err != nil {
		return satra.Result{}, err
	}
	if c.TouchOnly() && !c.Return && s.touch(id, c) {
		return satra.Result{}, nil
	}
	var result satra.Result
	err := s.do(ctx, "apply", func(t *tx) (err error) {
		if c.SignIn != nil && !c.SignIn.Again {
			result, err = t.signIn(id, c)
		} else {
			result, err = t.change(id, c)
		}
		return err
	})
	if errors.Is(err, satra.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return satra.Result{}, err // result may still be written to
	}
	return result, err
}

// touch notes activity in the cache and leaves it to the writer to write it.
// It reports whether it could.
func (s *Store) touch(id satra.ID, c *satra.Change) bool {
	if s.options.Shared || !s.isFresh() {
		return false
	}
	return s.cache.touch(id, c)
}
