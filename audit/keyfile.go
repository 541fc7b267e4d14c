package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// ReadKeys reads a file of keys: one a line, the oldest first, as [Key.Secret]
// writes them; empty lines, and those that begin with #, do not count. A file
// that others than its owner may use is refused.
func ReadKeys(path string) (*Ring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if others := info.Mode().Perm() & 0o077; others != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("audit: %s: others than its owner may use it (mode %#o): chmod 600 %[1]s", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var keys []Key
	for n, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		k, err := ParseKey(string(line))
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n+1, err)
		}
		keys = append(keys, k)
	}
	ring, err := NewRing(keys...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ring, nil
}

// CreateKeys makes a file with one key, and reports whether it did: a file that
// is there already stays as it is. Of several that call it at once one makes the
// file.
func CreateKeys(path string) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, fmt.Errorf("audit: %w", err)
	}
	// Written whole beside its place, and linked there: nobody reads half a key.
	next, err := os.CreateTemp(filepath.Dir(path), ".keys-*")
	if err != nil {
		return false, fmt.Errorf("audit: %w", err)
	}
	defer os.Remove(next.Name())
	defer next.Close()
	_, err = fmt.Fprintf(next, "# Keys of the audit log, the oldest first: ID and secret. The last one seals.\n%s\n", NewKey().Secret())
	if err == nil {
		err = next.Sync()
	}
	if err == nil {
		err = os.Link(next.Name(), path)
	}
	switch {
	case errors.Is(err, os.ErrExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("audit: %w", err)
	}
	return true, nil
}

// AddKey adds a new key to the file, which seals from the next start of each
// program, and returns its ID.
func AddKey(path string) (id string, err error) {
	if _, err := ReadKeys(path); err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	k := NewKey()
	if _, err = fmt.Fprintf(f, "\n%s\n", k.Secret()); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	return k.ID(), nil
}
