package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/satra-sessions/satra"
)

// flushEvery is how long a touch waits to be written.
const flushEvery = time.Second

// statements are the writer's, prepared once.
type statements struct {
	begin, commit, rollback                    *sql.Stmt
	dataVersion, state, setState               *sql.Stmt
	find, put, putRecord, remove               *sql.Stmt
	members, everybody                         *sql.Stmt
	principal, setPrincipal, ended             *sql.Stmt
	forget                                     *sql.Stmt
	over, leastUsed                            *sql.Stmt
	anonymousTombstones                        *sql.Stmt
	tombstones                                 *sql.Stmt
	ending, addEnding, setEnding, removeEnding *sql.Stmt
	auditLast, auditAdd, auditCut              *sql.Stmt
	auditKey, auditKeyErase, auditKeysCut      *sql.Stmt
	all                                        []*sql.Stmt
}

func (s *Store) prepare(ctx context.Context) error {
	st := &s.statements
	for query, into := range map[string]**sql.Stmt{
		`BEGIN IMMEDIATE`:     &st.begin,
		`COMMIT`:              &st.commit,
		`ROLLBACK`:            &st.rollback,
		`PRAGMA data_version`: &st.dataVersion,
		getState:              &st.state,
		setState:              &st.setState,
		`SELECT principal, record FROM sessions WHERE id = ?`:   &st.find,
		`DELETE FROM sessions WHERE id = ? RETURNING ended`:     &st.remove,
		`SELECT epoch, disabled FROM principals WHERE name = ?`: &st.principal,
		`INSERT INTO sessions (id, principal, over, ended, seen, record) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET principal = excluded.principal, over = excluded.over,
			ended = excluded.ended, seen = excluded.seen, record = excluded.record`: &st.put,
		`UPDATE sessions SET record = ?2 WHERE id = ?1`: &st.putRecord,
		addEnding:                             &st.addEnding,
		setEnding:                             &st.setEnding,
		getEnding:                             &st.ending,
		`DELETE FROM endings WHERE epoch = ?`: &st.removeEnding,
		auditLast:                             &st.auditLast,
		auditAdd:                              &st.auditAdd,
		auditCut:                              &st.auditCut,
		auditKeyAdd:                           &st.auditKey,
		auditKeyErase:                         &st.auditKeyErase,
		auditKeysCut:                          &st.auditKeysCut,
		findOver:                              &st.over,
		findLeastUsed:                         &st.leastUsed,
		findAnonymousTombstones:               &st.anonymousTombstones,
		findTombstones:                        &st.tombstones,
		`SELECT id FROM sessions WHERE principal = ? AND principal <> x'' AND ended = 0 AND over > ?`:      &st.members,
		`SELECT id FROM sessions WHERE id > ? AND ended = 0 AND over > ? ORDER BY id LIMIT ?`:              &st.everybody,
		`SELECT id, principal, record FROM sessions WHERE ended > ? AND ended <= ? ORDER BY ended LIMIT ?`: &st.ended,
		`INSERT INTO principals (name, epoch, at, disabled) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, at = excluded.at, disabled = excluded.disabled`: &st.setPrincipal,
		`DELETE FROM principals WHERE name IN
			(SELECT name FROM principals WHERE disabled = 0 AND at < ? ORDER BY at LIMIT ?)`: &st.forget,
	} {
		var err error
		if *into, err = s.conn.PrepareContext(ctx, query); err != nil {
			return err
		}
		st.all = append(st.all, *into)
	}
	return nil
}

// write is the writer: it takes all changes that wait into one transaction, and
// looks now and then for what others wrote.
func (s *Store) write() {
	defer close(s.closed)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.queue.wake:
			s.writeSome()
		case <-tick.C:
			if s.cache.touches.Load() > 0 && s.mono()-s.flushed >= flushEvery {
				s.writeBatch(nil)
			} else {
				s.look(context.Background()) // if it fails, the cache is not used
			}
			s.goOnWithEndings()
		case <-s.closing:
			s.queue.close()
			for s.writeSome() {
			}
			if s.cache.touches.Load() > 0 {
				s.writeBatch(nil)
			}
			return
		}
	}
}

// writeSome writes what waits, and reports whether anything did. When a batch
// fails before its commit, nothing of it was done: then each change is tried by
// itself, so that one for which there is no room takes no other with it.
func (s *Store) writeSome() bool {
	ops := s.queue.take(s.maxBatch)
	if len(ops) == 0 {
		return false
	}
	for len(ops) > 0 {
		n, err := s.writeBatch(ops)
		batch := ops[:n]
		ops = ops[n:]
		var early *earlyError
		if len(batch) == 1 || !errors.As(err, &early) {
			s.answer(batch, err)
			continue
		}
		for i := range batch {
			_, err := s.writeBatch(batch[i : i+1])
			s.answer(batch[i:i+1], err)
		}
	}
	return true
}

func (s *Store) answer(ops []*op, err error) {
	for _, o := range ops {
		if err != nil {
			o.err = fmt.Errorf("sqlitestore: %s: %w", s.path, unavailable("write", err))
		}
		close(o.done)
	}
}

// An earlyError is one of a statement within a transaction that was rolled
// back.
type earlyError struct{ error }

func (e *earlyError) Unwrap() error { return e.error }

// maxHold is how long a batch is given before it is committed, so that those
// who wait do not wait for hundreds of slow changes.
const maxHold = 100 * time.Millisecond

// writeBatch runs the changes, or the first of them, in one transaction, and
// returns how many. Each is judged by itself: one that is refused leaves no
// trace. The error is that of all; the changes hold their own.
func (s *Store) writeBatch(ops []*op) (n int, err error) {
	ctx := context.Background()
	s.flushed = s.mono()
	if _, err := s.statements.begin.ExecContext(ctx); err != nil {
		return len(ops), err
	}
	t := &tx{s: s, rows: map[satra.ID]*row{}}
	defer t.settle()
	n = len(ops)
	if err = s.look(ctx); err == nil {
		t.state = s.state
		n, err = t.run(ops)
	}
	if err != nil {
		s.rollback(ctx)
		return n, &earlyError{err}
	}
	// Nobody else can have written since BEGIN, nor before COMMIT.
	s.verified.Store(int64(s.mono()))
	if _, err := s.statements.commit.ExecContext(ctx); err != nil {
		s.rollback(ctx)
		s.dataVersion = unknown // whether it was done is not known, either
		s.cache.drop()
		return n, err
	}
	s.state = t.state
	s.heard = max(s.heard, t.state.serial)
	t.committed = true
	s.watchers.tell(t.notices...)
	return n, nil
}

// rollback ends the transaction, if SQLite has not done that by itself: then it
// says that there is none, which is as good.
func (s *Store) rollback(ctx context.Context) { s.statements.rollback.ExecContext(ctx) }
