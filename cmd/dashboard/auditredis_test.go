package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/redisstore"
)

// TestTheAuditLogInRedis has two nodes with the same keys keep their log on one server,
// and each shows what happened on the other.
func TestTheAuditLogInRedis(t *testing.T) {
	server := testserver.StartRedis(t, false)
	one, two := t.TempDir(), t.TempDir()
	if _, err := add(t, passphrase, "-data-dir", one, "-add-account", "asha"); err != nil {
		t.Fatal(err)
	}
	keysFile := filepath.Join(one, "audit-keys")
	flags := []string{"-audit", server.URL(), "-audit-keys", keysFile, "-database", "sqlite:" + filepath.Join(one, "app.db")}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	here := start(t, ctx, one, flags...)
	there := start(t, ctx, two, flags...)
	if !strings.Contains(here.report, "the audit log's server: appendonly no") || !strings.Contains(here.report, "kept for 365 days") {
		t.Errorf("the report does not tell of the log's server:\n%s", here.report)
	}
	first, second := browser(t), browser(t)
	signIn(t, first, here.origin, "asha")
	signIn(t, second, there.origin, "asha")
	activity(t, first, here.origin, 2)
	activity(t, second, there.origin, 2)
	cancel()
	here.wantEnd()
	there.wantEnd()
	if _, err := os.Stat(filepath.Join(one, "audit.db")); err == nil {
		t.Error("a log was made in the data directory, too")
	}

	keys, err := audit.ReadKeys(keysFile)
	if err != nil {
		t.Fatal(err)
	}
	s, err := redisstore.Open(t.Context(), server.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := audit.NewReader(s, keys)
	report, err := r.Verify(t.Context(), nil, nil)
	if err != nil || len(report.Findings) > 0 || report.Chains != 2 {
		t.Errorf("the log of two nodes: got %+v, %v, want two chains and no finding", report, err)
	}
	entries, err := r.Entries(t.Context(), audit.Filter{Kind: satra.EventSignedIn})
	if err != nil || len(entries) != 2 || entries[0].Detail != "passphrase" || entries[0].Address.String() != "127.0.0.1" {
		t.Errorf("got %+v, %v, want two sign-ins by passphrase", entries, err)
	}
}
