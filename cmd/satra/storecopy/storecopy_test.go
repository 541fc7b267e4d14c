package storecopy_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/satra/storecopy"
	"github.com/satra-sessions/satra/memstore"
)

func TestEverythingIsCopied(t *testing.T) {
	k := newKit(t)
	live, over := k.fill(4800) // several pages of each
	if _, err := k.from.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "mallory", Access: satra.AccessDeny}); err != nil {
		t.Fatal(err)
	}
	report := k.copy(k.from, k.to, nil)
	k.expect("the first copy", report, storecopy.Report{Records: 4800, Live: 2400, Copied: 4800, Disabled: 1, Verified: 4800})
	for _, id := range append(live, over...) {
		want, got := k.find(k.from, id), k.find(k.to, id)
		if got.Version != want.Version || got.Secret != want.Secret || len(got.Values) != len(want.Values) || got.Live(k.now) != want.Live(k.now) {
			t.Fatalf("got %+v, want %+v", *got, *want)
		}
	}
	if state, err := k.to.Principal(t.Context(), "mallory"); err != nil || !state.Disabled {
		t.Errorf("a disabled principal: got %+v, %v", state, err)
	}
	k.expect("the same again", k.copy(k.from, k.to, nil), storecopy.Report{Records: 4800, Live: 2400, Verified: 4800})
}

func TestWhatChangedMeanwhileIsTakenOver(t *testing.T) {
	k := newKit(t)
	live, _ := k.fill(400)
	k.copy(k.from, k.to, nil)
	k.end(k.from, live[0])
	k.apply(k.from, live[1], &satra.Change{Set: []satra.Value{{Key: "b", Data: []byte("1")}}})
	k.apply(k.from, live[2], &satra.Change{Seen: k.now.Add(time.Second)})
	begun := k.begin(k.from, "bob")
	report := k.copy(k.from, k.to, nil)
	k.expect("after four changes", report, storecopy.Report{Records: 401, Live: 200, Copied: 4, Verified: 401})
	if got := k.find(k.to, live[0]).Ended; got == nil || got.Reason != satra.ReasonSignedOut || got.Actor != "alice" {
		t.Errorf("an end that came later: got %+v", got)
	}
	if _, ok := k.find(k.to, live[1]).Value("b"); !ok {
		t.Error("a value that came later is not there")
	}
	if got := k.find(k.to, live[2]).Seen; !got.Equal(k.now.Add(time.Second)) {
		t.Errorf("a touch that came later: got %v", got)
	}
	if got := k.find(k.to, begun).Principal; got != "bob" {
		t.Errorf("a session that began later is %q's", got)
	}
}

func TestASecondPassTakesOverWhatEndedDuringTheFirst(t *testing.T) {
	k := newKit(t)
	live, _ := k.fill(200)
	var first satra.ID
	to := &meddler{Store: k.to, before: func(n int, r *satra.Record) (*satra.Record, error) {
		switch {
		case n == 1:
			first = r.ID
			if !r.Live(k.now) {
				first = live[0]
				k.end(k.from, first)
			}
		case n == 150:
			if k.find(k.from, first).Live(k.now) {
				k.end(k.from, first) // it was copied alive
			}
		}
		return r, nil
	}}
	report := k.copy(k.from, to, sequential())
	if k.find(k.to, first).Ended == nil {
		t.Error("a session that ended while others were copied lives on in the copy")
	}
	if report.Different != 0 || report.Passes < 2 || report.Changed != 0 {
		t.Errorf("got %+v, want two passes and nothing left", report)
	}
}

func TestAnInterruptedCopyGoesOn(t *testing.T) {
	k := newKit(t)
	k.fill(2000)
	ctx, cancel := context.WithCancel(t.Context())
	to := &meddler{Store: k.to, before: func(n int, r *satra.Record) (*satra.Record, error) {
		if n == 700 {
			cancel()
		}
		return r, nil
	}}
	report, err := storecopy.Copy(ctx, k.from, to, sequential())
	if !errors.Is(err, context.Canceled) || report.Copied < 690 || report.Copied > 710 || report.Verified != 0 {
		t.Fatalf("interrupted at the 700th: got %+v, %v", report, err)
	}
	again := k.copy(k.from, k.to, nil)
	if again.Copied+report.Copied != 2000 || again.Verified != 2000 {
		t.Errorf("again: took over %d after %d, compared %d; want 2000 together", again.Copied, report.Copied, again.Verified)
	}
}

