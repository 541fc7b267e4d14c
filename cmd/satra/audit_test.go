package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/sqlitestore"
)

// A kept is an audit log in files, and the flags that name it.
type kept struct {
	dir   string
	flags []string
}

// newLog writes a log of two processes, the first of which was killed.
func newLog(t *testing.T) *kept {
	t.Helper()
	k := &kept{dir: t.TempDir()}
	db, keys, heads := filepath.Join(k.dir, "audit.db"), filepath.Join(k.dir, "audit-keys"), filepath.Join(k.dir, "heads.jsonl")
	k.flags = []string{"-store", "sqlite:" + db, "-keys", keys}
	expect(t, exitOK, []string{"was made"}, "audit", "key", "-keys", keys)
	ring, err := audit.ReadKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := audit.OpenCheckpointFile(heads)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		l, err := audit.Open(t.Context(), s, &audit.Options{Keys: ring, Node: "node", Checkpoints: f})
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"asha", "ravi", "asha"} {
			e := audit.Entry{Kind: satra.EventSignedIn, Session: satra.ID{byte(i + 1)}, Principal: who, Detail: "=passphrase\x1b[2J"}
			if err := l.Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kept) run(command string, args ...string) []string {
	return append(append([]string{"audit", command}, k.flags...), args...)
}

func TestShowTailAndExport(t *testing.T) {
	k := newLog(t)
	shown := expect(t, exitOK, []string{"signed_in", "of asha", `=passphrase\x1b[2J`}, k.run("show", "-principal", "asha", "-n", "3")...)
	if strings.Count(shown, "\n") != 3 || strings.Contains(shown, "ravi") || strings.Contains(shown, "\x1b") {
		t.Errorf("got %q, want three lines of asha", shown)
	}
	expect(t, exitOK, []string{"There are no such entries."}, k.run("show", "-principal", "nobody")...)
	expect(t, exitOK, []string{"There are no such entries."}, k.run("show", "-until", "24h")...)
	tail := expect(t, exitOK, []string{"audit_closed"}, k.run("tail", "-n", "2")...)
	if strings.Count(tail, "\n") != 2 {
		t.Errorf("got %q, want two lines", tail)
	}
	_, lines, _ := program(t, k.run("export", "-kind", "signed_in")...)
	if n := strings.Count(lines, "\n"); n != 6 {
		t.Errorf("got %d lines: %s", n, lines)
	}
	for line := range strings.Lines(lines) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	out := filepath.Join(k.dir, "out.csv")
	expect(t, exitOK, []string{"6 entries were written to " + out}, k.run("export", "-kind", "signed_in", "-format", "csv", "-o", out)...)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 7 || !strings.Contains(string(text), "'=passphrase") {
		t.Errorf("got %d rows, %v:\n%s", len(rows), err, text)
	}
	expect(t, exitProblem, []string{"exists"}, k.run("export", "-o", out)...)
}

// TestShowingWhatAFindingNames looks entries up by their places.
func TestShowingWhatAFindingNames(t *testing.T) {
	k := newLog(t)
	_, lines, _ := program(t, k.run("export", "-principal", "ravi")...)
	var places []string
	for line := range strings.Lines(lines) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		places = append(places, fmt.Sprintf("%s/%d", e.Writer, e.Seq))
	}
	if len(places) != 2 {
		t.Fatalf("got %d entries: %s", len(places), lines)
	}
	none := places[0][:strings.LastIndexByte(places[0], '/')] + "/900"
	got := expect(t, exitOK, nil, k.run("show", "-entry", strings.Join(append(places, none), ", "))...)
	shown := strings.Split(got, "\n")
	for i, place := range places {
		if !strings.HasPrefix(shown[i], place+"  ") || !strings.Contains(shown[i], "signed_in  of ravi") {
			t.Errorf("%s: got %q", place, shown[i])
		}
	}
	if want := none + "  There is no such entry."; len(shown) != 4 || shown[2] != want {
		t.Errorf("got %q, want %q", shown[2:], want)
	}
	for _, bad := range []string{"", "node/x", "/7", "node/0", "node/1,"} {
		expect(t, exitUsage, []string{"is no place"}, k.run("show", "-entry", bad)...)
	}
}

