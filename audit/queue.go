package audit

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// An item is an entry that waits for the sink.
type item struct {
	draft   draft
	written chan error // is told once, or nil
	late    bool       // taken while the log ends, too
}

// A queue holds what waits for the sink.
type queue struct {
	most   int
	window time.Duration
	wake   chan struct{} // has one if there may be something to do

	mu      sync.Mutex
	items   []item
	counted map[countedKey]*refusals
	dropped map[satra.Kind]int
	flushes []chan error // are told once, when nothing waits any more
	closed  bool         // what comes now is too late, unless it comes of what is being written
	ended   bool         // nobody writes any more
}

// refusals are counted together as one entry. They wait by this log's own clock: that
// of the entries is the store's.
type refusals struct {
	entry Entry
	heard time.Time // the first of them
}

// maxCounted bounds the networks whose refusals are counted at once.
const maxCounted = 2048

// A countedKey is what refusals have in common that are one entry.
type countedKey struct {
	kind      satra.Kind
	network   netip.Prefix
	session   satra.ID
	principal string
}

func newQueue(most int, window time.Duration) *queue {
	return &queue{
		most: most, window: window, wake: make(chan struct{}, 1),
		counted: map[countedKey]*refusals{}, dropped: map[satra.Kind]int{},
	}
}

// A class says what becomes of an entry when many come.
type class uint8

const (
	kept    class = iota // always
	missing              // counted if there is no room
	counted              // together with others, and may be missing
)

func classOf(d draft) class {
	switch d.entry.Kind {
	case satra.EventUnknownToken, satra.EventRetiredToken, satra.EventShownOver, satra.EventAmbiguous, satra.EventCSRFRejected,
		satra.EventCrossOrigin, satra.EventSignInRefused, satra.EventUnreadable, satra.EventStoreFailed:
		return counted
	case satra.EventCreated, satra.EventRenewed, satra.EventExtended, satra.EventReusedToken, satra.EventSeenElsewhere, KindFinding:
		return missing
	}
	return kept
}

// errNoRoom is what whoever waits for an entry is told: unlike an end, it can be
// tried again.
var errNoRoom = fmt.Errorf("audit: %w: too many entries wait for the sink", satra.ErrUnavailable)

// put takes an entry. It is [ErrClosed] if the queue is closed, and errNoRoom if the
// queue is full and somebody waits for an entry that can be refused.
func (q *queue) put(it item, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	class, full := classOf(it.draft), len(q.items) >= q.most
	switch {
	case q.ended || q.closed && !it.late:
		return ErrClosed
	case it.written != nil && full && !isNeeded(it.draft.entry):
		return errNoRoom
	case it.written != nil || class == kept:
		q.items = append(q.items, it)
	case class == counted:
		if !q.count(it.draft.entry, now) {
			return nil // the first of them has woken the writer
		}
	case !full:
		q.items = append(q.items, it)
	default:
		q.dropped[it.draft.entry.Kind]++
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// isNeeded reports whether an entry is taken whatever waits: that of an end, which
// goes on in any case, and what became of an act that has been done.
func isNeeded(e Entry) bool {
	return e.Kind == satra.EventEnded || e.Kind == satra.EventEndedAll || e.Outcome == Done || e.Outcome == Failed
}

// count adds a refusal to those of its kind, and reports whether it is the first.
func (q *queue) count(e Entry, now time.Time) bool {
	key := countedKey{e.Kind, network(e.Address), e.Session, e.Principal}
	if first := q.counted[key]; first != nil {
		first.entry.Count++
		return false
	}
	if len(q.counted) >= maxCounted {
		q.dropped[e.Kind]++
		return true
	}
	q.counted[key] = &refusals{e, now}
	return true
}

// network is an address as others are told from it: of IPv6, its /64.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // of no address: none
	return p
}

// hasRoom reports whether one more entry may come that has to be kept.
func (q *queue) hasRoom() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && len(q.items) < q.most
}

// take returns up to n entries in their order, and when to look again for
// refusals that are being counted: zero if there are none.
func (q *queue) take(n int, now time.Time) (batch []item, again time.Time, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	again = q.ripen(now)
	if len(q.items) == 0 { // and what was taken before is written
		q.release(nil)
	}
	n = min(n, len(q.items))
	batch = slices.Clone(q.items[:n])
	clear(q.items[:n])
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil // what a flood has grown goes
	}
	return batch, again, q.closed && len(q.items) == 0
}

// ripen moves refusals whose window is over into the queue.
func (q *queue) ripen(now time.Time) (again time.Time) {
	var ripe []Entry
	for key, r := range q.counted {
		due := r.heard.Add(q.window)
		switch {
		case q.closed || len(q.flushes) > 0 || !now.Before(due):
			ripe = append(ripe, r.entry)
			delete(q.counted, key)
		case again.IsZero() || due.Before(again):
			again = due
		}
	}
	slices.SortFunc(ripe, func(a, b Entry) int { return a.At.Compare(b.At) })
	for _, e := range ripe {
		if len(q.items) < q.most/2 || q.closed { // the rest is for what must not be missing
			q.items = append(q.items, item{draft: draft{entry: e}})
		} else {
			q.dropped[e.Kind] += e.Count
		}
	}
	if len(q.dropped) > 0 && len(q.items) < q.most {
		q.items = append(q.items, item{draft: draft{entry: q.missed(now)}})
		clear(q.dropped)
	}
	return again
}

// missed tells how many of what were dropped.
func (q *queue) missed(now time.Time) Entry {
	var told []string
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(q.dropped)) {
		told = append(told, fmt.Sprintf("%d %s", q.dropped[kind], kind))
		total += q.dropped[kind]
	}
	return Entry{At: now, Kind: KindDropped, Count: total, Detail: strings.Join(told, ", ")}.bounded()
}

// flush has what is counted written now, and returns what is told when nothing waits any
// more: nil, or that what waited was refused.
func (q *queue) flush() (<-chan error, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return nil, ErrClosed
	}
	flushed := make(chan error, 1)
	q.flushes = append(q.flushes, flushed)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return flushed, nil
}

// release tells those who flush that nothing waits, and why.
func (q *queue) release(why error) {
	for _, flushed := range q.flushes {
		flushed <- why
	}
	q.flushes = nil
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// refuse tells those who wait that their entries are not written.
func (q *queue) refuse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.ended = true, true
	q.release(ErrClosed)
	for _, it := range q.items {
		if it.written != nil {
			it.written <- ErrClosed
		}
	}
	q.items = nil
}
