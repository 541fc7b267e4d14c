package sqlitestore

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// manyCreated creates sessions side by side.
func manyCreated(t *testing.T, s *Store, n int) []satra.ID {
	t.Helper()
	all := make([]satra.ID, n)
	var creators sync.WaitGroup
	for i := range all {
		creators.Go(func() { all[i] = created(t, s).ID })
	}
	creators.Wait()
	return all
}

// begunEnding begins to end everybody, and comes no further than one step.
func begunEnding(t *testing.T, s *Store, e satra.Ending) {
	t.Helper()
	e.Everybody = true
	err := s.do(t.Context(), "test", func(t *tx) error {
		t.goOn(endingUnderWay{ending: e})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// asLeft copies the file and what is beside it, as a process that is killed leaves
// them.
func asLeft(t *testing.T, path string) string {
	t.Helper()
	left := newPath(t)
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(left+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return left
}

func live(t *testing.T, s *Store, at time.Time) map[satra.ID]bool {
	t.Helper()
	all := map[satra.ID]bool{}
	q := satra.Query{At: at, Limit: 1000}
	for {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		for _, r := range page.Records {
			all[r.ID] = true
		}
		if q.After = page.Next; q.After.IsZero() {
			return all
		}
	}
}

// Whoever opens the file that a killed process has left ends those that were to be
// ended, and nobody else.
func TestAnEndingThatACrashInterruptedIsGoneOnWith(t *testing.T) {
	s := opened(t, newPath(t), &Options{Timeout: time.Minute, Now: func() time.Time { return t0 }})
	stays := manyCreated(t, s, 2*chunk+7)[0]
	begunEnding(t, s, satra.Ending{At: t0, Except: stays, End: satra.End{At: t0, Reason: satra.ReasonAdministrator, Actor: "root"}})
	if n := len(live(t, s, t0)); n < chunk {
		t.Fatalf("%d sessions live after the first step, want some to be left", n)
	}
	late := t0.Add(s.options.Timeout + takeoverAfter)
	path := asLeft(t, s.path)

	now := late.Add(-time.Millisecond)
	again := opened(t, path, &Options{Timeout: time.Minute, Now: func() time.Time { return now }})
	since := newRecord()
	since.Begun = t0.Add(time.Microsecond)
	if err := again.Create(t.Context(), since); err != nil {
		t.Fatal(err)
	}
	left := live(t, again, t0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	notices := make(chan satra.Notice, maxNotices)
	go again.Watch(ctx, func(n satra.Notice) { notices <- n })
	<-notices // the Gap
	err := again.do(t.Context(), "test", func(tx *tx) error {
		if _, err := again.leftEnding(); !isNoRows(err) {
			t.Errorf("while its process may be at work: got %v, want that none is left", err)
		}
		now = late // which the writer learns at its next tick
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range len(left) - 2 {
		if n := <-notices; !left[n.ID] || n.Reason != satra.ReasonAdministrator {
			t.Fatalf("got the notice %+v, want each end once", n)
		} else {
			delete(left, n.ID)
		}
	}
	if got := live(t, again, t0); !got[stays] || !got[since.ID] {
		t.Errorf("the one that stays lives: %v, one that began since: %v; want both", got[stays], got[since.ID])
	}
	page, err := again.List(t.Context(), satra.Query{At: t0, Ended: true, Limit: 1000})
	want := satra.End{At: t0, Reason: satra.ReasonAdministrator, Actor: "root"}
	if err != nil || len(page.Records) != 1000 || *page.Records[999].Ended != want {
		t.Errorf("%d are listed as ended, %v; the last by %+v, want %+v", len(page.Records), err, *page.Records[999].Ended, want)
	}
	settled(t, again)
}

// settled looks that no ending is under way any more, which the transaction that
// ended the last session has seen to.
func settled(t *testing.T, s *Store) {
	t.Helper()
	var endings, counted int
	err := s.readerDB.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM endings), endings FROM state`).Scan(&endings, &counted)
	if err != nil || endings != 0 || counted != 0 {
		t.Errorf("%d endings are left, the state counts %d, %v; want none", endings, counted, err)
	}
}

func TestAnEndingLeavesNothingBehind(t *testing.T) {
	s := opened(t, newPath(t), patient())
	for _, n := range []int{0, 1, chunk, 2 * chunk} {
		manyCreated(t, s, n)
		ended, err := s.EndAll(t.Context(), satra.Ending{At: t0, Everybody: true, End: satra.End{At: t0, Reason: satra.ReasonAdministrator}})
		if err != nil || len(ended) != n {
			t.Errorf("ended %d of %d, %v", len(ended), n, err)
		}
		settled(t, s)
	}
}

// Two processes that have both taken an ending for theirs do no harm.
func TestTwoGoOnWithAnEnding(t *testing.T) {
	s := opened(t, newPath(t), patient())
	other := opened(t, s.path, patient())
	manyCreated(t, s, 3*chunk+7)
	ended := 0
	step := func(node *Store, u *endingUnderWay) (next *endingUnderWay) {
		if u == nil {
			return nil
		}
		err := node.do(t.Context(), "test", func(tx *tx) error {
			some, left := tx.goOn(*u)
			ended, next = ended+len(some), left
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	mine := step(s, &endingUnderWay{ending: satra.Ending{At: t0, Everybody: true, End: satra.End{At: t0, Reason: satra.ReasonAdministrator}}})
	others := mine
	for mine != nil { // and the others are behind
		mine = step(s, mine)
	}
	for others != nil {
		others = step(other, others)
	}
	if ended != 3*chunk+7 {
		t.Errorf("ended %d, want each once", ended)
	}
	settled(t, s)
}
