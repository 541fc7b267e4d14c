package ratelimit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"
)

// shardCount is how many parts of the memory have a lock of their own.
const shardCount = 64

// A memory keeps for each key the instant at which nothing of it is used any
// more (the "theoretical arrival time" of GCRA). One that has passed says as
// much as none, so that what is over needs no sweeping: it goes when its place
// is needed.
type memory struct {
	now    func() time.Time
	begun  time.Time // instants are counted from here, by the monotonic clock
	seeds  [2]maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu   sync.Mutex
	keys map[[2]uint64]int64
	most int
	_    [32]byte
}

func newMemory(o *Options) *memory {
	m := &memory{now: o.Now, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	if m.now == nil {
		m.now = time.Now
	}
	m.begun = m.now()
	capacity := o.Capacity
	if capacity == 0 {
		capacity = 1 << 18
	}
	for i := range m.shards {
		m.shards[i].keys = map[[2]uint64]int64{}
		m.shards[i].most = max(1, capacity/shardCount)
	}
	return m
}

// hash is the key's place. The seeds are this process's own, so that nobody can
// make keys meet.
func (m *memory) hash(name, key string) (h [2]uint64) {
	for i, seed := range m.seeds {
		var b maphash.Hash
		b.SetSeed(seed)
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(key)
		h[i] = b.Sum64()
	}
	return h
}

// take counts one use of the key, if that is allowed.
func (m *memory) take(name, key string, limit Limit) (left int, wait, full time.Duration) {
	h := m.hash(name, key)
	now := int64(m.now().Sub(m.begun))
	s := &m.shards[h[0]%shardCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	used, known := s.keys[h]
	next, left, wait, full := cell(used, now, limit)
	if wait > 0 {
		return left, wait, full
	}
	if !known && len(s.keys) >= s.most {
		s.makeRoom(now)
	}
	s.keys[h] = next
	return left, 0, full
}

// cell is the algorithm. used is the instant until which uses so far reach, each
// taking its part of the limit's time; one more is allowed if that stays within
// the whole of it.
func cell(used, now int64, limit Limit) (next int64, left int, wait, full time.Duration) {
	each := int64(limit.Per) / int64(limit.Count)
	whole := each * int64(limit.Count)
	used = max(used, now)
	next = used + each
	if over := next - now - whole; over > 0 {
		return used, 0, time.Duration(over), time.Duration(used - now)
	}
	return next, int((whole - (next - now)) / each), 0, time.Duration(next - now)
}

// looks is how many keys are looked at to make room for one.
const looks = 8

// makeRoom forgets a key: one that counts no more, or else the one of some that
// has used least.
func (s *shard) makeRoom(now int64) {
	var least [2]uint64
	found, looked := int64(0), 0
	for h, used := range s.keys { // in any order
		if looked == 0 || used < found {
			least, found = h, used
		}
		if looked++; used <= now || looked == looks {
			break
		}
	}
	delete(s.keys, least)
}

// shared is the key as a back end has it: of a fixed length, and telling nobody
// an address or an account.
func shared(name, key string) string {
	h := sha256.New()
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(name)))
	h.Write(length[:])
	h.Write([]byte(name))
	h.Write([]byte(key))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}
