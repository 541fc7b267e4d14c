package detect

import "time"

// A memory remembers something of the keys that were heard of last, and forgets the
// quietest beyond its bound.
type memory[K comparable, V any] struct {
	most int
	all  map[K]*remembered[V]
}

type remembered[V any] struct {
	last  time.Time
	value V
}

func newMemory[K comparable, V any](most int) *memory[K, V] {
	return &memory[K, V]{most: most, all: map[K]*remembered[V]{}}
}

// of returns what is remembered of a key, new if that is nothing.
func (m *memory[K, V]) of(key K, now time.Time) *V {
	r := m.all[key]
	if r == nil {
		if len(m.all) >= m.most {
			m.forget()
		}
		r = &remembered[V]{last: now}
		m.all[key] = r
	}
	if now.After(r.last) {
		r.last = now
	}
	return &r.value
}

// forget makes room: of a few keys, in the map's order, which is none, the quietest
// goes. To find the quietest of all would cost a flood nothing and us everything.
func (m *memory[K, V]) forget() {
	var quietest K
	var last time.Time
	looked := 0
	for key, r := range m.all {
		if looked == 0 || r.last.Before(last) {
			quietest, last = key, r.last
		}
		if looked++; looked == 16 {
			break
		}
	}
	delete(m.all, quietest)
}

// A tally counts within a window that begins with the first it hears of, and tells
// once when there are as many as are too many.
type tally struct {
	begun    time.Time
	count    int
	distinct map[string]bool
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
		t.distinct = map[string]bool{}
	}
	if len(t.distinct) < most {
		t.distinct[name] = true
	}
	return t.tell(len(t.distinct) >= most)
}

func (t *tally) turn(now time.Time, window time.Duration) {
	if t.begun.IsZero() || now.Sub(t.begun) >= window {
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
