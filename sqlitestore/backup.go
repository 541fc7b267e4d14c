package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup copies the file to name, as it is at one moment, while it is in use.
// The copy holds all that was acknowledged before the call; it is as secret as
// the file, can be read by its owner only, and is on the disk when Backup
// returns. A file that is there already is never overwritten, and one that
// could not be finished is removed. It takes as long as it takes: ctx ends it.
func (s *Store) Backup(ctx context.Context, name string) error {
	if s.isClosed() {
		return errClosed
	}
	path, err := absolute(name)
	if err != nil {
		return err
	}
	// Touches that were acknowledged are written first. Without any, a file that
	// cannot be written any more can still be copied.
	if s.cache.touches.Load() > 0 {
		if err := s.do(ctx, "backup", func(*tx) error { return nil }); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("sqlitestore: backup: %w", err)
	}
	defer f.Close()
	if err := s.copyTo(ctx, path, f); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// copyTo fills the empty file. Nobody else has it open, so that it may be synced
// and closed by other means than SQLite.
func (s *Store) copyTo(ctx context.Context, path string, f *os.File) error {
	if _, err := s.readerDB.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("sqlitestore: backup to %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sqlitestore: backup: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}
