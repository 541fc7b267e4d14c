package pgstore

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schema1 string

//go:embed schema2.sql
var schema2 string

//go:embed schema3.sql
var schema3 string

//go:embed schema4.sql
var schema4 string

// migrations lead from each version of the schema to the next. What has been
// released is never edited.
var migrations = []string{schema1, schema2, schema3, schema4}

// in puts the name of the schema into a statement.
func (s *Store) in(statement string) string {
	return strings.ReplaceAll(statement, "{schema}", s.schema)
}

// lockKey is the key of an advisory lock. Locks are the database's, and others may
// use some too: two that share a key by chance wait for one another, and that is
// all.
func (s *Store) lockKey(what, name string) int64 {
	h := sha256.New()
	for _, part := range []string{"satra", s.schema, what, name} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// migrate brings the schema up to date. Nodes that open at once wait for one
// another.
func (s *Store) migrate(ctx context.Context, conn *pgxpool.Conn) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		run := func(statements string) error {
			_, err := conn.Conn().PgConn().Exec(ctx, s.in(statements)).ReadAll()
			return err
		}
		if err := run("set local statement_timeout = 0"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1::bigint)", s.lockKey("migrate", "")); err != nil {
			return err
		}
		version, err := s.version(ctx, tx, run)
		if err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("the schema %q is of version %d, and this program knows versions up to %d: run a newer one", s.schema, version, len(migrations))
		}
		for _, m := range migrations[version:] {
			if err := run(m); err != nil {
				return err
			}
		}
		if version == len(migrations) {
			return nil
		}
		_, err = tx.Exec(ctx, s.in("update {schema}.version set version = $1::int"), len(migrations))
		return err
	})
}

// version returns the version of the schema, which it creates if need be: a role
// that may not create one can be given one.
func (s *Store) version(ctx context.Context, tx pgx.Tx, run func(string) error) (version int, err error) {
	var schema, table bool
	err = tx.QueryRow(ctx, "select to_regnamespace($1::text) is not null, to_regclass($2::text) is not null", s.schema, s.schema+".version").Scan(&schema, &table)
	switch {
	case err != nil:
		return 0, err
	case !schema:
		return 0, run("create schema {schema}")
	case !table:
		return 0, nil
	}
	err = tx.QueryRow(ctx, s.in("select version from {schema}.version")).Scan(&version)
	return version, err
}
