package sqlitestore

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// ofVersion makes a file as the version before has left it, with the records.
func ofVersion(t *testing.T, version int, records ...*satra.Record) (path string) {
	t.Helper()
	path = newPath(t)
	steps := []string{"PRAGMA journal_mode = WAL"}
	for _, m := range migrations[:version] {
		steps = append(steps, m.schema)
	}
	raw(t, path, append(steps, fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", version))...)
	asBefore(t, path, records...)
	return path
}

// asBefore writes records as the first version did.
func asBefore(t *testing.T, path string, records ...*satra.Record) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, r := range records {
		end := 0
		if r.Ended != nil {
			end = i + 1
		}
		_, err := db.Exec(`INSERT INTO sessions (id, principal, over, ended, record) VALUES (?, ?, ?, ?, ?)`, r.ID[:], []byte(r.Principal), overAt(r), end, pack(r))
		if err == nil && r.Ended != nil {
			_, err = db.Exec(`UPDATE state SET serial = ?`, end)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// inOrder are sessions of nobody, the first of which was used most lately.
func inOrder(n int) []*satra.Record {
	all := make([]*satra.Record, n)
	for i := range all {
		all[i] = newRecord()
		all[i].Seen = t0.Add(time.Duration(n-i) * time.Second)
	}
	return all
}

func TestAFileOfTheVersionBeforeKeepsItsSessions(t *testing.T) {
	records := inOrder(chunk + 10)
	alices := newRecord()
	alices.Principal, alices.Generation = "alice", 2
	over := newRecord()
	over.Ended = &satra.End{At: t0, Reason: satra.ReasonSignedOut, Actor: "somebody"}
	all := append(records, alices, over)
	path := ofVersion(t, 1, all...)

	s := opened(t, path, roomFor(2*len(records)))
	for _, want := range all {
		if got := found(t, s, want.ID); string(pack(got)) != string(pack(want)) || got.Principal != want.Principal {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	if got := counted(t, s); got.Records != len(all) || got.Anonymous != len(records) || got.Tombstones != 1 {
		t.Errorf("got %+v, want %d records, %d of them anonymous, one tombstone", got, len(all), len(records))
	}
	// They have not lost when they were used last.
	createdAt(t, s, time.Hour)
	if last := records[len(records)-1]; has(t, s, last.ID) || kept(t, s, ids(records)) != len(records)-1 {
		t.Errorf("the one that was used longest ago is there: %v, with %d others; want all others", has(t, s, last.ID), kept(t, s, ids(records)))
	}
	// Nobody is told of what ended before, and of what ends now somebody is.
	notices := make(chan satra.Notice, 10)
	go s.Watch(t.Context(), func(n satra.Notice) { notices <- n })
	<-notices // the Gap
	applied(t, opened(t, path, patient()), alices.ID, ending(satra.ReasonSignedOut))
	if n := <-notices; n.ID != alices.ID {
		t.Errorf("got the notice %+v, want alice's", n)
	}
}

func ids(records []*satra.Record) (all []satra.ID) {
	for _, r := range records {
		all = append(all, r.ID)
	}
	return all
}

// A program of the version before that had the file open goes on as it used to.
func TestWhatAnOlderProgramWroteIsCounted(t *testing.T) {
	path := newPath(t)
	s := opened(t, path, patient())
	created(t, s)
	asBefore(t, path, inOrder(3)...)
	if got, err := s.Stats(t.Context()); err != nil || got.Records != 1 {
		t.Fatalf("got %+v, %v; want that it is not known yet", got, err)
	}
	if got := counted(t, opened(t, path, patient())); got.Records != 4 || got.Anonymous != 4 {
		t.Errorf("got %+v, want that Open has counted 4", got)
	}
}
