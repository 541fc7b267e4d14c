package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/sqlitestore"
)

// TestASavedLogIsReplayed has somebody guess, and replays the log from the store and
// from the lines that were exported.
func TestASavedLogIsReplayed(t *testing.T) {
	k := newLog(t)
	ring, err := audit.ReadKeys(filepath.Join(k.dir, "audit-keys"))
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(k.dir, "audit.db")
	s, err := sqlitestore.Open(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), s, &audit.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	for range 12 {
		e := audit.Entry{Kind: satra.EventSignInRefused, Principal: "asha", Session: satra.ID{1}, Address: netip.MustParseAddr("203.0.113.7"), Count: 1}
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	words := []string{"1  guessing_account", "10 sign-ins of one account were refused within 1m", "Would be: record, account asha", "Sessions that would be asked for a proof: 0, that would be ended: 0."}
	expect(t, exitOK, words, "detect", "replay", "-keys", k.flags[3], "sqlite:"+db)
	out := filepath.Join(k.dir, "out.jsonl")
	expect(t, exitOK, nil, k.run("export", "-o", out)...)
	expect(t, exitOK, words, "detect", "replay", out)

	bad := filepath.Join(k.dir, "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{\"at\":\"2027-01-05T00:00:00Z\",\"kind\":\"x\"}\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, exitProblem, []string{"line 2 is no entry"}, "detect", "replay", bad)
	expect(t, exitProblem, []string{"no such file"}, "detect", "replay", filepath.Join(k.dir, "none"))
	expect(t, exitUsage, []string{"wants FILE|STORE"}, "detect", "replay")
}

// TestAPolicyIsTriedOnASavedLog has a session go to another browser, and a sign-in come
// from far away.
func TestAPolicyIsTriedOnASavedLog(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	log := write("log.jsonl", `{"at":"2027-01-05T04:00:00Z","kind":"signed_in","session":"AQAAAAAAAAAAAAAAAAAAAA","principal":"asha","address":"203.0.113.7","user_agent":"curl/8","writer":"w","seq":1}
{"at":"2027-01-05T04:10:00Z","kind":"extended","session":"AQAAAAAAAAAAAAAAAAAAAA","principal":"asha","address":"203.0.113.7","user_agent":"wget/1","writer":"w","seq":2}
{"at":"2027-01-05T04:30:00Z","kind":"signed_in","session":"AgAAAAAAAAAAAAAAAAAAAA","principal":"asha","address":"198.51.100.9","user_agent":"curl/8","writer":"w","seq":3}
`)
	places := write("places.csv", "# network,latitude,longitude\n203.0.113.0/24,19.1,72.9\n198.51.100.0/24,19.1,72.9\n198.51.100.9/32, 50.1, 8.7\n")
	const want = `3 entries, from 2027-01-05T04:00:00Z to 2027-01-05T04:30:00Z
       1  browser_changed
       1  impossible_travel
2027-01-05T04:10:00Z  browser_changed (strong)
  A session that was used by curl is used by wget, from 203.0.113.7.
  Would be: revoke, session AQAAAAAAAAAAAAAAAAAAAA, account asha
  Entries: w/1,w/2
2027-01-05T04:30:00Z  impossible_travel (weak)
  Two sign-ins are 6562 km apart, from 203.0.113.7 and 198.51.100.9, with 30m between them.
  Would be: step-up, session AgAAAAAAAAAAAAAAAAAAAA, account asha
  Entries: w/1,w/3
Sessions that would be asked for a proof: 1, that would be ended: 1.
`
	var out, problems strings.Builder
	if code := run(t.Context(), []string{"detect", "replay", "-action", "browser_changed=revoke", "-action", "impossible_travel=step-up", "-locate", places, log}, &out, &problems); code != exitOK || out.String() != want {
		t.Errorf("got %d, %s%s, want %s", code, out.String(), problems.String(), want)
	}
	expect(t, exitUsage, []string{"guessing_account may notify at most"}, "detect", "replay", "-action", "guessing_account=revoke", log)
	expect(t, exitUsage, []string{"it is rule=action"}, "detect", "replay", "-action", "guessing_account", log)
	for text, problem := range map[string]string{
		"203.0.113.0/24,19.1,72.9\nnonsense,1,2\n": `line 2: "nonsense" is no network`, "203.0.113.0/24,91,2\n": `line 1: "91" is not between -90 and 90 degrees`,
		"203.0.113.0/24,NaN,2\n": `line 1: "NaN" is not`, "203.0.113.0/24,1\n": "line 1: it has 2 fields", "203.0.113.0/24,\"1,2\n": "line",
	} {
		expect(t, exitProblem, []string{problem}, "detect", "replay", "-locate", write("bad.csv", text), log)
	}
}
