package memstore

import (
	"container/heap"
	"sync/atomic"
)

// The queues of a shard.
const (
	byEnd  = iota // all records, by the instant from which they are over
	byUse         // anonymous sessions, by last use
	queues        // how many there are
)

// An item is an entry and the instant at which to look at it. The entry may be
// used meanwhile, and its instant be later: whoever takes the item out looks at
// the entry, and puts it back for then. So a touch, the most frequent change,
// moves nothing.
type item struct {
	at int64
	e  *entry
}

// A queue holds entries by their instant, each once; the shard's lock guards
// it. first may be read without, to find the shard to look at.
type queue struct {
	which int
	items []item
	first atomic.Int64 // the earliest instant; never if empty
}

func (q *queue) init(which int) {
	q.which = which
	q.first.Store(never)
}

// put sets the instant of an entry; never takes it out.
func (q *queue) put(e *entry, at int64) {
	i := e.place[q.which] - 1
	switch {
	case at == never:
		q.take(e)
		return
	case i < 0:
		heap.Push((*ordered)(q), item{at, e})
	default:
		q.items[i].at = at
		heap.Fix((*ordered)(q), int(i))
	}
	q.first.Store(q.items[0].at)
}

// take takes the entry out, if it is in.
func (q *queue) take(e *entry) {
	i := e.place[q.which] - 1
	if i < 0 {
		return
	}
	heap.Remove((*ordered)(q), int(i))
	if len(q.items) == 0 {
		q.first.Store(never)
	} else {
		q.first.Store(q.items[0].at)
	}
}

// head returns the earliest item, if it is before the instant.
func (q *queue) head(before int64) (item, bool) {
	if len(q.items) == 0 || q.items[0].at >= before {
		return item{}, false
	}
	return q.items[0], true
}

// ordered is the queue as a heap. An entry knows its place, counted from one.
type ordered queue

func (q *ordered) Len() int           { return len(q.items) }
func (q *ordered) Less(i, j int) bool { return q.items[i].at < q.items[j].at }

func (q *ordered) Swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	q.items[i].e.place[q.which], q.items[j].e.place[q.which] = int32(i+1), int32(j+1)
}

func (q *ordered) Push(x any) {
	it := x.(item)
	q.items = append(q.items, it)
	it.e.place[q.which] = int32(len(q.items))
}

func (q *ordered) Pop() any {
	last := len(q.items) - 1
	it := q.items[last]
	q.items[last] = item{}
	q.items = q.items[:last]
	it.e.place[q.which] = 0
	return it
}
