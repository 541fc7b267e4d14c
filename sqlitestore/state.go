package sqlitestore

import "github.com/satra-sessions/satra"

// A state is what the file keeps of all sessions together.
type state struct {
	serial    uint64 // counts ends and epochs
	everybody uint64 // the epoch that all sessions were ended in last
	forgotten uint64 // the greatest serial number of an end that is not in the file any more

	endings int // of everybody that are under way, or were left by a process that stopped

	// The records by kind, so that nobody ever has to count them.
	records, anonymous, tombstones int
}

const (
	getState = `SELECT serial, everybody, forgotten, endings, records, anonymous, tombstones FROM state`
	setState = `UPDATE state SET serial = ?, everybody = ?, forgotten = ?, endings = ?, records = ?, anonymous = ?, tombstones = ?`
)

// unheard is the serial number of an end that was over when the record came here:
// nobody has to be told.
const unheard = 1

// columns are where the columns of the state are read to, and written from.
func (st *state) columns() []any {
	return []any{&st.serial, &st.everybody, &st.forgotten, &st.endings, &st.records, &st.anonymous, &st.tombstones}
}

// A kind says how a record counts.
type kind uint8

const (
	absent kind = iota
	anonymous
	owned
	tombstone
)

func kindOf(r *satra.Record) kind {
	switch {
	case r == nil:
		return absent
	case r.Ended != nil:
		return tombstone
	case r.Principal == "":
		return anonymous
	}
	return owned
}

// count takes note that a record has become one of another kind.
func (st *state) count(before, after kind) {
	st.add(before, -1)
	st.add(after, 1)
}

func (st *state) add(k kind, n int) {
	switch k {
	case absent:
		return
	case anonymous:
		st.anonymous += n
	case tombstone:
		st.tombstones += n
	}
	st.records += n
}
