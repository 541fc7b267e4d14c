package redisstore

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestASecondsLossCannotBeDeclaredAsNone(t *testing.T) {
	server := testserver.StartRedis(t, true, "--appendfsync", "everysec")
	_, err := Open(t.Context(), server.URL(), &Options{Durable: satra.DurablePower})
	if err == nil || !strings.Contains(err.Error(), "appendfsync everysec") || strings.Contains(err.Error(), "appendonly") {
		t.Errorf("DurablePower with appendfsync everysec: got error %v, want it to name that setting and no other", err)
	}
	k := openKit(t, server.URL(), Options{})
	for _, f := range k.Findings() {
		if (f.Setting == "appendfsync") != (f.Advice != "") {
			t.Errorf("Finding: %+v; want advice on appendfsync alone", f)
		}
	}
}

// answersClients are what redis-server writes to its clients; the driver's pings
// are no changes.
func answersClients(call string) bool {
	name, rest, _ := strings.Cut(call, "(")
	_, rest, _ = strings.Cut(rest, "<")
	return (name == "write" || name == "writev") && strings.HasPrefix(rest, "socket:") && !strings.Contains(call, "+PONG")
}

// A kill proves no fsync, because the system keeps what a process has written.
// So the server's calls are traced: nothing is answered before the append-only
// file, written since the last time, was synced. It takes strace, and is part of
// the long run.
func TestTheAppendOnlyFileIsSyncedBeforeAnAcknowledgement(t *testing.T) {
	if os.Getenv("SATRA_LONG") == "" {
		return
	}
	server := testserver.StartRedis(t, true)
	k := openKit(t, server.URL(), Options{Durable: satra.DurablePower})
	k.lives(1) // the scripts are there then
	const lives = 50

	stop := testserver.Trace(t, server.PID())
	changes := k.lives(lives)
	all, syncs, early := testserver.Log{Path: ".aof", Acknowledges: answersClients}.Early(stop())
	k.judge("changes of one command each", changes, all, syncs, early)

	stop = testserver.Trace(t, server.PID())
	for n := range lives {
		principal := fmt.Sprint("user", n%5)
		id := k.create(nil)
		if _, err := k.Apply(t.Context(), id, k.attempt(principal, 3, true)); err != nil {
			t.Fatalf("a sign-in: %v", err)
		}
		renew := &satra.Renew{Old: k.find(id).Secret, New: satra.Hash{1}, Successor: []byte("sealed"), Keep: 1}
		if _, err := k.Apply(t.Context(), id, &satra.Change{At: k.now, Renew: renew}); err != nil {
			t.Fatalf("a renewal: %v", err)
		}
		if n%5 == 4 {
			if _, err := k.EndAll(t.Context(), satra.Ending{At: k.now, Principal: principal, End: satra.End{At: k.now}}); err != nil {
				t.Fatalf("EndAll: %v", err)
			}
		}
	}
	all, syncs, early = testserver.Log{Path: ".aof", Acknowledges: answersClients, Mixed: true}.Early(stop())
	k.judge("changes of several commands", 5*lives, all, syncs, early)
}

// lives makes, changes and ends sessions, and returns how many changes that were.
func (k *kit) lives(n int) (changes int) {
	k.Helper()
	for range n {
		id := k.create(nil)
		for _, c := range []*satra.Change{
			{At: k.now, Set: []satra.Value{{Key: "a", Data: []byte("1")}}},
			{At: k.now, Delete: []string{"a"}},
			{At: k.now, Seen: k.now.Add(1000)},
			{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}},
		} {
			if _, err := k.Apply(k.Context(), id, c); err != nil {
				k.Fatalf("Apply: %v", err)
			}
			changes++
		}
		changes++
	}
	return changes
}

func (k *kit) judge(what string, changes, all, syncs int, early []string) {
	k.Helper()
	k.Logf("%s: %d, %d answers and %d syncs in the trace", what, changes, all, syncs)
	if all < changes || syncs < changes {
		k.Errorf("%s: %d answers and %d syncs were traced, want %d or more", what, all, syncs, changes)
	}
	for _, call := range early {
		k.Errorf("%s: answered before the append-only file was written and synced: %s", what, call)
	}
}
