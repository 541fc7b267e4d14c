package pgstore

import (
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// underWay returns how many endings of everybody are not done, and how many sessions
// live.
func underWay(t *testing.T, s *Store) (endings, live int) {
	t.Helper()
	err := direct(t).QueryRow(t.Context(), s.in("select (select count(*) from {schema}.endings), (select count(*) from {schema}.sessions where ended_at is null)")).Scan(&endings, &live)
	if err != nil {
		t.Fatal(err)
	}
	return endings, live
}

// What a node that was killed has left of an ending another does: whoever asks
// for a principal first, or sweeps.
func TestAnEndingThatACrashInterruptedIsGoneOnWith(t *testing.T) {
	for name, call := range map[string]func(s *Store) error{
		"Principal": func(s *Store) error { _, err := s.Principal(t.Context(), "alice"); return err },
		"Sweep":     func(s *Store) error { _, err := s.Sweep(t.Context(), t0, 1); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options())
			fill(t, s)
			stays, since := newRecord(), newRecord()
			since.Begun = t0.Add(time.Microsecond)
			if err := s.Create(t.Context(), stays); err != nil {
				t.Fatal(err)
			}
			want := satra.End{At: t0, Reason: satra.ReasonAdministrator, Actor: "root"}
			u, err := s.beginEnding(t.Context(), satra.Ending{At: t0, Everybody: true, Except: stays.ID, End: want})
			if err != nil {
				t.Fatal(err)
			}
			if ended, done, err := s.step(t.Context(), u); len(ended) != endedAtOnce || done || err != nil {
				t.Fatalf("the first step ended %d, done %v, %v", len(ended), done, err)
			}
			s.Close()

			o := options()
			o.Schema = s.schema
			other := open(t, o)
			if err := other.Create(t.Context(), since); err != nil {
				t.Fatal(err)
			}
			if err := call(other); err != nil {
				t.Fatal(err)
			}
			if endings, live := underWay(t, other); endings != 1 || live != 10_002-endedAtOnce+1 {
				t.Errorf("while its node may be at work: %d endings under way, %d sessions live; want one, and those that are left", endings, live)
			}
			execute(t, other, "update {schema}.endings set due = clock_timestamp()")
			if err := call(other); err != nil {
				t.Fatal(err)
			}
			if endings, live := underWay(t, other); endings != 0 || live != 2 {
				t.Errorf("%d endings are under way, %d sessions live; want none, and two", endings, live)
			}
			if find(t, other, stays.ID).Ended != nil || find(t, other, since.ID).Ended != nil {
				t.Error("the one that stays was ended, or the one that has begun since")
			}
			page, err := other.List(t.Context(), satra.Query{At: t0, Ended: true, Limit: 1000})
			if err != nil || len(page.Records) != 1000 || *page.Records[0].Ended != want {
				t.Errorf("%d are listed as ended, %v; want a thousand, by %+v", len(page.Records), err, want)
			}
		})
	}
}

func TestTwoDoNotTakeTheSameEndingOver(t *testing.T) {
	s := open(t, options())
	if _, err := s.beginEnding(t.Context(), satra.Ending{At: t0, Everybody: true, End: satra.End{At: t0}}); err != nil {
		t.Fatal(err)
	}
	execute(t, s, "update {schema}.endings set due = clock_timestamp()")
	first, err := s.takeOver(t.Context())
	if first == nil || err != nil {
		t.Fatalf("got %v, %v; want the ending", first, err)
	}
	if second, err := s.takeOver(t.Context()); second != nil || err != nil {
		t.Errorf("the second got %v, %v; want none", second, err)
	}
	if _, done, err := s.step(t.Context(), first); !done || err != nil {
		t.Errorf("the step: done %v, %v", done, err)
	}
	if endings, _ := underWay(t, s); endings != 0 {
		t.Errorf("%d endings are left, want none", endings)
	}
}

// A schema of the first version is brought up to date, with what is in it.
func TestASchemaOfTheFirstVersionKeepsItsSessions(t *testing.T) {
	s := open(t, options())
	r := create(t, s, "alice")
	s.Close()
	for _, statement := range []string{
		"drop table {schema}.audit", "drop table {schema}.audit_keys", "drop table {schema}.limits", "drop table {schema}.endings", "drop index {schema}.principals_disabled", "update {schema}.version set version = 1",
	} {
		execute(t, s, statement)
	}
	o := options()
	o.Schema = s.schema
	again := open(t, o)
	if got := find(t, again, r.ID); got.Principal != "alice" {
		t.Errorf("got the principal %q, want alice", got.Principal)
	}
	ended, err := again.EndAll(t.Context(), satra.Ending{At: t0, Everybody: true, End: satra.End{At: t0}})
	if err != nil || len(ended) != 1 {
		t.Errorf("EndAll of everybody: %d, %v; want one", len(ended), err)
	}
}
