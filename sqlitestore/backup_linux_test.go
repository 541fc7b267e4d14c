package sqlitestore

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// smallFiles lets no file of this process grow past so many bytes: to SQLite a disk
// without room for more.
func smallFiles(t *testing.T, most uint64) (mended func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // so that a write fails, and not the process
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	limit := func(cur uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: cur, Max: was.Max}); err != nil {
			t.Fatal(err)
		}
	}
	limit(most)
	mended = func() { limit(was.Cur) }
	t.Cleanup(mended)
	return mended
}

// A copy that does not fit is no copy, and costs the sessions nothing.
func TestABackupToAFullDiskLeavesNothing(t *testing.T) {
	s := opened(t, newPath(t), patient())
	r := newRecord()
	r.Values = []satra.Value{{Key: "big", Data: make([]byte, 900_000), Rev: 1}}
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	path := newPath(t)
	mended := smallFiles(t, 200_000)
	err := s.Backup(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want one with the path of the copy", err)
	}
	left, globErr := filepath.Glob(path + "*")
	if len(left) > 0 || globErr != nil {
		t.Errorf("it has left %q, %v; want nothing", left, globErr)
	}
	if got := found(t, s, r.ID); len(got.Values) != 1 {
		t.Errorf("the session has %d values, want 1", len(got.Values))
	}
	mended()
	applied(t, s, r.ID, setValue("a", "1"))
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatalf("Backup, repeated: %v", err)
	}
	if got := found(t, opened(t, path, patient()), r.ID); value(got, "a") != "1" {
		t.Errorf("the copy has %q, want 1", value(got, "a"))
	}
}

// A file that cannot be written can still be copied, unless the copy would lack what
// was acknowledged: a touch that could not be written.
func TestABackupOfAFileThatCannotBeWritten(t *testing.T) {
	for _, c := range []struct{ name, breaks, mends string }{
		{"full", "max_page_count = 1", "max_page_count = 1000000"},
		{"read-only", "query_only = 1", "query_only = 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := opened(t, newPath(t), patient())
			r := created(t, s)
			pragma(t, s, c.breaks)
			path := newPath(t)
			if err := s.Backup(t.Context(), path); err != nil {
				t.Fatalf("Backup: %v", err)
			}
			found(t, opened(t, path, patient()), r.ID)

			pragma(t, s, c.mends)
			resume := pause(t, s)
			s.verified.Store(int64(s.mono() + time.Hour))
			big := *r
			big.LastDevice.UserAgent = strings.Repeat("x", 20_000) // so that it takes another page
			applied(t, s, r.ID, &satra.Change{At: t0, Seen: t0.Add(time.Minute), Device: &big.LastDevice})
			pragma(t, s, c.breaks)
			resume()
			path = newPath(t)
			if err := s.Backup(t.Context(), path); !errors.Is(err, satra.ErrUnavailable) {
				t.Errorf("while a touch cannot be written: got error %v, want ErrUnavailable", err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("it has left a file: %v", err)
			}
			pragma(t, s, c.mends)
			if err := s.Backup(t.Context(), path); err != nil {
				t.Fatalf("Backup, when it can be written again: %v", err)
			}
			if got := found(t, opened(t, path, patient()), r.ID); !got.Seen.Equal(t0.Add(time.Minute)) {
				t.Errorf("the copy: seen %v after t0, want the touch", got.Seen.Sub(t0))
			}
		})
	}
}
