package pgstore

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestAServerThatDoesNotSyncIsToldOf(t *testing.T) {
	lax := testserver.StartPostgres(t, "fsync=off")
	s, err := Open(t.Context(), lax.URL("postgres"), options())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "fsync is off") {
		t.Errorf("Check with fsync off: got %v, want it named", err)
	}
	if got := s.Features().Durable; got != satra.DurableProcess {
		t.Errorf("with fsync off: durability %d, want %d, not a power cut", got, satra.DurableProcess)
	}
}

// endsTransaction are the answers that a change was made: a command is complete,
// and no transaction is open.
func endsTransaction(call string) bool {
	return strings.HasPrefix(call, "sendto(") && strings.Contains(call, `C\0\0\0`) && strings.Contains(call, `Z\0\0\0\5I"`)
}

// A kill proves no fsync, because the system keeps what a process has written.
// So the server's calls are traced: no transaction is answered before the WAL,
// written since the last time, was synced. It takes strace, and is part of the
// long run.
func TestTheWALIsSyncedBeforeAnAcknowledgement(t *testing.T) {
	if os.Getenv("SATRA_LONG") == "" {
		return
	}
	// What the server writes of itself would be taken for what is to be synced.
	quiet := testserver.StartPostgres(t, "autovacuum=off", "wal_writer_delay=10s", "bgwriter_delay=10s", "checkpoint_timeout=1h")
	o := options()
	o.MaxConns = 1
	s, err := Open(t.Context(), quiet.URL("postgres"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lives(t, s, 1) // the statements are prepared then
	stop := testserver.Trace(t, quiet.PIDs()...)
	changes := lives(t, s, 50)
	all, syncs, early := testserver.Log{Path: "/pg_wal/", Acknowledges: endsTransaction}.Early(stop())
	t.Logf("%d changes, %d answers and %d syncs in the trace", changes, all, syncs)
	if all < changes || syncs < changes {
		t.Errorf("%d answers and %d syncs were traced, want %d or more", all, syncs, changes)
	}
	for _, call := range early {
		t.Errorf("answered before the WAL was written and synced: %s", call)
	}
}

// lives makes, signs in, changes, renews and ends sessions, and returns how many
// changes that were. No touch is among them, which does not wait for the disk, and
// nothing that only reads.
func lives(t *testing.T, s *Store, n int) (changes int) {
	t.Helper()
	for range n {
		r := newRecord()
		if err := s.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		renew := &satra.Renew{Old: satra.Hash{2}, New: satra.Hash{3}, Successor: []byte("sealed"), Keep: 1}
		for _, c := range []*satra.Change{
			set("a", "1"),
			{At: t0, Seen: t0.Add(time.Second), Delete: []string{"a"}},
			{At: t0, SignIn: &satra.Binding{Principal: "alice", Secret: satra.Hash{2}, Limit: 3}},
			{At: t0, Renew: renew},
			{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonSignedOut}},
		} {
			apply(t, s, r.ID, c)
			changes++
		}
		changes++
	}
	return changes
}
