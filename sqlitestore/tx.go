package sqlitestore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/satra-sessions/satra"
)

// A tx is a transaction in which changes are judged one after the other, each
// on what those before have made of the records. Rows are written when all
// are judged, or when a query needs them. It is the writer's alone.
type tx struct {
	s         *Store
	state     state
	rows      map[satra.ID]*row
	order     []*row
	notices   []satra.Notice
	err       error // of the database: the whole transaction fails with it
	committed bool
}

// A row is a record that the transaction has looked at.
type row struct {
	id      satra.ID
	filed   *satra.Record // as the file has it, if that is known; nil: it is not, or there is none
	now     *satra.Record // nil: there is none
	end     uint64        // the serial number of its end, if that is in this transaction
	dirty   bool          // not as the file has it
	changed bool          // was dirty, or is
}

// run judges the changes, or as many as there is time for, and writes what has
// become of the rows, the touches that wait among them. It returns how many.
func (t *tx) run(ops []*op) (n int, err error) {
	for _, id := range t.s.cache.touched() {
		t.load(id)
	}
	begun := t.s.mono()
	for n < len(ops) && (n == 0 || t.s.mono()-begun < maxHold) {
		o := ops[n]
		n++
		if o.err = o.run(t); t.err != nil {
			return n, t.err
		}
	}
	t.boundTombstones()
	t.flush()
	if t.state != t.s.state {
		t.exec(t.s.statements.setState, t.state.columns()...)
	}
	return n, t.err
}

// fail notes an error of the database, and reports whether there is one.
func (t *tx) fail(err error) bool {
	if t.err == nil {
		t.err = err
	}
	return t.err != nil
}

func (t *tx) exec(stmt *sql.Stmt, args ...any) int {
	if t.err != nil {
		return 0
	}
	result, err := stmt.ExecContext(context.Background(), args...)
	if t.fail(err) {
		return 0
	}
	n, err := result.RowsAffected()
	t.fail(err)
	return int(n)
}

// load returns the record as it is in this transaction, with the touches
// that wait.
func (t *tx) load(id satra.ID) *row {
	if w := t.rows[id]; w != nil {
		return w
	}
	w := &row{id: id}
	t.rows[id] = w
	t.order = append(t.order, w)
	r, touch := t.s.cache.shard(id).take(id)
	if touch.seen.IsZero() {
		w.filed = r // else the cache is ahead of the file
	}
	if r == nil {
		r = t.read(id)
		w.filed = r
	}
	if r != nil {
		w.now = touch.on(r)
		w.dirty = !touch.seen.IsZero() && r.Ended == nil
		w.changed = w.dirty
	}
	return w
}

func (t *tx) read(id satra.ID) *satra.Record {
	if t.err != nil {
		return nil
	}
	var principal string
	var packed []byte
	err := t.s.statements.find.QueryRowContext(context.Background(), id[:]).Scan(&principal, &packed)
	if errors.Is(err, sql.ErrNoRows) || t.fail(err) {
		return nil
	}
	r, err := unpack(id, principal, packed)
	t.fail(err)
	return r
}

// put makes r the record of its ID.
func (t *tx) put(r *satra.Record) {
	w := t.load(r.ID)
	switch {
	case r.Ended == nil:
	case w.now == nil:
		w.end = unheard
	case w.now.Ended == nil:
		t.state.serial++
		w.end = t.state.serial
		t.notices = append(t.notices, satra.Notice{ID: r.ID, Reason: r.Ended.Reason})
	}
	t.state.count(kindOf(w.now), kindOf(r))
	w.now, w.dirty, w.changed = r, true, true
}

// remove removes a record.
func (t *tx) remove(id satra.ID) {
	w := t.load(id)
	t.state.count(kindOf(w.now), absent)
	w.now, w.dirty, w.changed = nil, true, true
}

// flush writes the rows that are not as the file has them.
func (t *tx) flush() {
	for _, w := range t.order {
		if !w.dirty {
			continue
		}
		w.dirty = false
		switch r := w.now; {
		case r == nil:
			t.erase(w.id)
		case w.staysInPlace():
			t.exec(t.s.statements.putRecord, w.id[:], pack(r))
		default:
			t.exec(t.s.statements.put, w.id[:], []byte(r.Principal), overAt(r), w.end, r.Seen.UnixMicro(), pack(r))
		}
		w.filed = w.now
	}
}

// erase removes a record from the file. Another process may not have heard of its
// end yet.
func (t *tx) erase(id satra.ID) {
	if t.err != nil {
		return
	}
	var end uint64
	err := t.s.statements.remove.QueryRowContext(context.Background(), id[:]).Scan(&end)
	if !isNoRows(err) && !t.fail(err) {
		t.state.forgotten = max(t.state.forgotten, end)
	}
}

// staysInPlace reports whether no index has to be changed: what a request sets
// moves nothing.
func (w *row) staysInPlace() bool {
	was, r := w.filed, w.now
	return was != nil && was.Ended == nil && r.Ended == nil && was.Principal == r.Principal &&
		was.Seen.Equal(r.Seen) && overAt(was) == overAt(r)
}

// ids flushes the rows and returns the IDs that a query finds.
func (t *tx) ids(stmt *sql.Stmt, args ...any) []satra.ID {
	if t.flush(); t.err != nil {
		return nil
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if t.fail(err) {
		return nil
	}
	defer rows.Close()
	var ids []satra.ID
	for rows.Next() {
		var id []byte
		if t.fail(rows.Scan(&id)) {
			return nil
		}
		if len(id) != len(satra.ID{}) {
			t.fail(errDamaged)
			return nil
		}
		ids = append(ids, satra.ID(id))
	}
	t.fail(rows.Err())
	return ids
}

// settle gives the rows back to the cache, after the transaction.
func (t *tx) settle() {
	for _, w := range t.order {
		r, known := w.now, !w.changed && t.err == nil
		if !t.committed && !known {
			r = nil
		}
		t.s.cache.shard(w.id).settle(w.id, r, t.committed)
	}
}
