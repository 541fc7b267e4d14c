package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// Sweep removes at most limit records that were over before the instant, oldest
// first. It holds one shard at a time, for one record.
func (s *Store) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.forgetEpochs(before.Add(-epochsLast))
	n, cut := 0, micros(before)
	for n < limit && s.removeOldest(cut) {
		n++
	}
	s.trimTombstones()
	return n, nil
}

// removeOldest removes the record that was over first, if that was before the
// instant.
func (s *Store) removeOldest(before int64) bool {
	for {
		sh := s.earliest(byEnd, before)
		if sh == nil {
			return false
		}
		if e := sh.takeOver(before); e != nil {
			s.remove(e)
			return true
		}
	}
}

// earliest returns the shard whose queue begins first, before the instant, or
// nil.
func (s *Store) earliest(which int, before int64) *shard {
	var found *shard
	for i := range s.shards {
		if at := s.shards[i].queues[which].first.Load(); at < before {
			before, found = at, &s.shards[i]
		}
	}
	return found
}

// takeOver drops the entry at the head of the queue if it is over before the
// instant, and returns it; else it goes back to its place.
func (sh *shard) takeOver(before int64) *entry {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x, ok := sh.queues[byEnd].head(before)
	if !ok {
		return nil
	}
	if at := x.e.overAt(); at > x.at {
		sh.queues[byEnd].put(x.e, at)
		return nil
	}
	sh.drop(x.e)
	return x.e
}

// drop takes the entry out of its shard, which is locked.
func (sh *shard) drop(e *entry) {
	e.removed = true
	delete(sh.records, e.id)
	for which := range sh.queues {
		sh.queues[which].take(e)
	}
}

// remove counts an entry that was dropped, and takes it out of the index.
func (s *Store) remove(e *entry) {
	s.records.Add(-1)
	switch {
	case e.isEnded():
		s.tombstones.remove()
	case e.principal == "":
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
		sh := s.earliest(byUse, never)
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

// takeIdle drops the entry at the head of the queue unless it was used since.
func (sh *shard) takeIdle() *entry {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x, ok := sh.queues[byUse].head(never)
	if !ok {
		return nil
	}
	if x.e.seen > x.at {
		sh.queues[byUse].put(x.e, x.e.seen)
		return nil
	}
	sh.drop(x.e)
	return x.e
}

// tombstones are the ended records in the order of their ends, so that they
// can be bounded: those of anonymous sessions go first. Some in the lists may have
// been swept meanwhile; they do not count.
type tombstones struct {
	mu                sync.Mutex
	max, count        int
	anonymous, signed []satra.ID
}

func (t *tombstones) remove() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count--
}

func (t *tombstones) add(r *satra.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
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
	from := &t.signed
	if len(t.anonymous) > 0 {
		from = &t.anonymous
	}
	if t.count <= t.max || len(*from) == 0 {
		return id, false
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

// trimTombstones takes the IDs of records that were swept off the beginnings of
// the lists, where a sweep leaves them; no lock is held.
func (s *Store) trimTombstones() {
	t := &s.tombstones
	for _, list := range []*[]satra.ID{&t.anonymous, &t.signed} {
		for {
			t.mu.Lock()
			ids := *list
			t.mu.Unlock()
			if len(ids) == 0 || s.has(ids[0]) {
				break
			}
			t.mu.Lock()
			if len(*list) > 0 && (*list)[0] == ids[0] {
				*list = (*list)[1:]
			}
			t.mu.Unlock()
		}
	}
}

func (s *Store) has(id satra.ID) bool {
	sh := s.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.records[id] != nil
}
