package memstore

import (
	"container/heap"
	"sync/atomic"
)

// An item is an entry and the instant at which to look at it. The entry may
// have moved on since: whoever takes an item out looks at the entry and puts it
// back for later. So a touch, the most frequent change, moves nothing.
type item struct {
	at int64
	e  *entry
}

type items []item

func (q items) Len() int           { return len(q) }
func (q items) Less(i, j int) bool { return q[i].at < q[j].at }
func (q items) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *items) Push(x any)        { *q = append(*q, x.(item)) }
func (q *items) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = item{}
	*q = (*q)[:last]
	return x
}

// A queue holds items by their instant; the shard's lock guards it. first may
// be read without, to find the shard to look at.
type queue struct {
	items items
	first atomic.Int64 // the earliest instant; never if empty
}

func (q *queue) reset() { q.first.Store(never) }

func (q *queue) push(x item) {
	if x.at == never {
		return
	}
	heap.Push(&q.items, x)
	q.first.Store(q.items[0].at)
}

// pop takes out the earliest item, if there is one before the instant.
func (q *queue) pop(before int64) (item, bool) {
	if len(q.items) == 0 || q.items[0].at >= before {
		return item{}, false
	}
	x := heap.Pop(&q.items).(item)
	if len(q.items) == 0 {
		q.reset()
	} else {
		q.first.Store(q.items[0].at)
	}
	return x, true
}
