package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/satra-sessions/satra"
)

// applicationID marks a file as one of ours: "STRA" in PRAGMA application_id.
const applicationID = 0x53545241

// schemaVersion is what PRAGMA user_version says of a file that this version of
// the package can use: the number of migrations that it has seen.
var schemaVersion = len(migrations)

// migrations lead from each version to the next. What is published is never
// changed.
var migrations = []string{
	// over is the instant from which a session is over, in microseconds, by
	// decision or by time. ended is 0, or the serial number of its end, so that
	// another process finds the ends that it has not heard of.
	`CREATE TABLE sessions (
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
	INSERT INTO state VALUES (1, 0, 0)`,
}

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

// migrate brings the file up to the present schema, in one transaction, so that
// of several processes that open a new file one does it.
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
	steps := append([]string{}, migrations[m.version:]...)
	if len(steps) > 0 {
		steps = append(steps, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion))
	}
	if _, err := c.ExecContext(ctx, strings.Join(append(steps, "COMMIT"), ";\n")); err != nil {
		return err
	}
	return nil
}
