package sqlitestore

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

const (
	cacheShards = 64

	// maxTouches bounds the touches of a shard that wait to be written. Beyond, they
	// wait for the disk as other changes do.
	maxTouches = 64
)

// A cache holds records that were read or written lately, and the touches that
// are not written yet.
//
// It has to be exact whatever the order in which readers and the writer come by.
// So the writer takes a record out before it changes it, and puts the new one in
// when that is committed; in between readers read the file, and nobody
// puts anything in. And a reader puts in what it has read only if nothing has
// happened in the shard since it began.
type cache struct {
	touches atomic.Int64 // that wait
	shards  [cacheShards]cacheShard
}

type cacheShard struct {
	mu      sync.RWMutex
	max     int // bytes
	size    int
	records map[satra.ID]*cached
	taken   map[satra.ID]struct{} // that the writer has taken out
	waiting map[satra.ID]touch
	changes uint64 // counts what has happened
	touches *atomic.Int64
	_       [64]byte // its own cache line
}

// A cached record may be handed to any number of callers.
type cached struct {
	record *satra.Record
	size   int
	used   atomic.Bool // since eviction looked last
}

// A touch is when a session was last seen, and by which device.
type touch struct {
	seen   time.Time
	device satra.Device
}

// on returns the record with the touch, which was found right when it was
// acknowledged: it does not matter when it is written, unless the session
// was ended meanwhile.
func (t touch) on(r *satra.Record) *satra.Record {
	if r.Ended != nil || !t.seen.After(r.Seen) {
		return r
	}
	touched := *r
	touched.Seen, touched.LastDevice = t.seen, t.device
	return &touched
}

func (c *cache) init(bytes int) {
	for i := range c.shards {
		c.shards[i] = cacheShard{
			max: max(bytes, 0) / cacheShards, records: map[satra.ID]*cached{},
			taken: map[satra.ID]struct{}{}, waiting: map[satra.ID]touch{}, touches: &c.touches,
		}
	}
}

func (c *cache) shard(id satra.ID) *cacheShard { return &c.shards[id[0]%cacheShards] }

// drop forgets all records: somebody else has written to the file.
func (c *cache) drop() {
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		sh.changes++
		clear(sh.records)
		sh.size = 0
		sh.mu.Unlock()
	}
}

// get returns the record if it is there.
func (sh *cacheShard) get(id satra.ID) *satra.Record {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	e := sh.records[id]
	if e == nil {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.record
}

// A filling is what a reader has to know of the time before it read the file.
type filling struct {
	changes uint64
	touch   touch
}

func (sh *cacheShard) begin(id satra.ID) filling {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return filling{sh.changes, sh.waiting[id]}
}

// fill puts in what was read, if it is still right, and returns it with the
// touches that are not in the file.
func (sh *cacheShard) fill(f filling, r *satra.Record) *satra.Record {
	r = f.touch.on(r)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r = sh.waiting[r.ID].on(r)
	if _, taken := sh.taken[r.ID]; !taken && f.changes == sh.changes {
		sh.put(r)
	}
	return r
}

// take takes the record out for the writer, who puts it back with settle. It
// returns nil if it was not there, and the touch that waits.
func (sh *cacheShard) take(id satra.ID) (*satra.Record, touch) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.changes++
	sh.taken[id] = struct{}{}
	e := sh.records[id]
	if e == nil {
		return nil, sh.waiting[id]
	}
	sh.remove(id, e)
	return e.record, sh.waiting[id]
}

// settle ends what take began. r is the record as it is in the file now, with the
// touches written; nil if that is not known, or there is none.
func (sh *cacheShard) settle(id satra.ID, r *satra.Record, written bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.changes++
	delete(sh.taken, id)
	if _, ok := sh.waiting[id]; ok && written {
		delete(sh.waiting, id)
		sh.touches.Add(-1)
	}
	if r != nil {
		sh.put(sh.waiting[id].on(r))
	}
}

// touch notes a touch, and reports whether it could: the record is here,
// and the change applies to it.
func (c *cache) touch(id satra.ID, change *satra.Change) bool {
	sh := c.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.records[id]
	if e == nil || len(sh.waiting) >= maxTouches {
		return false
	}
	next, err := e.record.With(change)
	if err != nil {
		return false // the writer gives the answer
	}
	if !next.Seen.After(e.record.Seen) {
		return true
	}
	if _, ok := sh.waiting[id]; !ok {
		sh.touches.Add(1)
	}
	sh.changes++
	sh.waiting[id] = touch{next.Seen, next.LastDevice}
	e.record = next
	return true
}

// touched returns the IDs of the records whose touches wait.
func (c *cache) touched() []satra.ID {
	if c.touches.Load() == 0 {
		return nil
	}
	var ids []satra.ID
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.RLock()
		for id := range sh.waiting {
			ids = append(ids, id)
		}
		sh.mu.RUnlock()
	}
	return ids
}

// put puts a record in, and others out if there is no room; the shard is
// locked.
func (sh *cacheShard) put(r *satra.Record) {
	size := footprint(r)
	if size > sh.max/4 {
		if old := sh.records[r.ID]; old != nil {
			sh.remove(r.ID, old)
		}
		return
	}
	if old := sh.records[r.ID]; old != nil {
		sh.remove(r.ID, old)
	}
	// A map is walked from a place of its own choice: those that were not used
	// since the last walk come by, and go.
	for sh.size+size > sh.max {
		for id, e := range sh.records {
			if sh.size+size <= sh.max {
				break
			}
			if !e.used.Swap(false) {
				sh.remove(id, e)
			}
		}
	}
	sh.records[r.ID] = &cached{record: r, size: size}
	sh.size += size
}

func (sh *cacheShard) remove(id satra.ID, e *cached) {
	delete(sh.records, id)
	sh.size -= e.size
}

// footprint is about how much memory a record takes.
func footprint(r *satra.Record) int {
	size := 768 + len(r.Principal) + len(r.Method) + len(r.FirstDevice.UserAgent) + len(r.LastDevice.UserAgent) + 192*len(r.Retired)
	for _, v := range r.Values {
		size += 64 + len(v.Key) + len(v.Data)
	}
	return size
}
