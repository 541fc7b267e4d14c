package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// schedule puts the entry into the queue of what will be over; the shard is
// locked.
func (s *Store) schedule(sh *shard, e *entry) { sh.expiring.push(item{e.overAt(), e}) }

// Sweep removes at most limit records that were over before the instant, oldest
// first. It holds one shard at a time, for one record.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.forgetEpochs(before)
	n, cut := 0, micros(before)
	for n < limit && s.removeOldest(cut) {
		n++
	}
	return n, nil
}

// removeOldest removes the record that was over first, if that was before the
// instant.
func (s *Store) removeOldest(before int64) bool {
	for {
		sh := earliest(s, func(sh *shard) *queue { return &sh.expiring }, before)
		if sh == nil {
			return false
		}
		if e := sh.takeOver(before); e != nil {
			s.remove(e)
			return true
		}
	}
}

// earliest returns the shard whose queue begins first, before the instant.
func earliest(s *Store, queueOf func(*shard) *queue, before int64) *shard {
	var found *shard
	for i := range s.shards {
		if at := queueOf(&s.shards[i]).first.Load(); at < before {
			before, found = at, &s.shards[i]
		}
	}
	return found
}

// takeOver takes one entry out of the queue: one that is over before the
// instant is returned, marked as removed; another goes back to its place.
func (sh *shard) takeOver(before int64) *entry {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x, ok := sh.expiring.pop(before)
	if !ok || x.e.removed {
		return nil
	}
	if at := x.e.overAt(); at != x.at {
		if at > x.at {
			sh.expiring.push(item{at, x.e})
		}
		return nil
	}
	sh.drop(x.e)
	return x.e
}

// drop takes the entry out of its shard, which is locked.
func (sh *shard) drop(e *entry) {
	e.removed = true
	delete(sh.records, e.id)
}

// remove counts an entry that was dropped, and takes it out of the index.
func (s *Store) remove(e *entry) {
	s.records.Add(-1)
	if e.principal == "" && !e.isEnded() {
		s.anonymous.Add(-1)
	}
	if e.principal != "" {
		s.unlink(e)
	}
}

func (e *entry) isEnded() bool { return e.rare != nil && e.rare.ended != nil }

// makeRoom lets something go that a new session may take the place of.
func (s *Store) makeRoom(now time.Time) error {
	for s.anonymous.Load() >= int64(max(1, s.capacity/2)) {
		if !s.evictAnonymous() {
			break
		}
	}
	for s.records.Load() >= int64(s.capacity) {
		if !s.removeOldest(micros(now)) && !s.evictAnonymous() {
			return satra.ErrFull
		}
	}
	return nil
}

// evictAnonymous lets the least recently used anonymous session go.
func (s *Store) evictAnonymous() bool {
	for {
		sh := earliest(s, func(sh *shard) *queue { return &sh.idle }, never)
		if sh == nil {
			return false
		}
		if e := sh.takeIdle(); e != nil {
			s.remove(e)
			s.evicted.Add(1)
			return true
		}
	}
}

func (sh *shard) takeIdle() *entry {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x, ok := sh.idle.pop(never)
	if !ok || x.e.removed || x.e.principal != "" || x.e.isEnded() {
		return nil
	}
	if x.e.seen > x.at {
		sh.idle.push(item{x.e.seen, x.e})
		return nil
	}
	sh.drop(x.e)
	return x.e
}

// tombstones are the ended records in the order of their ends, so that they
// can be bounded: those of anonymous sessions go first. Some may have been swept
// meanwhile.
type tombstones struct {
	mu                sync.Mutex
	max               int
	anonymous, signed []satra.ID
}

func (t *tombstones) add(r *satra.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.Principal == "" {
		t.anonymous = append(t.anonymous, r.ID)
	} else {
		t.signed = append(t.signed, r.ID)
	}
}

// excess takes out the ID of a tombstone that is one too many.
func (t *tombstones) excess() (id satra.ID, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.anonymous)+len(t.signed) <= t.max {
		return id, false
	}
	from := &t.signed
	if len(t.anonymous) > 0 {
		from = &t.anonymous
	}
	id = (*from)[0]
	*from = (*from)[1:]
	return id, true
}

// boundTombstones removes what is too many; no lock is held.
func (s *Store) boundTombstones() {
	for {
		id, ok := s.tombstones.excess()
		if !ok {
			return
		}
		sh := s.shard(id)
		sh.mu.Lock()
		e := sh.records[id]
		if e != nil {
			sh.drop(e)
		}
		sh.mu.Unlock()
		if e != nil {
			s.remove(e)
		}
	}
}
