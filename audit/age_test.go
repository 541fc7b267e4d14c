package audit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

// TestCheckpointsOutliveWhatTheyName holds the log against checkpoints that were
// never thrown away: of chains that retention has removed whole, with the entries
// that told so.
func TestCheckpointsOutliveWhatTheyName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink, kept := newTestRing(t, 1), NewMemory(0), &points{}
		o := Options{HeadsEvery: day, Retention: 30 * day, Checkpoints: kept}
		live := openLog(t, sink, ring, o)
		gone := openLog(t, sink, ring, o)
		closeLog(t, gone)
		for range 100 {
			live.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
			time.Sleep(day)
			synctest.Wait()
		}
		if len(sink.chains[gone.Writer()]) > 0 {
			t.Fatal("the old chain is still there")
		}
		wantVerified(t, live.Reader, kept.all)

		// A young chain that is gone is no matter of age.
		young := openLog(t, sink, ring, o)
		closeLog(t, young)
		c := &crime{t: t, sink: sink}
		c.edit(young.Writer(), remove(1, 999))
		report, err := live.Verify(t.Context(), kept.all, nil)
		if err != nil || len(report.Findings) != 1 || report.Findings[0].What != FaultTruncated {
			t.Errorf("a young chain was removed: got %v, %v", report.Findings, err)
		}
		closeLog(t, live)
	})
}

// stopping cuts one chain, and fails at the next.
type stopping struct {
	*Memory
	left int
}

func (s *stopping) CutAudit(ctx context.Context, writer string, through int64, limit int) (int, error) {
	n, err := s.Memory.CutAudit(ctx, writer, through, limit)
	if n > 0 {
		s.left--
	}
	if s.left < 0 {
		return 0, errors.New("the server is gone")
	}
	return n, err
}

// TestRetentionThatWasInterrupted looks at the log while only some of the chains
// are cut, those that told of former cuts among them.
func TestRetentionThatWasInterrupted(t *testing.T) {
	for done := range 4 {
		synctest.Test(t, func(t *testing.T) {
			ring, sink := newTestRing(t, 1), NewMemory(0)
			o := Options{HeadsEvery: day, Retention: 30 * day, Problem: func(error) {}}
			var logs []*Log
			for range 3 {
				logs = append(logs, openLog(t, sink, ring, o))
			}
			for range 3 { // dead, and named by the others
				closeLog(t, openLog(t, sink, ring, o))
			}
			for range 70 {
				for _, l := range logs {
					l.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
				}
				time.Sleep(day)
				synctest.Wait()
			}
			for _, l := range logs {
				closeLog(t, l)
			}
			time.Sleep(20 * day)
			last := openLog(t, &stopping{sink, done}, ring, o)
			synctest.Wait()
			wantVerified(t, last.Reader, nil)
			closeLog(t, last)
		})
	}
}

// telling is told of a sign-in while it cuts, and looks whether it was written
// before the next step.
type telling struct {
	*Memory
	log   *Log
	steps int
	late  bool
}

func (s *telling) CutAudit(ctx context.Context, writer string, through int64, limit int) (int, error) {
	if s.steps++; s.steps == 1 {
		s.log.Observe(ctx, event(satra.EventSignedIn, "asha"))
	} else if s.steps == 2 {
		chain, err := s.AuditChain(ctx, s.log.Writer(), s.log.chain.seq-1, 2)
		s.late = err != nil || len(chain) == 0 || chain[len(chain)-1].Kind != string(satra.EventSignedIn)
	}
	return s.Memory.CutAudit(ctx, writer, through, limit)
}

// TestEntriesDoNotWaitForRetention has an entry come while a long chain is cut.
func TestEntriesDoNotWaitForRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		old := openLog(t, sink, ring, Options{})
		closeLog(t, old)
		time.Sleep(400 * day)
		s := &telling{Memory: sink}
		l, err := prepare(s, &Options{Keys: ring})
		if err != nil {
			t.Fatal(err)
		}
		s.log = l
		if err := l.cutOld(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.steps < 2 || s.late {
			t.Errorf("after %d steps of retention the entry was not written", s.steps)
		}
	})
}

// TestACutIsToldAsLongAsItIsSeen has a chain stand cut, with nothing in it that gets
// too old, for longer than the entry about its cut is kept.
func TestACutIsToldAsLongAsItIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		idle := openLog(t, sink, ring, Options{HeadsEvery: 1000 * day, Retention: satra.Never})
		busy := openLog(t, sink, ring, Options{HeadsEvery: day, Retention: 30 * day})
		for n := range 75 {
			busy.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
			if n == 40 {
				idle.Observe(t.Context(), event(satra.EventSignedIn, "ravi"))
			}
			time.Sleep(day)
			synctest.Wait()
			if n > 31 && n < 70 && len(sink.chains[idle.Writer()]) > 0 && sink.chains[idle.Writer()][0].Seq == 1 {
				t.Fatalf("day %d: the idle chain is not cut", n)
			}
			wantVerified(t, busy.Reader, nil)
		}
		closeLog(t, idle)
		closeLog(t, busy)
	})
}

