package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/redisstore"
)

// TestTheAuditLogInRedis runs each command on a log that a server keeps, beside
// sessions, which the store's own commands still see alone.
func TestTheAuditLogInRedis(t *testing.T) {
	server := testserver.StartRedis(t, true)
	keys := filepath.Join(t.TempDir(), "audit-keys")
	expect(t, exitOK, []string{"was made"}, "audit", "key", "-keys", keys)
	ring, err := audit.ReadKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	s, err := redisstore.Open(t.Context(), server.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := audit.Open(t.Context(), s, &audit.Options{Keys: ring, Node: "node"})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"asha", "ravi"} {
		if err := l.Record(t.Context(), audit.Entry{Kind: satra.EventSignedIn, Session: satra.ID{1}, Principal: who, Detail: "passphrase"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := func(status int, want []string, args ...string) string {
		t.Helper()
		args = append(args[:2:2], append([]string{"-store", server.URL(), "-keys", keys}, args[2:]...)...)
		return expect(t, status, want, args...)
	}
	run(exitOK, []string{"4 entries in 1 chains", "The log is as it was written."}, "audit", "verify", "-heads", "")
	run(exitOK, []string{"of asha", "of ravi"}, "audit", "tail")
	if shown := run(exitOK, []string{"signed_in", "of asha"}, "audit", "show", "-principal", "asha"); strings.Contains(shown, "ravi") {
		t.Errorf("asha's entries tell of ravi: %s", shown)
	}
	run(exitOK, []string{`"principal":"ravi"`}, "audit", "export")
	run(exitOK, []string{"cannot be read any more"}, "audit", "erase", "-actor", "meera", "ravi")
	if left := run(exitOK, []string{`"principal":"asha"`}, "audit", "export"); strings.Contains(left, `"principal":"ravi"`) {
		t.Errorf("who was erased is still told of: %s", left)
	}
	run(exitOK, []string{"The log is as it was written."}, "audit", "verify", "-heads", "")
	expect(t, exitOK, nil, "store", "check", server.URL())
	to := "sqlite:" + filepath.Join(t.TempDir(), "to.db")
	expect(t, exitOK, []string{"0 "}, "store", "copy", server.URL(), to)

	server.CLI("zremrangebyrank", "satra:{audit}rows", "1", "1")
	run(exitProblem, []string{"removed"}, "audit", "verify", "-heads", "")
	server.CLI("eval", "local r = redis.call('ZRANGE', 'satra:{audit}rows', 0, 0)[1] return redis.call('ZADD', 'satra:{audit}rows', 1, r)", "0")
	run(exitProblem, []string{"by hand"}, "audit", "verify", "-heads", "")
}
