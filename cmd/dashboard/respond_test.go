package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/detect"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/memstore"
)

// TestAnActIsTriedAgain while the store is down, and given up in the end.
func TestAnActIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			answers []error // the last one stays
			tries   int
			want    error
		}{
			{[]error{nil}, 1, nil},
			{[]error{satra.ErrEnded}, 1, nil},
			{[]error{satra.ErrNotFound}, 1, nil},
			{[]error{satra.ErrTooLarge}, 1, satra.ErrTooLarge},
			{[]error{fmt.Errorf("down: %w", satra.ErrUnavailable), satra.ErrUnavailable, nil}, 3, nil},
			{[]error{satra.ErrUnavailable, satra.ErrEnded}, 2, nil},
			{[]error{satra.ErrUnavailable}, 9, satra.ErrUnavailable}, // 100 ms, 200 ms, … within 30 s
		} {
			ctx, cancel := context.WithTimeout(t.Context(), actPatience)
			tries := 0
			err := insist(ctx, func() error {
				tries++
				return c.answers[min(tries, len(c.answers))-1]
			})
			cancel()
			if !errors.Is(err, c.want) || c.want == nil && err != nil || tries != c.tries {
				t.Errorf("%v: got %v after %d tries, want %v after %d", c.answers, err, tries, c.want, c.tries)
			}
		}
	})
}

// unreachable is a store that is down.
type unreachable struct{ satra.Store }

func (unreachable) Find(context.Context, satra.ID, satra.Freshness) (*satra.Record, error) {
	return nil, satra.ErrUnavailable
}

// An alertFunc is an alert that has nothing to tell, and does this at the end.
type alertFunc func(context.Context) error

func (alertFunc) Notify(context.Context, detect.Decision) error { return nil }

func (f alertFunc) Close(ctx context.Context) error { return f(ctx) }

// TestTheLogHasItsTimeToEnd, though an act cannot be done, and nobody answers who is to be
// told. What comes of it all is said.
func TestTheLogHasItsTimeToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, err := audit.NewRing(audit.NewKey())
		if err != nil {
			t.Fatal(err)
		}
		sink := audit.NewMemory(0)
		a, said := &auditing{}, new(lines)
		log := slog.New(slog.NewTextHandler(said, nil))
		if a.watch, err = watchFrom(t.Context(), audit.NewReader(sink, keys), nil, log); err != nil {
			t.Fatal(err)
		}
		late := func(e audit.Entry) {
			if e.Kind == audit.KindClosed {
				a.watch.findings <- caught{detect.Finding{Rule: detect.UnusualActor, Text: "the last"}, ""}
			}
		}
		if a.log, err = audit.Open(t.Context(), sink, &audit.Options{Keys: keys, Copy: late}); err != nil {
			t.Fatal(err)
		}
		sessions, err := satra.New(unreachable{memstore.New(nil)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := settings.Load(nil, []string{"DETECTION=enforce"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.respond(s, sessions, log); err != nil {
			t.Fatal(err)
		}
		down := errors.New("nobody answers")
		closing := func(ctx context.Context) error {
			if err := a.log.Flush(ctx); !errors.Is(err, audit.ErrClosed) {
				t.Errorf("the alerts are closed before the log: %v", err)
			}
			<-ctx.Done()
			return down
		}
		a.acts.alerts = alerts{alertFunc(closing), alertFunc(closing)}
		a.watch.findings <- caught{detect.Finding{Rule: detect.TwoPlaces, Strength: detect.Strong, Session: satra.ID{1}}, ""}
		began := time.Now()
		if err := a.Close(); !errors.Is(err, down) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != patience {
			t.Errorf("it took %s, want %s", took, patience)
		}
		entries, err := audit.NewReader(sink, keys).Entries(t.Context(), audit.Filter{Kind: audit.KindClosed})
		if err != nil || len(entries) != 1 {
			t.Errorf("the log's end is not in order: %+v, %v", entries, err)
		}
		for _, want := range []string{`"detect: step-up after two_places: `, "text=\"the last\""} {
			if !strings.Contains(said.String(), want) {
				t.Errorf("the program's log does not say %s:\n%s", want, said)
			}
		}
		if err := sessions.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
