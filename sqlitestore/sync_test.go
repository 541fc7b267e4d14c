package sqlitestore

import (
	"os"
	"strings"
	"testing"
)

// A kill proves no fsync, because the system keeps what a process has written.
// So its calls are traced: nothing is acknowledged before the WAL, written
// since the last time, was synced. It takes strace, and is part of the long
// run; TestTheSettingsAreReadBack is part of each.
func TestTheWALIsSyncedBeforeAnAcknowledgement(t *testing.T) {
	judgesTraces(t)
	if os.Getenv("SATRA_LONG") == "" {
		return
	}
	path := newPath(t)
	trace := path + ".trace"
	c := command(t, path, 1, 50, "strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write,pwrite64", "-o", trace)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("strace, which has to be installed: %v", err)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	acknowledged, early := earlyAcknowledgements(string(b))
	if lines := strings.Count(string(out), "\n"); acknowledged < 200 || acknowledged > lines { // some are of several lines
		t.Errorf("%d acknowledgements were traced in %d lines, want 200 or more", acknowledged, lines)
	}
	for _, line := range early {
		t.Errorf("acknowledged before the WAL was written and synced: %s", line)
	}
}

// earlyAcknowledgements goes through a trace, and returns how many
// acknowledgements are in it, and those for which the WAL was not written since
// the one before, or not synced.
func earlyAcknowledgements(trace string) (all int, early []string) {
	written, dirty := false, false
	syncing := map[string]bool{} // threads within an fsync of the WAL
	for line := range strings.Lines(trace) {
		thread, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimSpace(call)
		ofWAL, done := strings.Contains(call, "-wal>"), strings.HasSuffix(call, "= 0")
		isSync := strings.HasPrefix(call, "fsync(") || strings.HasPrefix(call, "fdatasync(")
		switch {
		case ofWAL && !isSync:
			written, dirty = true, true
		case ofWAL && strings.Contains(call, "unfinished"):
			syncing[thread] = true
		case ofWAL && done, syncing[thread] && done && strings.Contains(call, "sync resumed"):
			delete(syncing, thread)
			dirty = false
		case strings.HasPrefix(call, "write(1<"):
			all++
			if dirty || !written {
				early = append(early, call)
			}
			written = false
		}
	}
	return all, early
}

// judgesTraces holds the judge against traces of its own.
func judgesTraces(t *testing.T) {
	t.Helper()
	const (
		write   = "7 pwrite64(5</d/s.db-wal>, \"\"..., 24, 32) = 24\n"
		sync    = "7 fsync(5</d/s.db-wal>)              = 0\n"
		begins  = "7 fsync(5</d/s.db-wal> <unfinished ...>\n"
		resumes = "7 <... fsync resumed>)           = 0\n"
		failed  = "7 fsync(5</d/s.db-wal>) = -1 EIO (Input/output error)\n"
		other   = "7 fsync(4</d/s.db>) = 0\n"
		ack     = "8 write(1<pipe:[9]>, \"set x 1\\n\", 8) = 8\n"
	)
	for trace, want := range map[string]int{
		write + sync + ack:                      0,
		write + begins + resumes + ack:          0,
		write + ack:                             1,
		write + sync + write + ack:              1,
		write + begins + ack + resumes:          1,
		write + failed + ack:                    1,
		write + other + ack:                     1,
		write + sync + ack + ack:                1,
		write + sync + ack + write + sync + ack: 0,
		ack:                                     1,
	} {
		if _, early := earlyAcknowledgements(trace); len(early) != want {
			t.Errorf("%d early acknowledgements in this trace, want %d:\n%s", len(early), want, trace)
		}
	}
}
