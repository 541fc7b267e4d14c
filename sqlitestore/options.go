package sqlitestore

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Options of a [Store]. The zero value is a good choice.
type Options struct {
	// Shared makes every read that has to be fresh read the file, so that it sees
	// what another process wrote a moment ago, and touches wait for the disk as
	// every other change does. Without it such reads may be 50 ms behind other
	// processes. This process's own changes are seen at once in either case.
	Shared bool

	// Capacity bounds the records kept, tombstones included. Anonymous sessions
	// take at most half of it, tombstones a quarter. Full, the file lets the least
	// recently used anonymous session go for a new one, and otherwise refuses it with
	// satra.ErrFull: a signed-in session never vanishes. Each process goes by its own.
	// Default 1,048,576: some 400 MB of disk when full, and what the values take.
	Capacity int

	// MaxRecord bounds the values of one record, in bytes of their keys and
	// data. Default 1 MiB; at most 256 MiB.
	MaxRecord int

	// Cache bounds the memory for records that were read or written lately, in
	// bytes. Default 32 MiB; a negative number is no cache.
	Cache int

	// Timeout bounds the wait for the file, when the disk hangs or another process
	// holds the lock: then the answer is satra.ErrUnavailable. Half of it is spent
	// on waiting for a lock. Default 5 s; at least 100 ms.
	Timeout time.Duration

	// Now is the clock that Now tells. Default time.Now.
	Now func() time.Time
}

const (
	minTimeout     = 100 * time.Millisecond
	defaultTimeout = 5 * time.Second
	maxMaxRecord   = 256 << 20

	defaultCapacity = 1 << 20
)

// complete returns the options with the defaults filled in, or all that is
// wrong with them.
func (o *Options) complete() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Capacity == 0 {
		c.Capacity = defaultCapacity
	}
	if c.MaxRecord == 0 {
		c.MaxRecord = 1 << 20
	}
	if c.Cache == 0 {
		c.Cache = 32 << 20
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	var errs []error
	if c.Capacity < 0 {
		errs = append(errs, fmt.Errorf("sqlitestore: Capacity is %d records, want 1 or more, or 0 for %d", c.Capacity, defaultCapacity))
	}
	if c.MaxRecord < 0 || c.MaxRecord > maxMaxRecord {
		errs = append(errs, fmt.Errorf("sqlitestore: MaxRecord is %d, want 1 to %d bytes, or 0 for 1 MiB", c.MaxRecord, maxMaxRecord))
	}
	if c.Timeout < minTimeout {
		errs = append(errs, fmt.Errorf("sqlitestore: Timeout is %v, want at least %v, or 0 for %v", c.Timeout, minTimeout, defaultTimeout))
	}
	return c, errors.Join(errs...)
}

// absolute returns the path of the file that name means.
func absolute(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("sqlitestore: the path is empty, want that of a file")
	case strings.Contains(name, "\x00"):
		return "", errors.New("sqlitestore: the path has a NUL in it")
	case name == ":memory:" || strings.HasPrefix(name, "file:"):
		return "", fmt.Errorf("sqlitestore: the path is %q, want that of a file: for sessions in memory use memstore", name)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("sqlitestore: %w", err)
	}
	return path, nil
}
