package audit

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// nasty are texts that a client may send as its name, its browser or its path.
var nasty = []string{
	"a\nb", "a\r\nfake entry", "\x1b[2J\x1b[31mred", "\x9b31m", "=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "a\",b", "\u202egnp.exe", "\u2028", "\xff\xfe", "a\x00b", "|x", "%0A", "＝1+1", "Mozilla/5.0 (X11;=HYPERLINK(1))", "x; @SUM(A1)",
}

// TestNothingForgesALine prints entries with nasty texts in every field.
func TestNothingForgesALine(t *testing.T) {
	for _, s := range nasty {
		e := Entry{
			At: noon, Kind: satra.Kind(s), Principal: s, Actor: s, Reason: satra.Reason(s), Address: netip.MustParseAddr("192.0.2.1"), UserAgent: s,
			Method: s, Path: s, Request: s, Detail: s, Error: s, Outcome: Outcome(s),
		}.bounded()
		e.Kind = satra.Kind(s) // as somebody may have written it into the database
		line := e.String()
		for _, r := range line {
			if !printable(r) {
				t.Errorf("%q: the line for people has %q: %q", s, r, line)
			}
		}
		var text strings.Builder
		if err := WriteJSON(&text, e); err != nil {
			t.Fatal(err)
		}
		if body, ok := strings.CutSuffix(text.String(), "\n"); !ok || strings.ContainsAny(body, "\r\n\x1b\x00") || !json.Valid([]byte(body)) {
			t.Errorf("%q: the line of JSON is %q", s, text.String())
		}
		text.Reset()
		table := NewCSV(&text)
		if err := table.Write(e); err != nil {
			t.Fatal(err)
		}
		if err := table.Flush(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
		if err != nil || len(rows) != 2 || len(rows[1]) != len(csvColumns) {
			t.Fatalf("%q: got %q, %v", s, rows, err)
		}
		for _, field := range rows[1] {
			if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r|%＝") && !strings.HasPrefix(field, "'") || strings.Contains(field, ";=") || strings.Contains(field, "; @") || strings.ContainsAny(field, "\r\n\x1b") {
				t.Errorf("%q: a spreadsheet takes %q for a formula, or for lines", s, field)
			}
		}
		text.Reset()
		SlogCopy(slog.New(slog.NewJSONHandler(&text, nil)))(e)
		if strings.Count(text.String(), "\n") != 1 || !json.Valid([]byte(text.String())) {
			t.Errorf("%q: the logger writes %q", s, text.String())
		}
	}
}

func TestATableWithoutEntriesHasItsColumns(t *testing.T) {
	var text strings.Builder
	if err := NewCSV(&text).Flush(); err != nil || !strings.HasPrefix(text.String(), "at,kind,") {
		t.Errorf("got %q, %v", text.String(), err)
	}
}

func TestPlain(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "आशा €": "आशा €", "a\nb": `a\nb`, "\x1b[31m": `\x1b[31m`, "\u202ex": `\u202ex`, "\xff": `\xff`, "a\\n": `a\n`,
	} {
		if got := Plain(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// TestCheckpointsAreReadBack writes a file with a torn line, as a crash leaves it.
func TestCheckpointsAreReadBack(t *testing.T) {
	ring := newTestRing(t, 1)
	path := filepath.Join(t.TempDir(), "sub", "heads.jsonl")
	f, err := OpenCheckpointFile(path)
	if err != nil {
		t.Fatal(err)
	}
	point := func(seq int64) Checkpoint {
		return newCheckpoint(ring.active(), noon, "w", []mark{{"w", seq, [macSize]byte{byte(seq)}}})
	}
	if err := f.PutCheckpoint(t.Context(), point(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.f.WriteString(`{"at":"2027-`); err != nil {
		t.Fatal(err)
	}
	if err := f.PutCheckpoint(t.Context(), point(2)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for its owner alone", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	if err := SlogCheckpoints(slog.New(slog.NewJSONHandler(&logged, nil))).PutCheckpoint(t.Context(), point(3)); err != nil {
		t.Fatal(err)
	}
	all, err := ReadCheckpoints(strings.NewReader(string(text) + "some other line\n" + logged.String()))
	if err != nil || len(all) != 3 {
		t.Fatalf("got %v, %v, want three", all, err)
	}
	for i, c := range all {
		if marks, err := ring.marks(c); err != nil || marks[0].seq != int64(i+1) {
			t.Errorf("checkpoint %d: got %v, %v", i+1, marks, err)
		}
		c.At = c.At.Add(time.Second)
		if _, err := ring.marks(c); err == nil {
			t.Error("a checkpoint of another time is believed")
		}
	}
}

func TestKeysInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "audit-keys")
	for i := range 2 {
		if made, err := CreateKeys(path); err != nil || made != (i == 0) {
			t.Fatalf("got %v, %v", made, err)
		}
	}
	first, err := ReadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	id, err := AddKey(path)
	if err != nil {
		t.Fatal(err)
	}
	both, err := ReadKeys(path)
	if err != nil || len(both.IDs()) != 2 || both.IDs()[0] != first.IDs()[0] || both.IDs()[1] != id {
		t.Errorf("got %v, %v, want %v and %s", both.IDs(), err, first.IDs(), id)
	}
	secret := strings.Fields(NewKey().Secret())[1]
	if got := fmt.Sprintf("%v %+v %#v %s", both, *both, both.keys[0].key, both.keys[0].key); strings.Contains(got, secret) || strings.Contains(got, strings.Fields(both.keys[0].key.Secret())[1]) {
		t.Errorf("a key is printed: %s", got)
	}
	for text, want := range map[string]string{
		"": "needs a key", "nonsense\n": "line 1", "00000000 " + secret: "zero", "01020304 " + secret[:20]: "not 32 bytes",
		"01020304 " + strings.Repeat("A", 43) + "=": "not made at random", "# only this\n": "needs a key",
		"01020304 " + secret + "\n01020304 " + secret: "two keys 01020304",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadKeys(path); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%.12q: got %v, want %q", text, err, want)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKeys(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others may read: got %v", err)
	}
}
