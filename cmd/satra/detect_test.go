package main

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
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
	words := []string{"1  guessing_account", "10 sign-ins of one account were refused within 1m", "Account asha. Would be: record"}
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
