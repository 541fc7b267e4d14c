package redisstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/audittest"
	"github.com/satra-sessions/satra/internal/testserver"
)

// auditRights are the rules that docs/stores.md adds for the audit log.
func auditRights(t *testing.T) []string {
	t.Helper()
	return documented(t, "ACL SETUSER satra +")[3:]
}

// TestTheAuditLogsRightsAreEnough runs the suite as the user that docs/stores.md names,
// on a server with an append-only file, which has to be written anew.
func TestTheAuditLogsRightsAreEnough(t *testing.T) {
	server := testserver.StartRedis(t, true)
	set(server, append(leastRights(t), auditRights(t)...))
	address := strings.Replace(server.URL(), "://", "://app:hunter2@", 1)
	w := &auditWorld{[]string{address}, map[audit.Sink]Options{}}
	audittest.Run(t, audittest.Harness{
		Open: func(t audittest.TB) audit.Sink {
			server.CLI("flushall")
			return w.open(t, 0, Options{Prefix: "satra:"})
		},
		Node:   func(t audittest.TB, s audit.Sink) audit.Sink { return w.open(t, 0, w.options[s]) },
		Rounds: 5,
	})
	if refused := server.CLI("acl", "log"); strings.TrimSpace(refused) != "" {
		t.Errorf("the server has refused something:\n%s", refused)
	}
}

func TestARightThatTheAuditLogLacksIsNamed(t *testing.T) {
	server := testserver.StartRedis(t, true)
	set(server, leastRights(t))
	k := openKit(t, strings.Replace(server.URL(), "://", "://app:hunter2@", 1), Options{})
	_, appending := k.AppendAudit(t.Context(), []auditRow{auditRowOf("w", 1)})
	_, chain := k.AuditChain(t.Context(), "w", 0, 1)
	for _, err := range []error{appending, chain} {
		if !errors.Is(err, satra.ErrUnavailable) || !strings.Contains(err.Error(), "+zcount +zrange") || strings.Contains(err.Error(), "app") {
			t.Errorf("got error %v, want ErrUnavailable that names the rules, and not the user", err)
		}
	}
	k.addKey("asha", "secret")
	if n, err := k.EraseAuditKeys(t.Context(), [][]byte{[]byte("asha")}); n != 1 || err != nil {
		t.Errorf("erasing without the right to have the file written anew: got %d, %v, want 1", n, err)
	}
}
