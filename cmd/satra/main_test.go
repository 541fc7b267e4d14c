package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/sqlitestore"
)

// program runs the program, and returns its exit code and what it wrote.
func program(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// expect runs the program and holds it to its exit code and to words in what it
// wrote, on either stream.
func expect(t *testing.T, want int, words []string, args ...string) string {
	t.Helper()
	code, stdout, stderr := program(t, args...)
	all := stdout + stderr
	if code != want {
		t.Errorf("satra %s: got exit code %d, want %d:\n%s", strings.Join(args, " "), code, want, all)
	}
	for _, w := range words {
		if !strings.Contains(all, w) {
			t.Errorf("satra %s: got\n%s\nwant %q in it", strings.Join(args, " "), all, w)
		}
	}
	return all
}

// newFile makes a file of sessions.
func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sessions.db")
	s, err := sqlitestore.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhatIsNotUnderstoodIsSaid(t *testing.T) {
	file := "sqlite:" + newFile(t)
	for _, c := range []struct {
		words []string
		args  []string
	}{
		{[]string{"Usage:", "store check", "store copy"}, nil},
		{[]string{`no command "store"`}, []string{"store"}},
		{[]string{`no command "sotre check"`}, []string{"sotre", "check", "x"}},
		{[]string{"wants STORE, and got 0"}, []string{"store", "check"}},
		{[]string{"wants FROM TO, and got 1"}, []string{"store", "copy", file}},
		{[]string{"-wrong", "-strict"}, []string{"store", "check", "-wrong", file}},
		{[]string{"not the name of a store", "redis://user:password@"}, []string{"store", "check", "mysql://me:hunter2@x"}},
		{[]string{"another program's memory"}, []string{"store", "check", "memory"}},
		{[]string{"the same store"}, []string{"store", "copy", file, file}},
		{[]string{"the same store"}, []string{"store", "copy", file, file + "?shared=1"}},
		{[]string{"-parallel 0"}, []string{"store", "copy", "-parallel", "0", file, "redis://localhost"}},
		{[]string{"TO:", "not the name"}, []string{"store", "copy", file, "hunter2"}},
	} {
		if all := expect(t, exitUsage, c.words, c.args...); strings.Contains(all, "hunter2@") {
			t.Errorf("a password is told: %s", all)
		}
	}
	expect(t, exitOK, []string{"store check"}, "help")
	expect(t, exitOK, []string{"-end-missing", "FROM TO"}, "store", "copy", "-h")
}

func TestAFileIsChecked(t *testing.T) {
	path := newFile(t)
	expect(t, exitOK, []string{path, "integrity          sound", "schema             version", "sessions           0", "journal            wal", "all is well"},
		"store", "check", "-strict", "sqlite:"+path)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, exitProblem, []string{"others than its owner"}, "store", "check", "-strict", "sqlite:"+path)
	expect(t, exitOK, []string{"others than its owner"}, "store", "check", "sqlite:"+path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the check changed the file: %v, %v", info.Mode(), err)
	}

	missing := filepath.Join(t.TempDir(), "none.db")
	expect(t, exitProblem, []string{"no such file"}, "store", "check", "sqlite:"+missing)
	expect(t, exitProblem, []string{"no such file"}, "store", "copy", "sqlite:"+missing, "redis://127.0.0.1:1")
	if _, err := os.Stat(missing); err == nil {
		t.Error("a file was made that was to be looked at")
	}

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.db")
	if err := os.WriteFile(damaged, append(data[:4096:4096], bytes.Repeat([]byte{0xa5}, len(data)-4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, exitProblem, []string{"cannot be used", damaged}, "store", "check", "sqlite:"+damaged)
}

func TestARedisIsChecked(t *testing.T) {
	lasting := testserver.StartRedis(t, true)
	expect(t, exitOK, []string{"reachable          in ", "redis_version", "appendonly         yes", "appendfsync        always",
		"maxmemory-policy   noeviction", "no limit", "evicted_keys       0", "role               master", "clock              ", "all is well"},
		"store", "check", "-strict", lasting.URL())

	weak := testserver.StartRedis(t, false, "--requirepass", "hunter2", "--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb")
	all := expect(t, exitProblem, []string{"[redacted]", "! set it to yes", "! set it to noeviction", "of 100"},
		"store", "check", "-strict", "redis://:hunter2@"+weak.Addr())
	all += expect(t, exitProblem, []string{"cannot be used"}, "store", "check", "redis://:hunter2@127.0.0.1:1")
	if strings.Contains(all, "hunter2") {
		t.Errorf("a password is told:\n%s", all)
	}
}

func TestAPostgresIsCheckedAndNothingIsMadeInIt(t *testing.T) {
	server := testserver.StartPostgres(t)
	url := server.URL("postgres")
	for range 2 { // the check before made nothing
		expect(t, exitProblem, []string{"PostgreSQL ", `schema             "satra" is not there`, "fsync              on", "synchronous_commit on", "clock"},
			"store", "check", "-strict", url)
	}
	weak := testserver.StartPostgres(t, "synchronous_commit=off")
	expect(t, exitOK, []string{"loses what was acknowledged last"}, "store", "check", weak.URL("postgres"))
}

func TestASignalEndsACommand(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"store", "check", "redis://127.0.0.1:1"}, &out, &errs); code != exitStopped {
		t.Errorf("got exit code %d, want %d: %s%s", code, exitStopped, out.String(), errs.String())
	}
}
