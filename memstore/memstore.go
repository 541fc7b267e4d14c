// Package memstore keeps sessions in memory: for one process, for development
// and for tests. They are lost with the process, and the store says so in its
// Features.
//
//	sessions, err := satra.New(memstore.New(nil), nil)
//
// The store is bounded. Full, it lets the least recently used anonymous session
// go for a new one, and otherwise refuses: a signed-in session never vanishes.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

// Options of a [Store]. The zero value is a good choice.
type Options struct {
	// Capacity bounds the records kept, tombstones included. Anonymous sessions
	// take at most half of it. Default 1,048,576, some 500 MB when full.
	Capacity int

	// MaxRecord bounds the values of one record, in bytes of their keys and
	// data. Default 64 KiB.
	MaxRecord int

	// Now is the clock that Now tells. Default time.Now.
	Now func() time.Time
}

// shardCount is one shard for each first byte of an ID, so that the shards in
// order are the IDs in order.
const shardCount = 256

// A Store keeps sessions in memory. It is safe for concurrent use. It starts no
// goroutine, so there is nothing to close.
type Store struct {
	satra.UnimplementedStore
	capacity, maxRecord int
	now                 func() time.Time

	// Lock order: everybody, then a principals, then a shard, then the leaves
	// (tombstones, watchers).
	everybody  sync.RWMutex  // held for writing while all sessions are ended
	epochs     atomic.Uint64 // counts the endings; the last one is an epoch
	allEnded   atomic.Uint64 // the epoch of the last ending of everybody
	principals [shardCount]principals
	shards     [shardCount]shard

	records, anonymous atomic.Int64
	evicted            atomic.Int64
	tombstones         tombstones
	watchers           watchers
}

// A shard is the records of one range of IDs.
type shard struct {
	mu      sync.RWMutex
	records map[satra.ID]*entry
	queues  [queues]queue
	names   map[string]string
	_       [64]byte // its own cache line
}

// New returns an empty store. nil options are the defaults.
func New(o *Options) *Store {
	if o == nil {
		o = &Options{}
	}
	s := &Store{capacity: o.Capacity, maxRecord: o.MaxRecord, now: o.Now}
	if s.capacity <= 0 {
		s.capacity = 1 << 20
	}
	if s.maxRecord <= 0 {
		s.maxRecord = 64 << 10
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.tombstones.max = max(1, s.capacity/4)
	for i := range s.shards {
		s.shards[i].records = map[satra.ID]*entry{}
		s.shards[i].names = map[string]string{}
		for which := range s.shards[i].queues {
			s.shards[i].queues[which].init(which)
		}
	}
	return s
}

func (s *Store) shard(id satra.ID) *shard { return &s.shards[id[0]] }

// Features tells that nothing survives the process.
func (s *Store) Features() satra.Features {
	return satra.Features{Name: "memory", Durable: satra.DurableNot, MaxRecord: s.maxRecord}
}

// Now is the process's clock, or that of the options.
func (s *Store) Now(ctx context.Context) (time.Time, error) { return s.now(), ctx.Err() }

// Stats counts what the store holds.
type Stats struct {
	Records   int   // tombstones and expired ones included
	Anonymous int   // of these, without a principal and not ended
	Evicted   int64 // anonymous sessions that made room, since the start
}

// Stats returns the present counts.
func (s *Store) Stats() Stats {
	return Stats{Records: int(s.records.Load()), Anonymous: int(s.anonymous.Load()), Evicted: s.evicted.Load()}
}

// Create adds a record without principal.
func (s *Store) Create(ctx context.Context, r *satra.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Principal != "" || r.ID.IsZero() {
		return errors.New("memstore: Create: a record has an ID and no principal")
	}
	if err := s.fits(r); err != nil {
		return err
	}
	if err := s.makeRoom(r.Seen); err != nil {
		return err
	}
	return s.add(r)
}

// add puts in a record whose ID is new here, and for which there is room.
func (s *Store) add(r *satra.Record) error {
	sh := s.shard(r.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.records[r.ID] != nil {
		return satra.ErrExists
	}
	e := &entry{id: r.ID}
	e.pack(r)
	sh.learn(r.Values)
	sh.records[r.ID] = e
	s.records.Add(1)
	sh.queues[byEnd].put(e, e.overAt())
	switch {
	case r.Ended != nil:
		s.tombstones.add(r)
	case r.Principal == "":
		s.anonymous.Add(1)
		sh.queues[byUse].put(e, e.seen)
	}
	return nil
}

func (s *Store) fits(r *satra.Record) error {
	size := 0
	for _, v := range r.Values {
		size += len(v.Key) + len(v.Data)
	}
	if size > s.maxRecord {
		return fmt.Errorf("memstore: %d bytes of values, at most %d: %w", size, s.maxRecord, satra.ErrTooLarge)
	}
	return nil
}

// Find returns a record of the caller's own; its bytes are shared and must not
// be changed.
func (s *Store) Find(ctx context.Context, id satra.ID, _ satra.Freshness) (*satra.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := s.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	e := sh.records[id]
	if e == nil {
		return nil, satra.ErrNotFound
	}
	return e.unpack(sh), nil
}

// Apply does all of c or nothing.
func (s *Store) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	if err := ctx.Err(); err != nil {
		return satra.Result{}, err
	}
	if c.End != nil || c.Refused != nil || c.SignIn != nil {
		defer s.boundTombstones()
	}
	if c.SignIn != nil && !c.SignIn.Again {
		return s.signIn(id, c)
	}
	return s.change(id, c)
}

// change applies c to one record.
func (s *Store) change(id satra.ID, c *satra.Change) (satra.Result, error) {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.records[id]
	if e == nil {
		return satra.Result{}, satra.ErrNotFound
	}
	if e.touch(c) {
		return satra.Result{}, nil
	}
	rec := e.unpack(sh)
	next, err := rec.With(c)
	if err == nil {
		err = s.fits(next)
	}
	if err != nil {
		if c.TouchOnly() && !c.Return {
			rec = nil
		}
		return satra.Result{Record: rec}, err
	}
	s.replace(sh, e, rec, next)
	if c.Return || c.Refused != nil && next.Ended != nil {
		return satra.Result{Record: next}, nil
	}
	return satra.Result{}, nil
}

// replace puts the changed record in the place of the old one; the shard is
// locked.
func (s *Store) replace(sh *shard, e *entry, old, next *satra.Record) {
	e.pack(next)
	sh.learn(next.Values)
	if old.Principal == "" && (next.Principal != "" || next.Ended != nil) {
		s.anonymous.Add(-1)
		sh.queues[byUse].take(e)
	}
	if after := overAt(next); after < overAt(old) || e.place[byEnd] == 0 {
		sh.queues[byEnd].put(e, after) // over sooner: its place is too late
	}
	if next.Ended != nil {
		s.tombstones.add(next)
		s.watchers.tell(satra.Notice{ID: next.ID, Reason: next.Ended.Reason})
	}
}
