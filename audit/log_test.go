package audit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

// breakable is a sink that can be made to fail, before or after it has done what it
// was asked.
type breakable struct {
	Sink
	mu    sync.Mutex
	fails error
	after bool
	blind bool // what was done cannot be looked at, either
}

func (b *breakable) set(fails error, after bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails, b.after = fails, after
}

func (b *breakable) AppendAudit(ctx context.Context, rows []Row) (bool, error) {
	b.mu.Lock()
	fails, after := b.fails, b.after
	b.mu.Unlock()
	if fails != nil && !after {
		return false, fails
	}
	added, err := b.Sink.AppendAudit(ctx, rows)
	if fails != nil {
		return false, fails
	}
	return added, err
}

func (b *breakable) AuditChain(ctx context.Context, writer string, after int64, limit int) ([]Row, error) {
	b.mu.Lock()
	fails, blind := b.fails, b.blind
	b.mu.Unlock()
	if blind && fails != nil {
		return nil, fails
	}
	return b.Sink.AuditChain(ctx, writer, after, limit)
}

func openLog(t testing.TB, sink Sink, ring *Ring, o Options) *Log {
	t.Helper()
	o.Keys, o.Node = ring, "node"
	if o.Problem == nil {
		o.Problem = func(err error) { t.Errorf("the log reports: %v", err) }
	}
	l, err := Open(t.Context(), sink, &o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func wantVerified(t testing.TB, r *Reader, checkpoints []Checkpoint) *Report {
	t.Helper()
	report, err := r.Verify(t.Context(), checkpoints, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		t.Errorf("found in an honest log: %v", f)
	}
	return report
}

// kinds are the kinds of the entries, the oldest first, without those about the log.
func kinds(t testing.TB, r *Reader, f Filter) string {
	t.Helper()
	f.Oldest = true
	entries, err := r.Entries(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if !strings.HasPrefix(string(e.Kind), "audit_") || e.Kind == KindDropped {
			all = append(all, string(e.Kind))
		}
	}
	return strings.Join(all, " ")
}

var honest = satra.Client{Addr: netip.MustParseAddr("203.0.113.7")}

func event(kind satra.Kind, principal string) satra.Event {
	return satra.Event{Kind: kind, At: time.Now(), Session: satra.ID{1}, Principal: principal, Client: honest, UserAgent: "Firefox", Path: "/x"}
}

func TestWhatWasObservedIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		l := openLog(t, sink, ring, Options{RequestID: func(context.Context) string { return "req-7" }})
		l.Observe(t.Context(), event(satra.EventCreated, ""))
		l.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
		time.Sleep(time.Millisecond)
		l.Observe(t.Context(), event(satra.EventEnded, "asha"))
		if err := l.Record(t.Context(), Entry{Kind: "export", Principal: "ravi", Detail: "orders"}); err != nil {
			t.Fatal(err)
		}
		if got := kinds(t, l.Reader, Filter{}); got != "created signed_in ended export" {
			t.Errorf("got %q", got)
		}
		if got := kinds(t, l.Reader, Filter{Principal: "asha"}); got != "signed_in ended" {
			t.Errorf("of asha: got %q", got)
		}
		if got := kinds(t, l.Reader, Filter{Address: honest.Addr, Kind: satra.EventEnded}); got != "ended" {
			t.Errorf("by address and kind: got %q", got)
		}
		newest, err := l.Entries(t.Context(), Filter{Principal: "asha", Limit: 1})
		if err != nil || len(newest) != 1 {
			t.Fatalf("got %v, %v", newest, err)
		}
		if e := newest[0]; e.Kind != satra.EventEnded || e.Request != "req-7" || e.UserAgent != "Firefox" || e.Doubt != "" || e.Erased {
			t.Errorf("got %+v", e)
		}
		next, err := l.Entries(t.Context(), Filter{Principal: "asha", Limit: 1, After: newest[0]})
		if err != nil || len(next) != 1 || next[0].Kind != satra.EventSignedIn {
			t.Errorf("the next page: got %v, %v", next, err)
		}
		closeLog(t, l)
		if err := l.Record(t.Context(), Entry{Kind: "late"}); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: got %v", err)
		}
		if report := wantVerified(t, l.Reader, nil); report.Chains != 1 || report.Entries != 6 {
			t.Errorf("got %+v, want 4 entries between the opening and the end", report)
		}
	})
}