// TestTailGoesOn has entries come while tail looks.
func TestTailGoesOn(t *testing.T) {
	k := newLog(t)
	ctx, cancel := context.WithCancel(t.Context())
	w := &notices{want: "later", found: make(chan struct{})}
	code := make(chan int, 1)
	go func() { code <- run(ctx, k.run("tail", "-f", "-n", "1"), w, os.Stderr) }()
	ring, err := audit.ReadKeys(filepath.Join(k.dir, "audit-keys"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(filepath.Join(k.dir, "audit.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := audit.Open(t.Context(), s, &audit.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(context.Background())
	if err := l.Record(t.Context(), audit.Entry{Kind: "later"}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.found:
	case <-time.After(30 * time.Second):
		t.Error("tail does not show what comes")
	}
	cancel()
	if got := <-code; got != exitOK {
		t.Errorf("got exit code %d, want 0 for a tail that was stopped", got)
	}
}

// notices closes found once a text was written.
type notices struct {
	want  string
	text  strings.Builder
	found chan struct{}
	done  bool
}

func (n *notices) Write(p []byte) (int, error) {
	n.text.Write(p)
	if !n.done && strings.Contains(n.text.String(), n.want) {
		n.done = true
		close(n.found)
	}
	return len(p), nil
}

func TestErasingSomebody(t *testing.T) {
	k := newLog(t)
	expect(t, exitUsage, []string{"-actor is missing"}, k.run("erase", "asha")...)
	expect(t, exitOK, []string{"cannot be read any more"}, k.run("erase", "asha", "-actor", "operator")...)
	shown := expect(t, exitOK, []string{"(its personal part was erased)", "by operator"}, k.run("show")...)
	if strings.Contains(shown, "asha") || !strings.Contains(shown, "of ravi") {
		t.Errorf("got %s", shown)
	}
	expect(t, exitOK, []string{"The log is as it was written."}, k.run("verify", "-heads", filepath.Join(k.dir, "heads.jsonl"))...)
}

// TestErasingCutsNothing erases somebody in a log that is older than the usual
// retention, and kept for ever.
func TestErasingCutsNothing(t *testing.T) {
	k := newLog(t)
	ring, err := audit.ReadKeys(filepath.Join(k.dir, "audit-keys"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlitestore.Open(filepath.Join(k.dir, "audit.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-3 * 365 * 24 * time.Hour)
	l, err := audit.Open(t.Context(), s, &audit.Options{Keys: ring, Retention: satra.Never, Now: func() time.Time { return long }})
	if err == nil {
		err = l.Record(t.Context(), audit.Entry{Kind: "old", Principal: "asha", Detail: "secret"})
	}
	if err = errors.Join(err, l.Close(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	expect(t, exitOK, nil, k.run("erase", "asha", "-actor", "operator")...)
	shown := expect(t, exitOK, []string{"old", "signed_in"}, k.run("show")...)
	if strings.Contains(shown, "secret") || strings.Contains(shown, "asha") {
		t.Errorf("an old entry is still told: %s", shown)
	}
}

func TestALogThatIsNotThereIsNotMade(t *testing.T) {
	k := newLog(t)
	none := filepath.Join(k.dir, "none.db")
	expect(t, exitProblem, []string{"there is no log"}, "audit", "verify", "-store", "sqlite:"+none, "-keys", k.flags[3], "-heads", "")
	if _, err := os.Stat(none); err == nil {
		t.Error("a file was made")
	}
	expect(t, exitProblem, []string{"no such file"}, k.run("verify", "-heads", none)...)
	for _, wrong := range [][]string{{"-session", "x"}, {"-address", "x"}, {"-from", "yesterday"}, {"-n", "0"}} {
		expect(t, exitUsage, []string{wrong[0]}, k.run("show", wrong...)...)
	}
	expect(t, exitUsage, []string{"neither jsonl nor csv"}, k.run("export", "-format", "xml")...)
}
