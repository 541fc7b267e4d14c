package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// TestAFloodFromAMillionNetworksIsBounded has a queue that nobody empties hear of
// unknown tokens from a million networks, and of sessions begun.
func TestAFloodFromAMillionNetworksIsBounded(t *testing.T) {
	q := newQueue(100, 10*time.Second)
	for n := range 1_000_000 {
		var a [16]byte
		a[0] = 0x20
		binary.BigEndian.PutUint32(a[3:], uint32(n))
		e := Entry{At: noon, Kind: satra.EventUnknownToken, Address: netip.AddrFrom16(a), Count: 1}
		q.put(item{draft: draft{entry: e}}, noon)
		if n%10 == 0 {
			e.Kind = satra.EventCreated
			q.put(item{draft: draft{entry: e}}, noon)
		}
	}
	if len(q.counted) > maxCounted || len(q.items) > 100 {
		t.Errorf("got %d networks and %d entries that wait", len(q.counted), len(q.items))
	}
	if q.hasRoom() {
		t.Error("there is room for a sign-in in a queue that is full")
	}
	if got := q.dropped[satra.EventUnknownToken] + len(q.counted); got != 1_000_000 {
		t.Errorf("%d of a million are counted or told as missing", got)
	}
	// An end is taken all the same.
	q.put(item{draft: draft{entry: Entry{At: noon, Kind: satra.EventEnded}}}, noon)
	if len(q.items) != 101 {
		t.Error("an end was not taken")
	}
	// Emptied, it tells all that was counted and all that is missing.
	total := 0
	for later := noon.Add(time.Minute); ; later = later.Add(time.Minute) {
		batch, _, _ := q.take(64, later)
		if len(batch) == 0 {
			break
		}
		for _, it := range batch {
			if k := it.draft.entry.Kind; k == satra.EventUnknownToken || k == KindDropped || k == satra.EventCreated {
				total += it.draft.entry.Count
			}
		}
	}
	if total != 1_100_000 {
		t.Errorf("got %d in the log, want each of 1,100,000 counted or told as missing", total)
	}
}

// TestWhoWaitsIsToldThatThereIsNoRoom fills a queue that nobody empties by requests
// that each wait for their entry, and go away.
func TestWhoWaitsIsToldThatThereIsNoRoom(t *testing.T) {
	l, err := prepare(NewMemory(0), &Options{Keys: newTestRing(t, 1), Queue: 3})
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range 10 {
		want := context.Canceled
		if n >= 3 {
			want = satra.ErrUnavailable
		}
		if err := l.Record(gone, Entry{Kind: "order"}); !errors.Is(err, want) {
			t.Errorf("entry %d: got %v, want %v", n, err, want)
		}
	}
	if n := len(l.queue.items); n != 3 {
		t.Errorf("%d entries wait, want 3", n)
	}
	nothing := func(context.Context) error { t.Error("it was done without being written down"); return nil }
	if err := l.Act(gone, Entry{Kind: "disable"}, nothing); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("an act: got %v, want ErrUnavailable", err)
	}
	// What has been done is not forgotten for want of room.
	if err := l.Record(gone, Entry{Kind: "disable", Outcome: Done}); !errors.Is(err, context.Canceled) {
		t.Errorf("an outcome: got %v, want it taken", err)
	}
}