// TestRefusalsAreCountedTogether floods the log with what anybody can cause.
func TestRefusalsAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, NewMemory(0), newTestRing(t, 1), Options{})
		for i := range 1000 {
			e := event(satra.EventUnknownToken, "")
			e.Client.Addr = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)) // one network
			l.Observe(t.Context(), e)
		}
		l.Observe(t.Context(), event(satra.EventUnknownToken, ""))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		entries, err := l.Entries(t.Context(), Filter{Kind: satra.EventUnknownToken})
		if err != nil || len(entries) != 2 || entries[0].Count+entries[1].Count != 1001 {
			t.Errorf("got %v, %v; want an entry for each network", entries, err)
		}
		closeLog(t, l)
	})
}

// TestNothingIsLostWhileTheSinkIsDown holds what may be missing and what may not.
func TestNothingIsLostWhileTheSinkIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &breakable{Sink: NewMemory(0)}
		var problems []error
		var mu sync.Mutex
		l := openLog(t, sink, newTestRing(t, 1), Options{Queue: 8, Problem: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			problems = append(problems, err)
		}})
		synctest.Wait()
		sink.set(errors.New("no disk"), false)
		l.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
		synctest.Wait() // the writer has it and tries
		act := satra.Act{Kind: satra.EventSignedIn, Principal: "asha", Actor: "asha"}
		for range 8 {
			if err := l.Before(t.Context(), act); err != nil {
				t.Fatalf("with room: got %v", err)
			}
			l.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
		}
		if err := l.Before(t.Context(), act); !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("a sign-in without room: got %v", err)
		}
		if err := l.Before(t.Context(), satra.Act{Kind: satra.EventEnded, Principal: "asha", Actor: "asha"}); err != nil {
			t.Errorf("an end without room: got %v", err)
		}
		if err := l.Before(t.Context(), satra.Act{Kind: satra.EventEnded, Principal: "asha", Actor: "operator"}); err != nil {
			t.Errorf("an administrator's end without room: got %v", err)
		}
		l.Observe(t.Context(), event(satra.EventEnded, "asha"))
		l.Observe(t.Context(), event(satra.EventRenewed, "asha")) // may be missing
		did := false
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := l.Act(late, Entry{Kind: "erase", Actor: "operator"}, func(context.Context) error { did = true; return nil })
		if !errors.Is(err, satra.ErrUnavailable) || did {
			t.Errorf("an act that cannot be written down: done %v, error %v", did, err)
		}
		sink.set(nil, false)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		want := strings.Repeat("signed_in ", 9) + "ended ended audit_dropped"
		if got := kinds(t, l.Reader, Filter{}); got != want {
			t.Errorf("got  %q\nwant %q: what an administrator intended, and what happened", got, want)
		}
		dropped, _ := l.Entries(t.Context(), Filter{Kind: KindDropped})
		if len(dropped) != 1 || dropped[0].Detail != "1 renewed" || dropped[0].Count != 1 {
			t.Errorf("got %v, want one renewal told as missing", dropped)
		}
		closeLog(t, l)
		mu.Lock()
		defer mu.Unlock()
		if len(problems) == 0 || !strings.Contains(problems[0].Error(), "no disk") {
			t.Errorf("got problems %v", problems)
		}
		wantVerified(t, l.Reader, nil)
	})
}

// TestAnAnswerThatIsLostIsNoDuplicate has the sink do what it was asked and say that
// it failed.
func TestAnAnswerThatIsLostIsNoDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &breakable{Sink: NewMemory(0), blind: true}
		l := openLog(t, sink, newTestRing(t, 1), Options{Problem: func(error) {}})
		synctest.Wait()
		for range 3 {
			sink.set(errors.New("reset"), true)
			l.Observe(t.Context(), event("x", "asha"))
			time.Sleep(time.Minute) // heads are to be noted as well
			sink.set(nil, false)
			time.Sleep(time.Minute)
		}
		if got := kinds(t, l.Reader, Filter{}); got != "x x x" {
			t.Errorf("got %q", got)
		}
		closeLog(t, l)
		wantVerified(t, l.Reader, nil)
	})
}

// TestAKilledProcessGivesNoFalseAlarm drops a log without Close.
func TestAKilledProcessGivesNoFalseAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 2), NewMemory(0)
		killed := openLog(t, sink, ring, Options{})
		if err := killed.Record(t.Context(), Entry{Kind: "x"}); err != nil {
			t.Fatal(err)
		}
		killed.stop() // as a kill does: nothing more is written
		next := openLog(t, sink, ring, Options{})
		if err := next.Record(t.Context(), Entry{Kind: "y"}); err != nil {
			t.Fatal(err)
		}
		closeLog(t, next)
		if report := wantVerified(t, next.Reader, nil); report.Chains != 2 {
			t.Errorf("got %d chains, want two", report.Chains)
		}
		<-killed.ended
	})
}

