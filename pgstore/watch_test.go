package pgstore

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// named gives a store's connections a name of their own, of the pool or of Watch.
func named(o *Options) *Options {
	n := 0
	o.Configure = func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["application_name"] = fmt.Sprintf("%s-%d", o.Schema, n)
		n++
	}
	return o
}

// terminate ends the connections that are so named, and waits until they are gone:
// those that there are now, and not what takes their place meanwhile.
func terminate(t *testing.T, name string) {
	t.Helper()
	conn := direct(t)
	var ended []int32
	err := conn.QueryRow(t.Context(), `select coalesce(array_agg(pid) filter (where pg_terminate_backend(pid)), '{}') from pg_stat_activity
		where application_name = $1 and pid <> pg_backend_pid()`, name).Scan(&ended)
	if err != nil || len(ended) == 0 {
		t.Fatalf("no connection is named %q, %v", name, err)
	}
	for left := 1; left > 0; {
		if err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where pid = any($1)", ended).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWatchThatWasCutOffTellsOfTheGapAndGoesOn(t *testing.T) {
	s := open(t, named(options()))
	ctx, cancel := context.WithCancel(t.Context())
	notices, over := make(chan satra.Notice, 100), make(chan error, 1)
	go func() { over <- s.Watch(ctx, func(n satra.Notice) { notices <- n }) }()
	for range 3 {
		if n := <-notices; !n.Gap {
			t.Errorf("after a new connection: got %+v, want the Gap first", n)
		}
		r := create(t, s, "")
		apply(t, s, r.ID, &satra.Change{At: t0, End: &satra.End{At: t0, Reason: "a % reason\x00\xff"}})
		if n := <-notices; n.ID != r.ID || n.Reason != "a % reason\x00\xff" || n.Gap {
			t.Errorf("got %+v, want the end", n)
		}
		terminate(t, s.schema+"-1")
	}
	<-notices
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: got %v, want its context's error", err)
	}
}

func TestCloseEndsAWatch(t *testing.T) {
	s := open(t, options())
	connected, over := make(chan satra.Notice, 1), make(chan error, 1)
	go func() { over <- s.Watch(t.Context(), func(n satra.Notice) { connected <- n }) }()
	<-connected
	s.Close()
	if err := <-over; !errors.Is(err, errClosed) {
		t.Errorf("got %v, want that the store is closed", err)
	}
}

func TestWhatCannotBeReadIsAGap(t *testing.T) {
	id := satra.ID{1, 2}
	for payload, want := range map[string]satra.Notice{
		fmt.Sprintf("%x idle", id[:]):   {ID: id, Reason: "idle"},
		fmt.Sprintf("%x", id[:]):        {ID: id},
		"":                              {Gap: true},
		"0102 idle":                     {Gap: true},
		fmt.Sprintf("%x00 idle", id[:]): {Gap: true},
		fmt.Sprintf("%x %%", id[:]):     {Gap: true},
	} {
		if got := notice(payload); got != want {
			t.Errorf("%q: got %+v, want %+v", payload, got, want)
		}
	}
}

// An end that is not committed is not announced: it has not happened.
func TestWhatWasRolledBackIsNotAnnounced(t *testing.T) {
	s := open(t, options())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	notices := make(chan satra.Notice, 100)
	go s.Watch(ctx, func(n satra.Notice) { notices <- n })
	<-notices
	r := create(t, s, "")
	err := s.do(t.Context(), "test", func(ctx context.Context, conn *pgxpool.Conn) error {
		ended := find(t, s, r.ID)
		ended.Ended = &satra.End{At: t0, Reason: satra.ReasonLimit}
		b := s.begin()
		s.queueSave(b, ended, &satra.Change{})
		b.Queue("rollback")
		return b.send(ctx, conn)
	})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, r.ID, &satra.Change{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonSignedOut}})
	if n := <-notices; n.Reason != satra.ReasonSignedOut {
		t.Errorf("got %+v, want the end that happened", n)
	}
}
