package redisstore

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

const (
	cacheShards = 16

	// cacheAge is how old a record from the cache may be, and how long ago the
	// server must have been heard on the line.
	cacheAge = time.Second

	// maxAsking bounds the reads on the line that are under way. Its queue does not
	// let go of those who wait for room.
	maxAsking = 256
)

// A cache holds records that were read on the line, on which the server tells of
// every change to them.
//
// Readers, writers and the server's messages come by in any order. So what takes a
// record out is counted, and a reader puts in what it has read only if nothing has
// happened to the session since it began to ask. This node's own changes take the
// record out before they are answered: nobody who knows of one gets what is older.
type cache struct {
	now    func() time.Time
	line   atomic.Pointer[line] // nil: there is none
	dials  atomic.Uint64        // connections that the store has made
	wake   chan struct{}        // has room for one: somebody has made a connection
	asking atomic.Int64         // reads that are under way
	shards [cacheShards]cacheShard

	stop func()        // ends the keeper of the line
	over chan struct{} // closed when it has ended; nil: it has not begun
}

type cacheShard struct {
	mu    sync.Mutex
	max   int // bytes
	size  int
	slots map[satra.ID]*slot
	order list.List // slots with a record, the oldest first
}

// A slot is a session that has a record here, or that somebody reads now.
type slot struct {
	record *satra.Record
	size   int
	line   *line     // on which it was read
	asked  time.Time // before it was read
	place  *list.Element

	reads   int    // under way
	changes uint64 // counts what makes a read that is under way too old
}

func newCache(bytes int, now func() time.Time) *cache {
	c := &cache{now: now, wake: make(chan struct{}, 1)}
	for i := range c.shards {
		c.shards[i].max, c.shards[i].slots = bytes/cacheShards, map[satra.ID]*slot{}
	}
	return c
}

func (c *cache) shard(id satra.ID) *cacheShard { return &c.shards[id[len(id)-1]%cacheShards] }

// young reports whether less than cacheAge lies between the two, by the wall
// clock as well: the other one stands still while a machine sleeps.
func young(then, now time.Time) bool {
	return now.Sub(then) <= cacheAge && now.Round(0).Sub(then.Round(0)) <= cacheAge
}

// get returns the record, if it is here and may be used.
func (c *cache) get(id satra.ID) *satra.Record {
	now := c.now()
	l := c.usable(now)
	if l == nil {
		return nil
	}
	sh := c.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.slots[id]
	if e == nil || e.record == nil || e.line != l || !young(e.asked, now) {
		return nil
	}
	return e.record
}

// A reading is what a reader has to know of the time before it asked the server.
type reading struct {
	slot    *slot
	line    *line
	asked   time.Time
	changes uint64
}

// begin is called before a record is read on the line. It returns false if what
// is read could not be kept.
func (c *cache) begin(id satra.ID) (reading, bool) {
	now := c.now()
	l := c.usable(now)
	if l == nil {
		return reading{}, false
	}
	if c.asking.Add(1) > maxAsking {
		c.asking.Add(-1)
		return reading{}, false
	}
	sh := c.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.slots[id]
	if e == nil {
		e = &slot{}
		sh.slots[id] = e
	}
	e.reads++
	return reading{e, l, now, e.changes}, true
}

// fill ends what begin began, and keeps the record unless something has happened
// meanwhile; nil is none. size is how many bytes it was packed into.
func (c *cache) fill(id satra.ID, r reading, record *satra.Record, size int) {
	sh := c.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := r.slot
	e.reads--
	c.asking.Add(-1)
	if record != nil && e.changes == r.changes {
		sh.put(id, r, record, footprint(size))
	}
	sh.tidy(id, e)
}

// changed takes out what is held of the session: the server says that it is old, or
// this node has changed it.
func (c *cache) changed(id satra.ID) {
	sh := c.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.slots[id]; e != nil {
		sh.change(e)
		sh.tidy(id, e)
	}
}

// saw takes out what is older than what this node has read past the cache: nobody
// here sees a session go back.
func (c *cache) saw(r *satra.Record) {
	sh := c.shard(r.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.slots[r.ID]; e != nil && (e.record == nil || e.record.Version < r.Version) {
		sh.change(e)
		sh.tidy(r.ID, e)
	}
}

// clear takes everything out, and what is being read as well.
func (c *cache) clear() {
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		for id, e := range sh.slots {
			sh.change(e)
			sh.tidy(id, e)
		}
		sh.mu.Unlock()
	}
}

// expire takes out what is too old to be used.
func (c *cache) expire() {
	now := c.now()
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		for first := sh.order.Front(); first != nil; first = sh.order.Front() {
			if young(sh.slots[first.Value.(satra.ID)].asked, now) {
				break
			}
			sh.dropFirst()
		}
		sh.mu.Unlock()
	}
}

// change makes what is held, and what is being read, too old; the shard is locked,
// here and below.
func (sh *cacheShard) change(e *slot) {
	e.changes++
	if e.record != nil {
		sh.order.Remove(e.place)
		sh.size -= e.size
		e.record, e.line, e.place, e.size = nil, nil, nil, 0
	}
}

// tidy forgets a slot that nobody needs.
func (sh *cacheShard) tidy(id satra.ID, e *slot) {
	if e.record == nil && e.reads == 0 {
		delete(sh.slots, id)
	}
}

// put puts a record in, and the oldest ones out if there is no room. None of them
// would have stayed for longer than a second.
func (sh *cacheShard) put(id satra.ID, r reading, record *satra.Record, size int) {
	e := r.slot
	sh.change(e)
	if size > sh.max {
		return
	}
	for sh.size+size > sh.max {
		sh.dropFirst()
	}
	e.record, e.line, e.asked, e.size = record, r.line, r.asked, size
	e.place = sh.order.PushBack(id)
	sh.size += size
}

func (sh *cacheShard) dropFirst() {
	id := sh.order.Front().Value.(satra.ID)
	e := sh.slots[id]
	sh.change(e)
	sh.tidy(id, e)
}

// footprint is how much memory a record takes here, at the most about, that was
// packed into so many bytes: it shares them.
func footprint(packed int) int { return 1152 + packed + packed/8 }
