package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// replayed is the file as it is when the power is cut after these lines.
func replayed(t *testing.T, lines string, chance *rand.Rand) string {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "log"), []byte("old."), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := newDisk(root)
	if err != nil {
		t.Fatal(err)
	}
	reader := &traceReader{within: map[string]begunCall{}}
	for line := range strings.Lines(strings.ReplaceAll(lines, "LOG", escaped(root+"/log"))) {
		c, ok, err := reader.read(line)
		if err == nil && ok {
			err = d.take(c)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	folder := filepath.Join(t.TempDir(), "after")
	if err := d.writeTo(folder, chance); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	aAtFour  = `7 pwrite64(5<LOG>, "\x61\x61", 2, 4) = 2` + "\n"
	bAppends = `7 write(5<LOG>, "\x62", 1) = 1` + "\n"
	syncs    = `8 fdatasync(6<LOG>) = 0` + "\n"
	begins   = `8 fsync(6<LOG> <unfinished ...>` + "\n"
	resumes  = `8 <... fsync resumed>)           = 0` + "\n"
	fails    = `8 <... fsync resumed>)           = -1 EIO (Input/output error)` + "\n"
	cBegins  = `9 pwrite64(5<LOG>, "\x63", 1, 0 <unfinished ...>` + "\n"
	cResumes = `9 <... pwrite64 resumed>) = 1` + "\n"
	cuts     = `7 ftruncate(5<LOG>, 2) = 0` + "\n"
	others   = `7 pwrite64(5<\x2f\x78>, "\x61", 1, 0) = 1` + "\n" + `7 write(1<pipe:[1]>, "\x61", 1) = 1` + "\n" +
		`7 --- SIGURG {si_signo=SIGURG} ---` + "\n" + `7 +++ exited with 0 +++` + "\n" + `6 <... write resumed>) = 1` + "\n"
)

func TestWhatWasNotSyncedIsGone(t *testing.T) {
	for lines, want := range map[string]string{
		"":                                "old.",
		aAtFour:                           "old.",
		aAtFour + syncs:                   "old.aa",
		aAtFour + syncs + bAppends:        "old.aa",
		aAtFour + bAppends + syncs:        "old.aab",
		bAppends + bAppends + syncs:       "old.bb",
		aAtFour + begins + resumes:        "old.aa",
		aAtFour + begins:                  "old.",
		aAtFour + begins + fails:          "old.",
		begins + aAtFour + resumes:        "old.",
		cBegins + syncs + cResumes:        "old.",
		cBegins + cResumes + syncs:        "cld.",
		cuts + syncs:                      "ol",
		cuts + aAtFour + syncs:            "ol\x00\x00aa",
		cuts + bAppends + syncs:           "olb",
		others + syncs:                    "old.",
		syncs + aAtFour + cuts:            "old.",
		aAtFour + syncs + cuts + bAppends: "old.aa",
	} {
		if got := replayed(t, lines, nil); got != want {
			t.Errorf("got %q, want %q after\n%s", got, want, lines)
		}
	}
}

func TestChanceLeavesWhatItMay(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for lines, want := range map[string][]string{
		aAtFour:                    {"old.", "old.aa"},
		bAppends + bAppends:        {"old.", "old.b", "old.bb"},
		aAtFour + syncs + bAppends: {"old.aa", "old.aab"},
	} {
		seen := map[string]bool{}
		for range 100 {
			seen[replayed(t, lines, chance)] = true
		}
		for _, w := range want {
			if !seen[w] {
				t.Errorf("never got %q after\n%s", w, lines)
			}
			delete(seen, w)
		}
		for got := range seen {
			t.Errorf("got %q after\n%s", got, lines)
		}
	}
}

func TestATraceThatIsNotWholeIsRefused(t *testing.T) {
	for _, line := range []string{
		`7 pwrite64(5</x/log>, "\x61\x61"..., 2, 4) = 2`,
		`7 pwrite64(5</x/log>, "\x6", 2, 4) = 2`,
		`7 pwrite64(5</x/log>, "\x61", 2, x) = 2`,
	} {
		if _, ok, err := (&traceReader{within: map[string]begunCall{}}).read(line); ok || err == nil {
			t.Errorf("%s: got no error", line)
		}
	}
	d := &disk{root: "/x", files: map[string]*file{}}
	if err := d.take(call{name: "pwritev", path: "/x/log"}); err == nil {
		t.Error("a call that the disk does not know: got no error")
	}
}
