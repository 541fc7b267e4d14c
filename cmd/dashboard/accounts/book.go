package accounts

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// A Book holds the accounts. It is safe for concurrent use.
type Book struct {
	db    *sql.DB
	cost  cost
	dummy string        // a hash that no passphrase has
	turns chan struct{} // one for each hash that is computed
	now   func() time.Time
}

// Options of a [Book]. nil is a good choice.
type Options struct {
	// AtOnce is how many passphrases are hashed at once, 19 MiB each. Default:
	// one for each processor.
	AtOnce int

	// InsecureCheapHashes makes hashes that are quick to compute, and quick to
	// guess. It is for tests.
	InsecureCheapHashes bool

	// Now is a clock for tests. Default time.Now.
	Now func() time.Time
}

// Open opens the database, and makes what it needs there: "sqlite:PATH" is a
// file, made with mode 0600, "postgres://…" a database on a server. Its errors
// hold no password. [Book.Close] closes it.
func Open(ctx context.Context, database string, o *Options) (*Book, error) {
	if o == nil {
		o = &Options{}
	}
	b := &Book{cost: goodCost, now: o.Now}
	if o.InsecureCheapHashes {
		b.cost = cheapCost
	}
	if b.now == nil {
		b.now = time.Now
	}
	switch {
	case o.AtOnce < 0:
		return nil, fmt.Errorf("accounts: Options.AtOnce: %d is negative; 0 is one for each processor", o.AtOnce)
	case o.AtOnce == 0:
		b.turns = make(chan struct{}, runtime.GOMAXPROCS(0))
	default:
		b.turns = make(chan struct{}, o.AtOnce)
	}
	var err error
	if b.db, err = connect(database); err != nil {
		return nil, err
	}
	if err = migrate(ctx, b.db, !strings.HasPrefix(database, "sqlite:")); err == nil {
		b.dummy, err = b.hash(ctx, rand.Text())
	}
	if err != nil {
		return nil, errors.Join(err, b.db.Close())
	}
	return b, nil
}

// Close closes the database.
func (b *Book) Close() error { return b.db.Close() }

func connect(database string) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		return openFile(path)
	}
	if !strings.HasPrefix(database, "postgres://") && !strings.HasPrefix(database, "postgresql://") {
		return nil, errors.New("accounts: want sqlite:PATH or postgres://…")
	}
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, errors.New("accounts: the database's address cannot be read") // the driver's error may hold a password
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(8)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, nil
}

// openFile opens a file that only this program's user can read. What SQLite
// keeps beside it gets the file's own mode.
func openFile(path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	q := url.Values{"mode": {"rw"}, "_dqs": {"0"}, "_defensive": {"1"}, "_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: slashed}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("accounts: %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	return db, nil
}
