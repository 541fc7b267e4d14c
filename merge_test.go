package satra

import (
	"errors"
	"testing"
	"time"
)

func TestMerge(t *testing.T) {
	t0 := time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC)
	end := &End{At: t0, Reason: ReasonSignedOut}
	record := func(principal string, generation uint32, version uint64, seen int, ended *End) *Record {
		return &Record{
			ID: ID{1}, Principal: principal, Generation: generation, Version: version,
			Seen: t0.Add(time.Duration(seen) * time.Second), Ended: ended,
			LastDevice: Device{Addr: []string{"none", "first", "second", "third"}[seen]},
		}
	}
	here, there := record("", 1, 3, 1, nil), record("", 1, 3, 1, nil)
	for _, c := range []struct {
		name       string
		here, from *Record
		want       *Record // nil: ErrConflict
	}{
		{"the same is nothing", here, there, here},
		{"a later change replaces", here, record("", 1, 4, 2, nil), record("", 1, 4, 2, nil)},
		{"an earlier one does not", here, record("", 1, 2, 1, nil), here},
		{"what was seen here later is kept", record("", 1, 3, 3, nil), record("", 1, 4, 2, nil), record("", 1, 4, 3, nil)},
		{"what was seen there later is taken", here, record("", 1, 2, 2, nil), record("", 1, 3, 2, nil)},
		{"an end there is final", record("", 1, 9, 1, nil), record("", 1, 4, 1, end), record("", 1, 10, 1, end)},
		{"an end here is final", record("", 1, 3, 1, end), record("", 1, 9, 2, nil), record("", 1, 3, 1, end)},
		{"the first end stays", record("", 1, 3, 1, end), record("", 1, 9, 2, &End{At: t0, Reason: ReasonLimit}), record("", 1, 3, 1, end)},
		{"a sign-in there", here, record("alice", 2, 4, 1, nil), record("alice", 2, 4, 1, nil)},
		{"a sign-in here, whatever was changed there", record("alice", 2, 4, 1, nil), record("", 1, 9, 1, nil), record("alice", 2, 4, 1, nil)},
		{"another principal's", record("alice", 2, 4, 1, nil), record("bob", 2, 5, 1, nil), nil},
		{"another principal's, older", record("alice", 2, 4, 1, nil), record("bob", 2, 3, 1, nil), nil},
		{"an end of what it was before it was signed in here", record("alice", 2, 4, 1, nil), record("", 1, 3, 1, end), record("alice", 2, 5, 1, end)},
		{"an end there of a version that is older", record("alice", 3, 9, 1, nil), record("alice", 2, 4, 1, end), record("alice", 3, 10, 1, end)},
		{"another principal's end", record("alice", 2, 4, 1, nil), record("bob", 2, 3, 1, end), nil},
		{"another ID", here, &Record{ID: ID{2}}, nil},
	} {
		got, err := c.here.Merge(c.from)
		if c.want == nil {
			if !errors.Is(err, ErrConflict) {
				t.Errorf("%s: got error %v, want ErrConflict", c.name, err)
			}
			continue
		}
		if err != nil || got.Version != c.want.Version || !got.Seen.Equal(c.want.Seen) || got.Principal != c.want.Principal ||
			(got.Ended == nil) != (c.want.Ended == nil) || got.Ended != nil && *got.Ended != *c.want.Ended || got.LastDevice != c.want.LastDevice {
			t.Errorf("%s: got %+v, %v; want %+v", c.name, *got, err, *c.want)
		}
		if same := got == c.here; same != (c.want == c.here || c.here.Ended != nil || c.name == "a sign-in here, whatever was changed there") {
			t.Errorf("%s: returned the record itself: %v", c.name, same)
		}
	}
}