func TestWhatHasGoneOnInTheCopyIsLeft(t *testing.T) {
	k := newKit(t)
	live, _ := k.fill(40)
	k.copy(k.from, k.to, nil)
	k.apply(k.to, live[0], &satra.Change{Set: []satra.Value{{Key: "b", Data: []byte("here")}}})
	k.end(k.to, live[1])
	k.apply(k.to, live[2], &satra.Change{Seen: k.now.Add(time.Minute)})
	k.begin(k.to, "bob")
	if _, err := k.to.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "eve", Access: satra.AccessDeny}); err != nil {
		t.Fatal(err)
	}
	k.expect("after three changes in the copy", k.copy(k.from, k.to, nil),
		storecopy.Report{Records: 40, Live: 20, Missing: 1, Verified: 37, Ahead: 3, EnabledToo: 1})
	if k.find(k.to, live[1]).Ended == nil {
		t.Error("copying again revived a session")
	}
}

// TestWhatEndedAndWasRemovedIsNotLeftAlive holds a copy that is taken up again
// after the tombstones were swept.
func TestWhatEndedAndWasRemovedIsNotLeftAlive(t *testing.T) {
	k := newKit(t)
	live, _ := k.fill(40)
	k.copy(k.from, k.to, nil)
	k.end(k.from, live[0])
	k.now = k.now.Add(time.Minute)
	if _, err := k.from.Sweep(t.Context(), k.now, 1000); err != nil {
		t.Fatal(err)
	}
	report := k.copy(k.from, k.to, nil)
	if report.Missing != 1 || report.Ended != 0 || !k.find(k.to, live[0]).Live(k.now) {
		t.Errorf("not asked to: got %+v", report)
	}
	report = k.copy(k.from, k.to, &storecopy.Options{EndMissing: true})
	if report.Missing != 1 || report.Ended != 1 || k.find(k.to, live[0]).Ended == nil {
		t.Errorf("asked to: got %+v", report)
	}
}

func TestABadCopyIsFound(t *testing.T) {
	k := newKit(t)
	k.fill(40)
	report := k.copy(k.from, &meddler{Store: k.to, before: func(n int, r *satra.Record) (*satra.Record, error) {
		if len(r.Values) > 0 && n < 8 {
			return withoutValues(r), nil
		}
		return r, nil
	}}, sequential())
	if report.Different == 0 || report.Verified+report.Different != 40 || !strings.Contains(strings.Join(report.Problems, "\n"), "differs in Values") {
		t.Errorf("a store that lost values: got %+v", report)
	}
}

func TestWhatIsRefusedIsTold(t *testing.T) {
	k := newKit(t)
	live, _ := k.fill(40)
	k.apply(k.from, live[0], &satra.Change{Set: []satra.Value{{Key: "big", Data: make([]byte, 2000)}}})
	small := memstore.New(&memstore.Options{MaxRecord: 1000, Now: func() time.Time { return k.now }})
	report := k.copy(k.from, small, nil)
	if report.Refused != 1 || report.Copied != 39 || len(report.Problems) == 0 || !strings.Contains(report.Problems[0], live[0].String()) {
		t.Errorf("one that is too large: got %+v", report)
	}

	full := memstore.New(&memstore.Options{Capacity: 20, Now: func() time.Time { return k.now }})
	for range 20 {
		k.begin(full, "bob") // never let go
	}
	if _, err := storecopy.Copy(t.Context(), k.from, full, nil); !errors.Is(err, satra.ErrFull) {
		t.Errorf("a store that is full: got error %v, want ErrFull", err)
	}
}

func TestProgressIsTold(t *testing.T) {
	k := newKit(t)
	k.fill(3000)
	var told []string
	var last float64
	k.copy(k.from, k.to, &storecopy.Options{Progress: func(doing string, done float64, copied int64) {
		if len(told) == 0 || told[len(told)-1] != doing {
			told, last = append(told, doing), 0
		}
		if done < last || done > 1 {
			t.Errorf("%s: %v after %v", doing, done, last)
		}
		last = done
	}})
	if got, want := strings.Join(told, "; "), "copying; copying what changed meanwhile (pass 2); verifying"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if last != 1 {
		t.Errorf("the last that was told is %v", last)
	}
}

// TestWhatChangesDuringTheComparison holds the last moment: who is disabled there
// then, and a session that begins then, are taken over, and the report tells that
// the store is in use.
func TestWhatChangesDuringTheComparison(t *testing.T) {
	k := newKit(t)
	k.begin(k.from, "alice")
	meddled := false
	report := k.copy(k.from, k.to, &storecopy.Options{Progress: func(doing string, done float64, copied int64) {
		if doing != "verifying" || meddled {
			return
		}
		meddled = true
		if _, err := k.from.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "mallory", Access: satra.AccessDeny}); err != nil {
			t.Error(err)
		}
		k.begin(k.from, "carol")
	}})
	if state, err := k.to.Principal(t.Context(), "mallory"); err != nil || !state.Disabled || report.Changed != 2 || report.Verified != 2 {
		t.Errorf("got %+v; disabled %v, %v; want both taken over and told", report, state.Disabled, err)
	}
}
