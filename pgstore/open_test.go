package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

func TestAWrongURLIsNamedWithARightOneAndNoPassword(t *testing.T) {
	const secret = "s3cr3t"
	for _, test := range []struct{ url, want string }{
		{"", "is empty"},
		{"mysql://u:" + secret + "@localhost/db", "does not begin with postgres://"},
		{"host=localhost password=" + secret, "does not begin with postgres://"},
		{"postgres:u:" + secret + "@localhost/db", "lacks the //"},
		{"postgres:///db?password=" + secret, "names no host"},
		{"postgres://u:" + secret + "/x@localhost/db", "is not a URL"},
		{"postgres://u:" + secret + "%zz@localhost/db", "is not a URL"},
		{"postgres://u:" + secret + "@localhost:99999/db", "has a port"},
		{"postgres://u:" + secret + "@localhost/db?pool_max_conns=" + secret, "has a port or parameter"},
		{"postgres://u:" + secret + "@localhost/db?sslmode=" + secret, "sslmode is none of"},
		{"postgres://u:" + secret + "@localhost/db?sslrootcert=/nowhere/" + secret, "names a file that is not there"},
	} {
		_, err := Open(t.Context(), test.url, nil)
		if err == nil {
			t.Errorf("%s: got no error", test.want)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, test.want) || !strings.Contains(text, rightURL) || strings.Contains(text, secret) {
			t.Errorf("got %q, want %q, the example and no password", text, test.want)
		}
	}
}

func TestAServerThatRefusesIsUnavailableAndTheErrorTellsNoPassword(t *testing.T) {
	url := strings.Replace(server.URL("nodatabase"), "postgres@", "nobody:s3cr3t@", 1)
	_, err := Open(t.Context(), url, nil)
	if !errors.Is(err, satra.ErrUnavailable) || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v, want ErrUnavailable and no password", err)
	}
}

func TestAllThatIsWrongWithTheOptionsIsTold(t *testing.T) {
	_, err := Open(t.Context(), "nonsense", &Options{Schema: "a-b", Timeout: time.Millisecond, MaxConns: -1, MaxRecord: 1 << 40, Pooled: true})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"Options.Schema", "Options.Timeout", "Options.MaxConns", "Options.MaxRecord", "Options.WatchURL", "the URL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s named", err, want)
		}
	}
}

func TestNodesThatOpenAtOnceMigrateOnce(t *testing.T) {
	o := options()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := Open(t.Context(), server.URL("postgres"), o)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			defer s.Close()
			r := newRecord()
			if err := s.Create(t.Context(), r); err != nil {
				t.Errorf("Create: %v", err)
			}
		})
	}
	wg.Wait()
	s := open(t, o)
	page, err := s.List(t.Context(), satra.Query{At: t0, Limit: 100})
	if err != nil || len(page.Records) != 8 {
		t.Errorf("got %d records, %v; want what each of the 8 nodes has created", len(page.Records), err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	o := options()
	s := open(t, o)
	r := create(t, s, "")
	execute(t, s, "update {schema}.version set version = version + 1")
	_, err := Open(t.Context(), server.URL("postgres"), o)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("of version %d", len(migrations)+1)) || !strings.Contains(err.Error(), o.Schema) {
		t.Errorf("got %v, want an error that names the schema and its version", err)
	}
	find(t, s, r.ID) // who was there before goes on
}

func TestARoleThatMayNotCreateASchemaCanBeGivenOne(t *testing.T) {
	o := options()
	conn := direct(t)
	role := "app_" + o.Schema
	for _, statement := range []string{"create role " + role + " login", "create schema " + o.Schema + " authorization " + role} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), strings.Replace(server.URL("postgres"), "postgres@", role+"@", 1), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	create(t, s, "alice")
}

func TestTheDurabilityIsWhatTheSettingsAllow(t *testing.T) {
	safe := settings{version: 15_00_00, isolation: "read committed", fsync: "on", fullPageWrites: "on", synchronousCommit: "on"}
	for _, test := range []struct {
		name string
		edit func(*settings)
		want satra.Durability
	}{
		{"", func(*settings) {}, satra.DurablePower},
		{"", func(f *settings) { f.synchronousCommit = "local" }, satra.DurablePower},
		{"fsync", func(f *settings) { f.fsync = "off" }, satra.DurableProcess},
		{"full_page_writes", func(f *settings) { f.fullPageWrites = "off" }, satra.DurableProcess},
		{"synchronous_commit", func(f *settings) { f.synchronousCommit = "off" }, satra.DurableNot},
	} {
		f := safe
		test.edit(&f)
		if got := f.durability(); got != test.want {
			t.Errorf("%+v: got %d, want %d", f, got, test.want)
		}
		if err := f.weaker(); (err == nil) != (test.name == "") || err != nil && !strings.Contains(err.Error(), test.name) {
			t.Errorf("%+v: got %v, want %q named", f, err, test.name)
		}
	}
	old := safe
	old.version = 11_22_00
	if err := old.usable(); err == nil {
		t.Errorf("PostgreSQL 11: got no error")
	}
}

func TestTheSettingsAreReadFromTheServer(t *testing.T) {
	s := open(t, options())
	if err := s.Check(t.Context()); err != nil || s.Features().Durable != satra.DurablePower {
		t.Errorf("with the server's defaults: got %v, durability %d; want nothing, and that a power cut is survived", err, s.Features().Durable)
	}
	o := options()
	o.Configure = func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["synchronous_commit"] = "off" }
	s = open(t, o)
	if err := s.Check(t.Context()); err == nil || s.Features().Durable != satra.DurableNot {
		t.Errorf("with synchronous_commit off: got %v, durability %d; want it named, and none", err, s.Features().Durable)
	}
}

func TestATouchAloneDoesNotWaitForTheDisk(t *testing.T) {
	o := options()
	o.MaxConns = 1
	s := open(t, o)
	r := create(t, s, "")
	setting := func() (now string) {
		err := s.do(t.Context(), "show", func(ctx context.Context, conn *pgxpool.Conn) error {
			return conn.QueryRow(ctx, "show synchronous_commit").Scan(&now)
		})
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	// What a touch set for itself is gone with it.
	apply(t, s, r.ID, &satra.Change{At: t0, Seen: t0.Add(time.Second)})
	if got := setting(); got != "on" {
		t.Errorf("after a touch: synchronous_commit is %q on its connection, want on", got)
	}
	touch, _ := s.plainUpdate(r.ID, &satra.Change{At: t0, Seen: t0})
	for what, c := range map[string]*satra.Change{
		"a set":       set("a", "1"),
		"an end":      {At: t0, Seen: t0, End: &satra.End{At: t0}},
		"new limits":  {At: t0, Seen: t0, Idle: time.Hour},
		"a set touch": {At: t0, Seen: t0, Delete: []string{"a"}},
	} {
		if text, _ := s.plainUpdate(r.ID, c); strings.Contains(text, "synchronous_commit") || !strings.Contains(touch, "synchronous_commit") {
			t.Errorf("%s waits for the disk: %v, a touch: %v; want true and false", what, !strings.Contains(text, "synchronous_commit"), !strings.Contains(touch, "synchronous_commit"))
		}
	}
}
