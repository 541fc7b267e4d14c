package accounts

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
)

// migrations lead from each version of the schema to the next. One that was
// released is not changed any more. The tables have names of their own: the
// database may be one that others use.
var migrations = []string{
	`CREATE TABLE dashboard_accounts (
		id      TEXT PRIMARY KEY,
		name    TEXT NOT NULL,
		folded  TEXT NOT NULL UNIQUE,
		phc     TEXT NOT NULL,
		created BIGINT NOT NULL
	)`,
	`CREATE TABLE dashboard_keys (
		name   TEXT PRIMARY KEY,
		secret TEXT NOT NULL
	)`,
}

// schemaLock is the advisory lock of PostgreSQL behind which nodes that start
// at the same time make the schema one after the other.
const schemaLock = 0x73617472615f6170

// migrate brings the schema up to date, all of it or nothing.
func migrate(ctx context.Context, db *sql.DB, onServer bool) error {
	tx, err := db.BeginTx(ctx, nil) // in a file it holds the write lock from here on
	if err != nil {
		return fmt.Errorf("accounts: the database cannot be opened: %w", err)
	}
	defer tx.Rollback()
	if onServer {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(schemaLock)); err != nil {
			return fmt.Errorf("accounts: schema: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS dashboard_schema (version BIGINT PRIMARY KEY)`); err != nil {
		return fmt.Errorf("accounts: schema: %w", err)
	}
	var version int
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM dashboard_schema`).Scan(&version); err != nil {
		return fmt.Errorf("accounts: schema: %w", err)
	}
	if version > len(migrations) {
		return fmt.Errorf("accounts: the database has schema version %d, and this program knows %d: it is older than the one that made it", version, len(migrations))
	}
	for ; version < len(migrations); version++ {
		if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
			return fmt.Errorf("accounts: schema %d: %w", version+1, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO dashboard_schema (version) VALUES ($1)`, version+1); err != nil {
			return fmt.Errorf("accounts: schema %d: %w", version+1, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("accounts: schema: %w", err)
	}
	return nil
}

// Key returns a secret of this database for one purpose, the same on every node
// and after every start. It is made at the first use.
func (b *Book) Key(ctx context.Context, name string) ([]byte, error) {
	_, err := b.db.ExecContext(ctx, `INSERT INTO dashboard_keys (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
		name, rand.Text()+rand.Text())
	if err != nil {
		return nil, fmt.Errorf("accounts: key: %w", err)
	}
	var secret string
	if err := b.db.QueryRowContext(ctx, `SELECT secret FROM dashboard_keys WHERE name = $1`, name).Scan(&secret); err != nil {
		return nil, fmt.Errorf("accounts: key: %w", err)
	}
	return []byte(secret), nil
}
