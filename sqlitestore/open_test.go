package sqlitestore

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

func TestOpenNamesAllThatIsWrong(t *testing.T) {
	_, err := Open("", &Options{Capacity: -1, MaxRecord: -1, Timeout: time.Millisecond})
	for _, want := range []string{"the path is empty", "Capacity is -1 records, want", "MaxRecord is -1, want", "Timeout is 1ms, want"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
	for _, path := range []string{":memory:", "file:x.db?mode=memory", "a\x00b", t.TempDir()} {
		if s, err := Open(path, nil); err == nil {
			closed(t, s)
			t.Errorf("Open(%q): got no error", path)
		}
	}
}

func TestAPathIsAPathWhateverIsInIt(t *testing.T) {
	for _, name := range []string{"a b", "a?mode=memory", "100%41", "a#b", "ü", "a&_pragma=x", "a;b", "'"} {
		path := filepath.Join(t.TempDir(), name)
		s := opened(t, path, patient())
		id := created(t, s).ID
		closed(t, s)
		found(t, opened(t, path, patient()), id)
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Others have no right to what holds everybody's values.
func TestOnlyTheOwnerReadsTheFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "twice")
	path := filepath.Join(dir, "sessions.db")
	s := opened(t, path, patient())
	created(t, s)
	mode := func(path string, want os.FileMode) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}
	mode(dir, 0o700)
	mode(filepath.Dir(dir), 0o700)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		mode(path+suffix, 0o600)
	}
	closed(t, s)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	opened(t, path, patient())
	mode(path, 0o600)
}

func TestTheSettingsAreReadBack(t *testing.T) {
	s := opened(t, newPath(t), &Options{Timeout: 4 * time.Second})
	resume := pause(t, s)
	defer resume()
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "fullfsync": "1", "busy_timeout": "2000", "secure_delete": "1", "trusted_schema": "0",
	} {
		var got string
		if err := s.conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", name, got, err, want)
		}
	}
	// What is not as it should be is found.
	if _, err := s.conn.ExecContext(t.Context(), "PRAGMA synchronous = NORMAL"); err == nil {
		err = readBack(t.Context(), s.conn, s.options.Timeout)
		if err == nil || !strings.Contains(err.Error(), "PRAGMA synchronous is 1, want 2") {
			t.Errorf("synchronous=NORMAL is not found: %v", err)
		}
	}
}

// raw opens a file as any program would.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestAFileThatIsNotForUsIsNotTouched(t *testing.T) {
	for _, c := range []struct {
		name, want string
		unusable   bool // also satra.ErrUnavailable
		make       func(path string)
	}{
		{"another program's", "it is a database of another program", true, func(path string) {
			raw(t, path, "CREATE TABLE notes (text)", "INSERT INTO notes VALUES ('mine')")
		}},
		{"another program's, in WAL mode", "it is a database of another program", true, func(path string) {
			raw(t, path, "PRAGMA journal_mode = WAL", "PRAGMA application_id = 7", "CREATE TABLE sessions (id)")
		}},
		{"a newer version's", "newer version of sqlitestore (schema 999", true, func(path string) {
			closed(t, opened(t, path, patient()))
			raw(t, path, "PRAGMA user_version = 999")
		}},
		{"no database at all", "file is not a database", true, func(path string) {
			os.WriteFile(path, bytes.Repeat([]byte("The quick brown fox. "), 1000), 0o600)
		}},
		{"one with a hole", "is damaged", false, func(path string) {
			s := opened(t, path, patient())
			for range 50 {
				created(t, s)
			}
			closed(t, s)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copy(b[len(b)/2:], bytes.Repeat([]byte{0xa5}, 8192))
			os.WriteFile(path, b, 0o600)
		}},
		{"one that was cut short", "", false, func(path string) {
			s := opened(t, path, patient())
			for range 50 {
				created(t, s)
			}
			closed(t, s)
			os.Truncate(path, 6000)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := newPath(t)
			c.make(path)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			s, err := Open(path, patient())
			if err == nil {
				closed(t, s)
				t.Fatal("Open: got no error")
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %q, want the path and %q in it", err, c.want)
			}
			if c.unusable && !errors.Is(err, satra.ErrUnavailable) {
				t.Errorf("got error %q, want ErrUnavailable in it", err)
			}
			after, _ := os.ReadFile(path)
			if info, _ := os.Stat(path); !bytes.Equal(before, after) || info.Mode().Perm() != 0o640 {
				t.Errorf("the file was touched: %d bytes before, %d after, mode %o", len(before), len(after), info.Mode().Perm())
			}
		})
	}
}

// A program that has ended leaves one file, which can be copied.
func TestCloseLeavesOneFile(t *testing.T) {
	path := newPath(t)
	s := opened(t, path, patient())
	id := created(t, s).ID
	s.touch(id, touching(time.Minute))
	closed(t, s)
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + suffix); !os.IsNotExist(err) {
			t.Errorf("after Close: %s is there, %v", suffix, err)
		}
	}
	if got := found(t, opened(t, path, patient()), id); !got.Seen.Equal(t0.Add(time.Minute)) {
		t.Errorf("after Close: seen %v after t0, want the touch that waited", got.Seen.Sub(t0))
	}
}

func TestAnEmptyFileIsANewOne(t *testing.T) {
	path := newPath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	created(t, opened(t, path, patient()))
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	path := newPath(t)
	const many = 8
	results := make(chan *Store, many)
	for range many {
		go func() {
			s, err := Open(path, patient())
			if err != nil {
				t.Errorf("Open: %v", err)
			}
			results <- s
		}()
	}
	var all []*Store
	for range many {
		if s := <-results; s != nil {
			defer closed(t, s)
			all = append(all, s)
		}
	}
	if len(all) < many {
		return
	}
	for _, s := range all {
		id := created(t, s).ID
		for _, other := range all {
			found(t, other, id)
		}
	}
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	s := opened(t, newPath(t), patient())
	r := created(t, s)
	over := make(chan error, 1)
	begun := make(chan struct{}, 1)
	go func() { over <- s.Watch(t.Context(), func(satra.Notice) { begun <- struct{}{} }) }()
	<-begun
	closed(t, s)
	closed(t, s)
	_, listErr := s.List(t.Context(), satra.Query{At: t0, Limit: 1})
	_, stateErr := s.Principal(t.Context(), "alice")
	_, applyErr := s.Apply(t.Context(), r.ID, ending(satra.ReasonSignedOut))
	for what, err := range map[string]error{
		"Create": s.Create(t.Context(), newRecord()), "List": listErr, "Principal": stateErr, "Apply": applyErr,
		"Backup": s.Backup(t.Context(), newPath(t)), "Watch": <-over,
	} {
		if !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("%s of a closed store: got error %v, want ErrUnavailable", what, err)
		}
	}
}
