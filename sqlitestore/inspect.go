package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// A Finding is what Inspect found out about a file.
type Finding struct {
	Setting string // "integrity", …
	Value   string
	Advice  string // what to do about it; "" if nothing
}

// Inspect looks at a file and changes nothing, also while others use it: whether
// it is ours and sound, which version of the schema it has, and who may read
// it. It reads the whole file, at some hundred megabytes a second. It returns an
// error for a file that Open would refuse, and fs.ErrNotExist for none.
func Inspect(ctx context.Context, name string, o *Options) ([]Finding, error) {
	options, err := o.complete()
	path, pathErr := absolute(name)
	if err := errors.Join(pathErr, err); err != nil {
		return nil, err
	}
	findings, err := inspect(ctx, path, options.Timeout)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: %s: %w", path, err)
	}
	return findings, nil
}

func inspect(ctx context.Context, path string, timeout time.Duration) ([]Finding, error) {
	file, err := inspectFile(path)
	if err != nil {
		return nil, err
	}
	if err := probe(path, timeout); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(path, "ro", timeout))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	m, err := readMarking(ctx, db)
	if err != nil {
		return nil, unavailable("cannot be read", err)
	}
	schema := Finding{Setting: "schema", Value: fmt.Sprintf("version %d", m.version)}
	switch {
	case m.fresh():
		schema.Value, schema.Advice = "none yet", "the first program that opens the file makes it"
	case m.version < schemaVersion:
		schema.Advice = fmt.Sprintf("the next program of this version that opens the file brings it to version %d", schemaVersion)
	}
	var journal string
	var sessions int64
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&journal); err != nil {
		return nil, unavailable("cannot be read", err)
	}
	if !m.fresh() {
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sessions").Scan(&sessions); err != nil {
			return nil, unavailable("cannot be read", err)
		}
	}
	return append(file,
		Finding{Setting: "integrity", Value: "sound"},
		schema,
		Finding{Setting: "sessions", Value: fmt.Sprintf("%d, those that are over and not yet swept included", sessions)},
		Finding{Setting: "journal", Value: journal},
		Finding{Setting: "persistence", Value: "each change is synced before it is acknowledged"},
		Finding{Setting: "clock", Value: "this machine's"},
	), nil
}

// inspectFile tells what there is to see from outside.
func inspectFile(path string) ([]Finding, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no such file: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	size := info.Size()
	if wal, err := os.Stat(path + "-wal"); err == nil {
		size += wal.Size()
	}
	access := Finding{Setting: "access", Value: info.Mode().Perm().String()}
	if info.Mode().Perm()&0o077 != 0 {
		access.Advice = "others than its owner may read or write it; the next program that opens it takes that away"
	}
	return []Finding{{Setting: "size", Value: fmt.Sprintf("%d KiB, with its journal", size>>10)}, access}, nil
}
