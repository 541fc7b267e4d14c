package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/satra-sessions/satra"
)

var t0 = time.Date(2026, 11, 24, 3, 45, 0, 0, time.UTC)

func newRecord() *satra.Record {
	r := &satra.Record{Generation: 1, Version: 1, Created: t0, Begun: t0, Seen: t0, Idle: time.Hour, Lifetime: 12 * time.Hour}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	return r
}

// create puts a record in, signed in as the principal unless that is "".
func create(t *testing.T, s *Store, principal string) *satra.Record {
	t.Helper()
	r := newRecord()
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if principal != "" {
		state, err := s.Principal(t.Context(), principal)
		if err != nil {
			t.Fatal(err)
		}
		c := signIn(principal)
		c.SignIn.Epoch = state.Epoch
		apply(t, s, r.ID, c)
	}
	return find(t, s, r.ID)
}

func signIn(principal string) *satra.Change {
	return &satra.Change{At: t0, SignIn: &satra.Binding{Principal: principal, Secret: satra.Hash{1}}}
}

func apply(t *testing.T, s *Store, id satra.ID, c *satra.Change) {
	t.Helper()
	if _, err := s.Apply(t.Context(), id, c); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

func find(t *testing.T, s *Store, id satra.ID) *satra.Record {
	t.Helper()
	r, err := s.Find(t.Context(), id, satra.Fresh)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	return r
}

func set(key, data string) *satra.Change {
	return &satra.Change{At: t0, Set: []satra.Value{{Key: key, Data: []byte(data)}}}
}

// meanwhile holds the row of a session while call begins, lets statement change
// it when call waits for it, and returns call's error.
func meanwhile(t *testing.T, s *Store, id satra.ID, statement string, call func() error) error {
	t.Helper()
	return meanwhileAnd(t, s, id, statement, func() {}, call)
}

// meanwhileAnd also calls waits when call waits.
func meanwhileAnd(t *testing.T, s *Store, id satra.ID, statement string, waits func(), call func() error) error {
	t.Helper()
	conn, looking := direct(t), direct(t)
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), s.in("update {schema}.sessions set "+statement+" where id = $1"), id[:]); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() { answer <- call() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for waiting := 0; waiting == 0; {
		// For this row, that is: others may wait for something else.
		if err := looking.QueryRow(ctx, "select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))", conn.PgConn().PID()).Scan(&waiting); err != nil {
			t.Fatalf("nobody waits for the row: %v", err)
		}
	}
	waits()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return <-answer
}

// What another transaction has written while a call waited for it is what the call
// goes on from. That is PostgreSQL's promise for conditions and values of one row,
// and not for what is joined to it.
func TestWhoHasWaitedGoesOnFromWhatTheOtherWrote(t *testing.T) {
	s := open(t, options())
	const writes = `version = version + 1, keys = '{a,o}', data = '{9,9}', revs = '{7,7}'`
	const touches = `seen = seen + 1800000000, last_agent = 'other'`
	const ends = `ended_at = 0, end_reason = 'administrator', keys = '{}', data = '{}', revs = '{}'`
	later := &satra.Change{At: t0, Seen: t0.Add(time.Minute), Device: &satra.Device{UserAgent: "late"}}
	ifRev := set("a", "2")
	ifRev.IfRev = []satra.Rev{{Key: "a", Rev: 2}}
	renewal := &satra.Change{At: t0, Renew: &satra.Renew{New: satra.Hash{2}, Keep: 1}}
	for _, test := range []struct {
		name, meanwhile string
		change          *satra.Change
		want            error
		check           func(r *satra.Record) bool
	}{
		{"a set keeps the other's key", writes, set("b", "2"), nil, func(r *satra.Record) bool {
			o, _ := r.Value("o")
			b, _ := r.Value("b")
			return string(o.Data) == "9" && b.Rev == 4 && len(r.Values) == 3
		}},
		{"a delete keeps the other's key", writes, &satra.Change{At: t0, Delete: []string{"a"}}, nil, func(r *satra.Record) bool {
			return len(r.Values) == 1 && r.Values[0].Key == "o"
		}},
		{"a set on a version that is gone", writes, ifRev, satra.ErrConflict, func(r *satra.Record) bool { return r.Version == 3 }},
		{"a set on a session that was ended", ends, set("b", "2"), satra.ErrEnded, func(r *satra.Record) bool { return len(r.Values) == 0 }},
		{"an end of a session that was ended", ends, &satra.Change{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonLimit}}, satra.ErrEnded,
			func(r *satra.Record) bool { return r.Ended.Reason == satra.ReasonAdministrator }},
		{"a touch that is older", touches, later, nil, func(r *satra.Record) bool {
			return r.Seen.Equal(t0.Add(30*time.Minute)) && r.LastDevice.UserAgent == "other"
		}},
		{"a renewal keeps the other's touch and key", writes + ", " + touches, renewal, nil, func(r *satra.Record) bool {
			return r.Seen.Equal(t0.Add(30*time.Minute)) && len(r.Values) == 2 && r.Secret == renewal.Renew.New
		}},
		{"a sign-in keeps the other's touch", touches, signIn("alice"), nil, func(r *satra.Record) bool {
			return r.Seen.Equal(t0.Add(30*time.Minute)) && r.Principal == "alice"
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := create(t, s, "")
			apply(t, s, r.ID, set("a", "1"))
			if test.change.Renew != nil {
				test.change.Renew.Old = r.Secret
			}
			err := meanwhile(t, s, r.ID, test.meanwhile, func() error {
				_, err := s.Apply(t.Context(), r.ID, test.change)
				return err
			})
			if got := find(t, s, r.ID); !errors.Is(err, test.want) || !test.check(got) {
				t.Errorf("got error %v, want %v; the record has version %d and %v", err, test.want, got.Version, got.Values)
			}
		})
	}
}

func TestAnEndOfAllThatHasWaitedGoesOnFromWhatTheOtherWrote(t *testing.T) {
	for name, e := range map[string]satra.Ending{"one": {Principal: "alice"}, "everybody": {Everybody: true}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, options())
			e.At, e.End = t0, satra.End{At: t0, Reason: satra.ReasonAdministrator}
			r, gone := create(t, s, "alice"), create(t, s, "alice")
			apply(t, s, gone.ID, &satra.Change{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonSignedOut}})
			var ended []satra.Ended
			err := meanwhile(t, s, r.ID, "version = version + 5, keys = '{a}', data = '{9}', revs = '{7}'", func() (err error) {
				ended, err = s.EndAll(t.Context(), e)
				return err
			})
			got := find(t, s, r.ID)
			if err != nil || len(ended) != 1 || got.Ended == nil || got.Version != r.Version+6 || len(got.Values) != 0 {
				t.Errorf("got %d ended, %v, and version %d with %d values; want the one, version %d and none", len(ended), err, got.Version, len(got.Values), r.Version+6)
			}
			other := create(t, s, "alice2")
			err = meanwhile(t, s, other.ID, "ended_at = 0, end_reason = 'limit'", func() (err error) {
				ended, err = s.EndAll(t.Context(), satra.Ending{At: t0, Principal: "alice2", End: e.End})
				return err
			})
			if got := find(t, s, other.ID); err != nil || len(ended) != 0 || got.Ended.Reason != satra.ReasonLimit {
				t.Errorf("a session that the other ended: got %d ended, %v, reason %q; want none and its own", len(ended), err, got.Ended.Reason)
			}
		})
	}
}
