package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/satra-sessions/satra"
)

// applicationID marks a file as one of ours: "STRA" in PRAGMA application_id.
const applicationID = 0x53545241

// schemaVersion is what PRAGMA user_version says of a file that this version of
// the package can use: the number of migrations that it has seen.
var schemaVersion = len(migrations)

// A migration leads from one version to the next.
type migration struct {
	schema string
	fill   func(context.Context, *sql.Conn) error // nil: there is nothing that SQL cannot say
}

// migrations are all of them, in order. What is published is never changed.
var migrations = []migration{
	// over is the instant from which a session is over, in microseconds, by
	// decision or by time. ended is 0, or the serial number of its end, so that
	// another process finds the ends that it has not heard of.
	{schema: `CREATE TABLE sessions (
		n         INTEGER PRIMARY KEY,
		id        BLOB NOT NULL UNIQUE,
		principal BLOB NOT NULL,
		over      INTEGER NOT NULL,
		ended     INTEGER NOT NULL,
		record    BLOB NOT NULL
	) STRICT;
	CREATE INDEX sessions_of_principal ON sessions (principal, id) WHERE ended = 0 AND principal <> x'';
	CREATE INDEX sessions_ended_of_principal ON sessions (principal, id) WHERE ended > 0 AND principal <> x'';
	CREATE INDEX sessions_over ON sessions (over);
	CREATE INDEX sessions_ended ON sessions (ended) WHERE ended > 0;
	CREATE TABLE principals (
		name     BLOB PRIMARY KEY,
		epoch    INTEGER NOT NULL,
		at       INTEGER NOT NULL,
		disabled INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX principals_to_forget ON principals (at) WHERE disabled = 0;
	CREATE TABLE state (
		one       INTEGER PRIMARY KEY CHECK (one = 1),
		serial    INTEGER NOT NULL,
		everybody INTEGER NOT NULL
	) STRICT;
	INSERT INTO state VALUES (1, 0, 0)`},

	// What bounds the file. seen is that of the record. state counts the records,
	// of these the anonymous sessions that were not ended, and the tombstones; Open
	// counts anew. forgotten is the greatest serial number of an end whose tombstone
	// is gone. The serial number 1 is that of ends which nobody has to hear of.
	{schema: `ALTER TABLE sessions ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE state ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE state ADD COLUMN records INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE state ADD COLUMN anonymous INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE state ADD COLUMN tombstones INTEGER NOT NULL DEFAULT 0;
	UPDATE state SET serial = serial + 1;
	CREATE INDEX sessions_anonymous_by_use ON sessions (seen) WHERE ended = 0 AND principal = x'';
	CREATE INDEX sessions_ended_anonymous ON sessions (ended) WHERE ended > 0 AND principal = x''`, fill: fillSeen},

	// What an ending of everybody has left to do, and who is disabled.
	{schema: `CREATE TABLE endings (
		epoch  INTEGER PRIMARY KEY,
		at     INTEGER NOT NULL,
		stays  BLOB NOT NULL,
		end_at INTEGER NOT NULL,
		reason BLOB NOT NULL,
		actor  BLOB NOT NULL,
		after  BLOB NOT NULL,
		due    INTEGER NOT NULL
	) STRICT;
	ALTER TABLE state ADD COLUMN endings INTEGER NOT NULL DEFAULT 0;
	CREATE INDEX principals_disabled ON principals (name) WHERE disabled = 1`},

	// The audit log. What there is none of is NULL, and in no index.
	{schema: `CREATE TABLE audit (
		writer    TEXT NOT NULL,
		seq       INTEGER NOT NULL,
		at        INTEGER NOT NULL,
		kind      TEXT NOT NULL,
		session   TEXT,
		principal BLOB,
		address   BLOB,
		body      BLOB NOT NULL,
		mac       BLOB NOT NULL,
		PRIMARY KEY (writer, seq)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX audit_by_time ON audit (at, writer, seq);
	CREATE INDEX audit_by_kind ON audit (kind, at, writer, seq);
	CREATE INDEX audit_by_session ON audit (session, at, writer, seq) WHERE session IS NOT NULL;
	CREATE INDEX audit_by_principal ON audit (principal, at, writer, seq) WHERE principal IS NOT NULL;
	CREATE INDEX audit_by_address ON audit (address, at, writer, seq) WHERE address IS NOT NULL;
	CREATE TABLE audit_keys (
		owner BLOB PRIMARY KEY,
		at    INTEGER NOT NULL,
		key   BLOB NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX audit_keys_by_time ON audit_keys (at)`},
}