// TestRetentionCutsAndTheLogStaysVerifiable lets two nodes go on for two years.
func TestRetentionCutsAndTheLogStaysVerifiable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		o := Options{HeadsEvery: 24 * time.Hour, Retention: 100 * 24 * time.Hour}
		a, b := openLog(t, sink, ring, o), openLog(t, sink, ring, o)
		for range 300 {
			a.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
			time.Sleep(23 * time.Hour)
			b.Observe(t.Context(), event(satra.EventEnded, "asha"))
			synctest.Wait()
		}
		report := wantVerified(t, a.Reader, nil)
		if report.Cut != 2 || report.First.Before(time.Now().Add(-103*24*time.Hour)) {
			t.Errorf("got %+v, want both chains cut", report)
		}
		var oldest int64
		for _, k := range sink.keys {
			if oldest == 0 || k.At < oldest {
				oldest = k.At
			}
		}
		if age := time.Since(time.UnixMicro(oldest)); len(sink.keys) < 2 || age > (100+90+2)*24*time.Hour {
			t.Errorf("%d keys are left, the oldest %v old; want those that entries need", len(sink.keys), age)
		}
		entries, err := a.Entries(t.Context(), Filter{Principal: "asha", Oldest: true, Limit: 1000})
		for _, e := range entries {
			if err != nil || e.Erased {
				t.Fatalf("got %+v, %v: its key is gone before it is", e, err)
			}
		}
		closeLog(t, a)
		closeLog(t, b)
		wantVerified(t, a.Reader, nil)
	})
}

// TestVerifyingWhileTheOldEndGoes has retention cut a chain while it is being read.
func TestVerifyingWhileTheOldEndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		l := openLog(t, sink, ring, Options{HeadsEvery: day, Retention: 10 * day})
		for range 3000 {
			if err := l.Record(t.Context(), Entry{Kind: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(9 * day)
		synctest.Wait()
		slow := &cutting{Memory: sink, read: func() { time.Sleep(2 * day); synctest.Wait() }}
		wantVerified(t, NewReader(slow, ring), nil)
		if slow.read != nil || sink.chains[l.Writer()][0].Seq < 2000 {
			t.Error("the chain was not cut while it was read")
		}
		closeLog(t, l)
	})
}

const day = 24 * time.Hour

// cutting lets time pass once the first thousand rows were read.
type cutting struct {
	*Memory
	read func()
}

func (c *cutting) AuditChain(ctx context.Context, writer string, after int64, limit int) ([]Row, error) {
	if read := c.read; read != nil && after == 1000 {
		c.read = nil
		read()
	}
	return c.Memory.AuditChain(ctx, writer, after, limit)
}

// slow is a sink that takes its time.
type slow struct{ *Memory }

func (s *slow) AppendAudit(ctx context.Context, rows []Row) (bool, error) {
	time.Sleep(2 * time.Millisecond)
	return s.Memory.AppendAudit(ctx, rows)
}

// TestHeadsAreNotedUnderLoad keeps entries coming faster than the sink takes them.
func TestHeadsAreNotedUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &points{}
		l := openLog(t, &slow{NewMemory(0)}, newTestRing(t, 1), Options{HeadsEvery: time.Second, Checkpoints: k})
		for range 6000 {
			l.Observe(t.Context(), event(satra.EventEnded, "asha"))
			time.Sleep(time.Millisecond)
		}
		k.mu.Lock()
		n := len(k.all)
		k.mu.Unlock()
		if n < 4 {
			t.Errorf("got %d checkpoints in six seconds, want one a second", n)
		}
		closeLog(t, l)
	})
}

// TestRefusalsAreCountedByTheLogsClock has a store whose clock is ahead, and one that
// lags.
func TestRefusalsAreCountedByTheLogsClock(t *testing.T) {
	for _, skew := range []time.Duration{50 * time.Millisecond, -time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			sink := NewMemory(0)
			l := openLog(t, sink, newTestRing(t, 1), Options{})
			for range 1000 {
				e := event(satra.EventUnknownToken, "")
				e.At = time.Now().Add(skew)
				l.Observe(t.Context(), e)
				time.Sleep(time.Millisecond)
			}
			closeLog(t, l)
			if n := len(sink.rows); n > 4 {
				t.Errorf("with a store %v ahead: %d entries of a thousand refusals within a second", skew, n)
			}
		})
	}
}

// listing has another node begin once the chains were listed.
type listing struct {
	*Memory
	listed func()
}

func (l *listing) AuditChains(ctx context.Context, after string, limit int) ([]Chain, error) {
	chains, err := l.Memory.AuditChains(ctx, after, limit)
	if listed := l.listed; listed != nil {
		l.listed = nil
		listed()
	}
	return chains, err
}

// TestANodeThatStartsWhileItIsVerified has a node begin, and cut an old chain, between
// the list of the chains and their being read.
func TestANodeThatStartsWhileItIsVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		first := openLog(t, sink, ring, Options{Retention: satra.Never})
		for range 20 {
			first.Observe(t.Context(), event(satra.EventEnded, "asha"))
		}
		time.Sleep(400 * day)
		first.Observe(t.Context(), event(satra.EventEnded, "asha"))
		synctest.Wait()
		var second *Log
		during := &listing{Memory: sink, listed: func() {
			second = openLog(t, sink, ring, Options{})
			synctest.Wait()
		}}
		report := wantVerified(t, NewReader(during, ring), nil)
		if report.Cut != 1 || report.Chains != 2 {
			t.Errorf("got %+v, want the first chain cut by the second", report)
		}
		closeLog(t, first)
		closeLog(t, second)
	})
}
