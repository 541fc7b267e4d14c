package detect

import "container/list"

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
