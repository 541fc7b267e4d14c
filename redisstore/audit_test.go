package redisstore

import (
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/audittest"
	"github.com/satra-sessions/satra/internal/testserver"
)

var _ audit.Sink = (*Store)(nil)

// An auditWorld is where sinks are opened, each with keys of its own.
type auditWorld struct {
	urls    []string
	options map[audit.Sink]Options
}

func (w *auditWorld) open(t audittest.TB, at int, o Options) audit.Sink {
	t.Helper()
	s, err := Open(t.Context(), w.urls[at%len(w.urls)], &o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(s.Close)
	w.options[s] = o
	return s
}

// run runs the suite; restart and the lines are those of the servers.
func (w *auditWorld) run(t *testing.T, restart func(), lines ...*testserver.RedisLine) {
	audittest.Run(t, audittest.Harness{
		Open: func(t audittest.TB) audit.Sink {
			return w.open(t, 0, Options{Prefix: rand.Text() + ":", Durable: satra.DurablePower, Timeout: 20 * time.Second})
		},
		Node: func(t audittest.TB, s audit.Sink) audit.Sink { return w.open(t, 1, w.options[s]) },
		Restart: func(t audittest.TB, s audit.Sink) audit.Sink {
			restart()
			return w.open(t, 2, w.options[s])
		},
		Down: func(audittest.TB, audit.Sink) func() {
			for _, l := range lines {
				l.Cut()
			}
			return func() {
				for _, l := range lines {
					l.Mend()
				}
			}
		},
		Rounds: 20,
	})
}

func TestAudit(t *testing.T) {
	server := testserver.StartRedis(t, true)
	line := server.Line()
	w := &auditWorld{[]string{line.URL()}, map[audit.Sink]Options{}}
	w.run(t, func() { server.Kill(); server.Start() }, line)
}

// TestAuditOnACluster runs the suite on three primaries, of which one has the log.
func TestAuditOnACluster(t *testing.T) {
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{Durable: true, Lines: true})
	w := &auditWorld{cluster.URLs(), map[audit.Sink]Options{}}
	w.run(t, cluster.Restart, cluster.Lines...)
}

// TestTheAuditLogIsSyncedBeforeAnAcknowledgement traces the server's calls, as is done
// for sessions.
func TestTheAuditLogIsSyncedBeforeAnAcknowledgement(t *testing.T) {
	if os.Getenv("SATRA_LONG") == "" {
		return
	}
	server := testserver.StartRedis(t, true)
	k := openKit(t, server.URL(), Options{Durable: satra.DurablePower})
	k.appendRows("first", 1) // the scripts are there then
	k.addKey("first", "key")
	stop := testserver.Trace(t, server.PID())
	const rounds = 50
	for n := range int64(rounds) {
		if added, err := k.AppendAudit(t.Context(), []auditRow{auditRowOf("w", 2*n+1), auditRowOf("w", 2*n+2)}); !added || err != nil {
			t.Fatalf("AppendAudit: got %v, %v", added, err)
		}
		k.addKey(itoa(n), "key")
	}
	all, syncs, early := testserver.Log{Path: ".aof", Acknowledges: answersClients}.Early(stop())
	k.judge("appends of rows and of keys", 2*rounds, all, syncs, early)
}