// TestIdleNodesWriteNothing lets nodes watch each other for a day, and then one go
// on alone.
func TestIdleNodesWriteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		a, b := openLog(t, sink, ring, Options{}), openLog(t, sink, ring, Options{})
		a.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := len(sink.rows); n > 8 {
			t.Errorf("got %d entries for one sign-in and a day, want them to come to rest", n)
		}
		for range 2 {
			a.Observe(t.Context(), event(satra.EventEnded, "asha"))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		c := &crime{t: t, sink: sink}
		c.edit(a.Writer(), func(rows []Row) []Row {
			return rows[:slices.IndexFunc(rows, func(r Row) bool { return r.Kind == "ended" })]
		})
		report, err := b.Verify(t.Context(), nil, nil)
		if err != nil || len(report.Findings) == 0 || report.Findings[0].What != FaultTruncated {
			t.Errorf("the other node, which is idle, has not noted the end: got %v, %v", report.Findings, err)
		}
		closeLog(t, b)
		a.stop()
		<-a.ended
	})
}

// TestWhatComesOfTheLastEntriesIsWritten has a note come of an entry that was counted,
// and is written when the log is closed.
func TestWhatComesOfTheLastEntriesIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l *Log
		l = openLog(t, NewMemory(0), newTestRing(t, 1), Options{Copy: func(e Entry) {
			if e.Kind == satra.EventUnknownToken {
				l.Note(Entry{Kind: KindFinding, Detail: "guessing"})
			}
		}})
		l.Observe(t.Context(), event(satra.EventUnknownToken, ""))
		closeLog(t, l)
		if got := kinds(t, l.Reader, Filter{}); got != "unknown_token finding" {
			t.Errorf("got %q", got)
		}
		wantVerified(t, l.Reader, nil)
	})
}

func TestAnActNamesItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, NewMemory(0), newTestRing(t, 1), Options{})
		ctx := Because(t.Context(), "two networks in turn")
		act := satra.Act{Kind: satra.EventStepUp, Session: satra.ID{1}, Principal: "asha", Actor: "policy", Reason: "two_places"}
		if err := l.Before(ctx, act); err != nil {
			t.Fatal(err)
		}
		l.Observe(ctx, satra.Event{Kind: act.Kind, At: time.Now(), Session: act.Session, Principal: "asha", Actor: "policy", Reason: act.Reason})
		signedIn := event(satra.EventSignedIn, "asha")
		signedIn.Detail = "passphrase" // its own words come first
		l.Observe(ctx, signedIn)
		synctest.Wait()
		entries, err := l.Entries(t.Context(), Filter{Principal: "asha"})
		if err != nil || len(entries) != 3 {
			t.Fatalf("got %d entries, error %v", len(entries), err)
		}
		got := ""
		for _, e := range entries {
			got += fmt.Sprintf("%s %s %s; ", e.Kind, e.Outcome, e.Detail)
		}
		if want := "signed_in  passphrase; step_up  two networks in turn; step_up intent two networks in turn; "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		closeLog(t, l)
	})
}

func TestFlushWritesWhatIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, NewMemory(0), newTestRing(t, 1), Options{})
		for range 3 {
			l.Observe(t.Context(), event(satra.EventSignInRefused, "asha"))
		}
		began := time.Now()
		for range 2 { // also if there is nothing
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it waited %s for the window", took)
		}
		entries, err := l.Entries(t.Context(), Filter{Principal: "asha"})
		if err != nil || len(entries) != 1 || entries[0].Count != 3 {
			t.Errorf("got %+v, %v", entries, err)
		}
		closeLog(t, l)
		if err := l.Flush(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: got %v", err)
		}
	})
}

// TestFlushTellsWhatWasRefused: the log is closed while the sink is down.
func TestFlushTellsWhatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &breakable{Sink: NewMemory(0)}
		l := openLog(t, sink, newTestRing(t, 1), Options{Problem: func(error) {}})
		sink.set(satra.ErrUnavailable, false)
		l.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
		flushed := make(chan error, 1)
		go func() { flushed <- l.Flush(t.Context()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Close(ctx); err == nil {
			t.Error("Close: got no error")
		}
		if err := <-flushed; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}