// fillSeen copies the time of the last use of anonymous sessions to its column.
func fillSeen(ctx context.Context, c *sql.Conn) error {
	for after := int64(-1); ; {
		seen, err := seenAfter(ctx, c, &after)
		if err != nil || len(seen) == 0 {
			return err
		}
		for n, us := range seen {
			if _, err := c.ExecContext(ctx, `UPDATE sessions SET seen = ? WHERE n = ?`, us, n); err != nil {
				return err
			}
		}
	}
}

// seenAfter reads when some more of the anonymous sessions were used.
func seenAfter(ctx context.Context, c *sql.Conn, after *int64) (map[int64]int64, error) {
	rows, err := c.QueryContext(ctx, `SELECT n, id, principal, record FROM sessions
		WHERE n > ? AND ended = 0 AND principal = x'' ORDER BY n LIMIT ?`, *after, chunk)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	seen := map[int64]int64{}
	for rows.Next() {
		r, err := scan(rows, after)
		if err != nil {
			return nil, err
		}
		seen[*after] = r.Seen.UnixMicro()
	}
	return seen, rows.Err()
}

// recount makes the counts right, should a program of an older version have
// written to the file.
const recount = `UPDATE state SET (records, anonymous, tombstones) = (r, a, t) FROM (SELECT
	(SELECT count(*) FROM sessions) AS r,
	(SELECT count(*) FROM sessions WHERE ended = 0 AND principal = x'') AS a,
	(SELECT count(*) FROM sessions WHERE ended > 0) AS t)
	WHERE (records, anonymous, tombstones) <> (r, a, t)`

// never is the instant of what does not happen.
const never = math.MaxInt64

// overAt is the instant from which the record is over.
func overAt(r *satra.Record) int64 {
	if r.Ended != nil {
		return r.Ended.At.UnixMicro()
	}
	if end, _ := r.Expiry(); !end.IsZero() {
		return end.UnixMicro()
	}
	return never
}

// A marking is what a file says of itself.
type marking struct {
	application, version, tables int
}

// querier is what a connection and a pool of them have in common.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readMarking(ctx context.Context, q querier) (m marking, err error) {
	err = q.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`).
		Scan(&m.application, &m.version, &m.tables)
	return m, err
}

// fresh reports whether nobody has written anything to the file yet.
func (m marking) fresh() bool { return m == marking{} }

// check returns why the file is not for us, or nil.
func (m marking) check() error {
	switch {
	case m.fresh():
		return nil
	case m.application != applicationID:
		return fmt.Errorf("it is a database of another program (application_id %d, want %d)", m.application, applicationID)
	case m.version < 1:
		return fmt.Errorf("it has no version")
	case m.version > schemaVersion:
		return fmt.Errorf("it was written by a newer version of sqlitestore (schema %d, this one knows up to %d)", m.version, schemaVersion)
	}
	return nil
}

// migrate brings the file up to the present schema and counts what is in it, in
// one transaction, so that of several processes that open a new file one does it.
func migrate(ctx context.Context, c *sql.Conn) (err error) {
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			c.ExecContext(ctx, "ROLLBACK")
		}
	}()
	m, err := readMarking(ctx, c)
	if err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	for _, m := range migrations[m.version:] {
		if _, err := c.ExecContext(ctx, m.schema); err != nil {
			return err
		}
		if m.fill != nil {
			if err := m.fill(ctx, c); err != nil {
				return err
			}
		}
	}
	last := recount + ";\nCOMMIT"
	if m.version < len(migrations) {
		last = fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;\n", applicationID, schemaVersion) + last
	}
	if _, err := c.ExecContext(ctx, last); err != nil {
		return err
	}
	return nil
}
