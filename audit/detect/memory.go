package detect

import (
	"container/list"
	"hash/fnv"
	"io"
	"time"
)

// A memory remembers something of the keys that were heard of last, and forgets the
// one that was quiet for longest beyond its bound.
type memory[K comparable, V any] struct {
	most  int
	all   map[K]*list.Element
	order *list.List // of *remembered, the last that was heard of first
}

type remembered[K comparable, V any] struct {
	key   K
	value V
}

func newMemory[K comparable, V any](most int) *memory[K, V] {
	return &memory[K, V]{most: max(most, 1), all: map[K]*list.Element{}, order: list.New()}
}

// of returns what is remembered of a key, new if that is nothing.
func (m *memory[K, V]) of(key K) *V {
	if e := m.all[key]; e != nil {
		m.order.MoveToFront(e)
		return &e.Value.(*remembered[K, V]).value
	}
	if len(m.all) >= m.most {
		last := m.order.Back()
		delete(m.all, m.order.Remove(last).(*remembered[K, V]).key)
	}
	r := &remembered[K, V]{key: key}
	m.all[key] = m.order.PushFront(r)
	return &r.value
}

// A tally counts within a window that begins with the first it hears of, and tells
// once when there are as many as are too many.
type tally struct {
	begun    time.Time
	count    int
	distinct map[uint64]struct{} // hashes of names
	told     bool
}

// add counts n more, and returns true once for each window: when there are most or
// more.
func (t *tally) add(now time.Time, window time.Duration, n, most int) bool {
	t.turn(now, window)
	t.count += n
	return t.tell(t.count >= most)
}

// addOne counts something that is told from others by its name, up to most of them.
func (t *tally) addOne(now time.Time, window time.Duration, name string, most int) bool {
	t.turn(now, window)
	if t.distinct == nil {
		t.distinct = map[uint64]struct{}{}
	}
	if len(t.distinct) < most {
		h := fnv.New64a()
		io.WriteString(h, name)
		t.distinct[h.Sum64()] = struct{}{}
	}
	return t.tell(len(t.distinct) >= most)
}

// turn begins another window if this one is over; one that begins far ahead is that of
// a clock which was wrong.
func (t *tally) turn(now time.Time, window time.Duration) {
	if t.begun.IsZero() || now.Sub(t.begun).Abs() >= window {
		*t = tally{begun: now}
	}
}

func (t *tally) tell(enough bool) bool {
	if !enough || t.told {
		return false
	}
	t.told = true
	return true
}
