package testserver

import (
	"strings"
	"testing"
)

func TestEarlyAcknowledgementsAreFoundInATrace(t *testing.T) {
	const (
		write   = "7     pwrite64(5</d/pg_wal/0001>, \"\"..., 8192, 0) = 8192\n"
		plain   = "7     write(5</d/pg_wal/0001>, \"\"..., 8192) = 8192\n"
		sync    = "7     fdatasync(5</d/pg_wal/0001>) = 0\n"
		begins  = "7     fdatasync(5</d/pg_wal/0001> <unfinished ...>\n"
		resumes = "7     <... fdatasync resumed>)    = 0\n"
		fails   = "7     <... fdatasync resumed>)    = -1 EIO (Input/output error)\n"
		failed  = "7     fsync(5</d/pg_wal/0001>) = -1 EIO (Input/output error)\n"
		other   = "7     fdatasync(4</d/base/1>) = 0\n"
		another = "9     pwrite64(6</d/pg_wal/0001>, \"\"..., 8192, 0) = 8192\n"
		ack     = "8     sendto(9<socket:[3]>, \"done /pg_wal/\", 4, 0, NULL, 0) = 4\n"
		answer  = "8     sendto(9<socket:[3]>, \"read\", 4, 0, NULL, 0) = 4\n"
	)
	l := Log{Path: "/pg_wal/", Acknowledges: func(call string) bool { return strings.Contains(call, "done") }}
	for _, test := range []struct {
		trace                    string
		early, earlyMixed, syncs int
	}{
		{write + sync + ack, 0, 0, 1},
		{plain + sync + ack, 0, 0, 1},
		{write + begins + resumes + ack, 0, 0, 1},
		{write + ack, 1, 1, 0},
		{write + sync + write + ack, 1, 1, 1},
		{write + begins + ack + resumes, 1, 1, 1},
		{write + begins + another + resumes + ack, 1, 1, 1},
		{write + begins + fails + ack, 1, 1, 0},
		{write + failed + ack, 1, 1, 0},
		{write + other + ack, 1, 1, 0},
		{write + sync + ack + ack, 1, 0, 1},
		{write + sync + answer + ack, 0, 0, 1},
		{write + answer, 0, 0, 0},
		{ack, 1, 0, 0},
	} {
		for mixed, want := range map[bool]int{false: test.early, true: test.earlyMixed} {
			l.Mixed = mixed
			all, syncs, early := l.Early(test.trace)
			if len(early) != want || syncs != test.syncs || all != strings.Count(test.trace, "\"done") {
				t.Errorf("mixed %v: got %d of %d early and %d syncs, want %d and %d:\n%s", mixed, len(early), all, syncs, want, test.syncs, test.trace)
			}
		}
	}
}
