package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// readers is how many connections read side by side.
const readers = 4

// Open opens the file, or makes a new one, which its owner only can read. A
// folder that is missing is made, for the owner only as well. nil options are the
// defaults. A file that is not ours, too new or damaged is not touched: the
// error names it. To find damage Open reads the whole file, at some hundred
// megabytes a second. The store is to be closed.
func Open(name string, o *Options) (*Store, error) {
	options, err := o.complete()
	path, pathErr := absolute(name)
	if err := errors.Join(pathErr, err); err != nil {
		return nil, err
	}
	opening.Lock()
	defer opening.Unlock()
	s, err := open(path, options)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: %s: %w", path, err)
	}
	return s, nil
}

// opening is held while a file is opened. Who makes a new one closes it again, and
// on Unix that gives up all locks that this process has on it.
var opening sync.Mutex

func open(path string, o Options) (*Store, error) {
	made, err := makeFile(path)
	if err != nil {
		return nil, err
	}
	if !made {
		if err := probe(path, o.Timeout); err != nil {
			return nil, err
		}
		if err := protect(path); err != nil {
			return nil, err
		}
	}
	s := newStore(path, o)
	if err := s.connect(); err != nil {
		s.disconnect()
		return nil, unavailable("cannot be opened", err)
	}
	go s.write()
	return s, nil
}

// makeFile makes an empty file, unless there is one. It opens none that is
// there: to close it again would give up the locks that SQLite has on it in
// this process.
func makeFile(path string) (made bool, err error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return false, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is not a file")
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// makeFolder makes the folder and those above it that are missing, so that they
// are still there after a power cut.
func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder durable, on systems that can.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil // it may be entered and not read: then it is not ours
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// protect takes the rights of others away from a file of ours.
func protect(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(path+suffix, 0o600); err != nil {
			return fmt.Errorf("others than its owner may read it: %w", err)
		}
	}
	return nil
}

// probe looks at a file without changing it, and returns why it cannot be used.
func probe(path string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), 100*timeout)
	defer cancel()
	db, err := sql.Open("sqlite", dsn(path, "ro", timeout))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	m, err := readMarking(ctx, db)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return unavailable("cannot be used", err)
	}
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return unavailable("is damaged", err)
	}
	if found != "ok" {
		return fmt.Errorf("is damaged: %s", strings.TrimSpace(found))
	}
	return nil
}

// settings are the pragmas of a connection and what they read back as.
func settings(timeout time.Duration) []setting {
	return []setting{
		{"busy_timeout", fmt.Sprint(busyTimeout(timeout).Milliseconds())},
		{"synchronous", "2"},          // FULL: a commit waits for the fsync of the WAL
		{"fullfsync", "1"},            // macOS: past the disk's own cache
		{"checkpoint_fullfsync", "1"}, //
		{"secure_delete", "1"},        // values that were deleted are overwritten
		{"trusted_schema", "0"},       // the file's schema runs nothing
		{"journal_size_limit", "8388608"},
	}
}

// A setting is a pragma's name and value.
type setting struct{ name, value string }

func busyTimeout(timeout time.Duration) time.Duration { return timeout / 2 }

// dsn names the file for the driver.
func dsn(path, mode string, timeout time.Duration) string {
	q := url.Values{"mode": {mode}, "_dqs": {"0"}, "_defensive": {"1"}}
	for _, s := range settings(timeout) {
		q.Add("_pragma", fmt.Sprintf("%s(%s)", s.name, s.value))
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	return "file://" + (&url.URL{Path: slashed}).EscapedPath() + "?" + q.Encode()
}

// readBack holds a connection to its settings.
func readBack(ctx context.Context, q querier, timeout time.Duration) error {
	for _, s := range append(settings(timeout), setting{"journal_mode", "wal"}) {
		var got string
		if err := q.QueryRowContext(ctx, "PRAGMA "+s.name).Scan(&got); err != nil {
			return fmt.Errorf("PRAGMA %s: %w", s.name, err)
		}
		if got != s.value {
			return fmt.Errorf("PRAGMA %s is %s, want %s", s.name, got, s.value)
		}
	}
	return nil
}

// connect opens the connections, and leaves the file ready for use.
func (s *Store) connect() (err error) {
	ctx := context.Background()
	if s.writerDB, err = sql.Open("sqlite", dsn(s.path, "rw", s.options.Timeout)); err != nil {
		return err
	}
	s.writerDB.SetMaxOpenConns(1)
	if s.conn, err = s.writerDB.Conn(ctx); err != nil {
		return err
	}
	var mode string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if err := readBack(ctx, s.conn, s.options.Timeout); err != nil {
		return err
	}
	if err := migrate(ctx, s.conn); err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.readerDB, err = sql.Open("sqlite", dsn(s.path, "ro", s.options.Timeout)); err != nil {
		return err
	}
	s.readerDB.SetMaxOpenConns(readers)
	s.readerDB.SetMaxIdleConns(readers)
	if err := s.prepareReads(ctx); err != nil {
		return err
	}
	return s.begin(ctx)
}

// disconnect closes what connect has opened, the statements first: a connection
// that has one left does not bring the file and its WAL together.
func (s *Store) disconnect() error {
	var errs []error
	if s.readerDB != nil {
		errs = append(errs, s.readerDB.Close())
	}
	for _, statement := range s.statements.all {
		errs = append(errs, statement.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.writerDB != nil {
		errs = append(errs, s.writerDB.Close())
	}
	return errors.Join(errs...)
}

// unavailable wraps an error of the database. SQLite's messages tell of files
// and statements, never of what is bound to them.
func unavailable(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, satra.ErrUnavailable, err)
}
