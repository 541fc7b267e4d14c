package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/storetest"
)

// A server is the plainest store that keeps every promise, behind one lock, or
// one that breaks one of them, if faults says so. It stands for a server that
// several nodes reach.
type server struct {
	mu       sync.Mutex
	fault    string
	records  map[satra.ID]*satra.Record
	epochs   map[string]satra.Epoch
	all      uint64
	disabled map[string]bool
	watchers map[int]func(satra.Notice)
	next     int
}

// A node reaches a server. Its records are the server's.
type node struct {
	satra.UnimplementedStore
	*server
	down     bool
	commands int
	cached   map[satra.ID]*satra.Record
}

func newServer(fault string) *server {
	return &server{
		fault: fault, records: map[satra.ID]*satra.Record{}, epochs: map[string]satra.Epoch{},
		disabled: map[string]bool{}, watchers: map[int]func(satra.Notice){},
	}
}

// is reports whether the store has this fault.
func (s *server) is(fault string) bool { return s.fault == fault }

// command begins a command; the caller unlocks.
func (n *node) command(ctx context.Context) error {
	n.mu.Lock()
	n.commands++
	if n.down && !n.is("down: another error") {
		return satra.ErrUnavailable
	}
	if n.down {
		return errors.New("connection refused")
	}
	if n.is("cancel: done all the same") {
		return nil
	}
	return ctx.Err()
}

// pause lets others go first, between two steps that should be one.
func (n *node) pause() {
	n.mu.Unlock()
	defer n.mu.Lock()
	for range 20 {
		runtime.Gosched()
	}
}

const maxRecord = 2 << 20

func (n *node) Features() satra.Features {
	f := satra.Features{Name: "reference", Durable: satra.DurableProcess, Shared: true, MaxRecord: maxRecord}
	if n.is("features: not constant") {
		n.next++
		f.MaxRecord += n.next
	}
	return f
}

func (n *node) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func size(r *satra.Record) (all int) {
	for _, v := range r.Values {
		all += len(v.Key) + len(v.Data)
	}
	return all
}

func (n *node) Create(ctx context.Context, r *satra.Record) error {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return err
	}
	if size(r) > maxRecord && !n.is("create: takes any size") {
		return satra.ErrTooLarge
	}
	if r.Principal != "" {
		return errors.New("a principal without a sign-in")
	}
	old := n.records[r.ID]
	switch {
	case old != nil && n.is("create: overwrites"):
	case old != nil && n.is("create: overwrites what is over") && !old.Live(r.Created):
	case old != nil:
		return satra.ErrExists
	case n.is("create: looks first"):
		n.pause()
	}
	r = clone(r)
	if n.is("create: milliseconds") {
		r.NotAfter = r.NotAfter.Truncate(time.Millisecond)
	}
	if n.is("create: text only") {
		for i, v := range r.Values {
			r.Values[i].Data = bytes.ToValidUTF8(v.Data, []byte("?"))
		}
	}
	n.records[r.ID] = r
	return nil
}

func clone(r *satra.Record) *satra.Record {
	c := *r
	c.Values = slices.Clone(r.Values)
	return &c
}

func (n *node) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return nil, err
	}
	if n.is("find: two commands") {
		n.commands++
	}
	if n.is("rev: not looked at") {
		defer n.pause() // two readers of the same version
	}
	if old := n.cached[id]; old != nil && f == satra.Cacheable && n.is("cache: not its own writes") {
		return old, nil
	}
	r := n.records[id]
	switch {
	case r == nil && n.is("find: unknown is unavailable"):
		return nil, satra.ErrUnavailable
	case r == nil && n.is("find: unknown is nothing"):
		return nil, nil
	case r == nil:
		return nil, satra.ErrNotFound
	}
	n.cached[id] = r
	return r, nil
}

func (n *node) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return satra.Result{}, err
	}
	if n.is("apply: two commands") {
		n.commands++
	}
	rec := n.records[id]
	if rec == nil && n.is("apply: inserts") {
		rec = &satra.Record{ID: id, Begun: c.At, Seen: c.At, Idle: time.Hour, Lifetime: time.Hour}
	}
	if rec == nil {
		return satra.Result{}, satra.ErrNotFound
	}
	var result satra.Result
	if b := c.SignIn; b != nil && !b.Again {
		var err error
		if result, err = n.admit(rec, c); err != nil {
			return result, err
		}
	}
	next, err := n.with(rec, c)
	if err == nil && size(next) > maxRecord && !n.is("apply: takes any size") {
		err = satra.ErrTooLarge
	}
	if n.is("cancel: half of a change") && err == nil && len(c.Set) == 2 {
		n.mu.Unlock()
		<-ctx.Done()
		n.mu.Lock()
		half := *c
		half.Set = c.Set[:1]
		next, _ = n.with(rec, &half)
		n.records[id] = next
		return satra.Result{}, ctx.Err()
	}
	if err != nil {
		result.Record = rec
		return result, err
	}
	if n.is("apply: looks first") {
		n.pause()
	}
	n.records[id] = next
	if next.Ended != nil && rec.Ended == nil {
		n.announce(next)
	}
	if c.Return || c.Refused != nil {
		result.Record = next
	}
	return result, nil
}

// admit is the principal's part of a sign-in.
func (n *node) admit(rec *satra.Record, c *satra.Change) (result satra.Result, err error) {
	b := c.SignIn
	if n.disabled[b.Principal] && !n.is("principal: disabled may sign in") {
		return result, satra.ErrDisabled
	}
	if n.epochOf(b.Principal) != b.Epoch && !n.is("epoch: not looked at") {
		return result, satra.ErrEpoch
	}
	if _, err := rec.With(c); err != nil && !n.is("limit: ends for a sign-in that fails") {
		return satra.Result{Record: rec}, err
	}
	live := n.select_(func(r *satra.Record) bool {
		mine := r.Principal == b.Principal && r.ID != rec.ID
		if n.is("limit: counts itself") {
			mine = r.Principal == b.Principal
		}
		return mine && (r.Live(c.At) || n.is("limit: counts what is over"))
	})
	if n.is("limit: looks first") {
		n.pause()
	}
	excess := len(live) + 1 - b.Limit
	if b.Limit == 0 || excess <= 0 {
		return result, nil
	}
	if !b.EndOldest {
		return result, satra.ErrLimit
	}
	slices.SortFunc(live, func(x, y *satra.Record) int { return x.Begun.Compare(y.Begun) })
	if n.is("limit: ends the newest") {
		slices.Reverse(live)
	}
	for _, r := range live[:excess] {
		if n.endOne(r.ID, c.At, b.LimitEnd) && !n.is("limit: does not tell whom it ended") {
			result.Ended = append(result.Ended, satra.Ended{ID: r.ID, End: b.LimitEnd})
		}
	}
	return result, nil
}

func (n *node) epochOf(principal string) satra.Epoch {
	e := n.epochs[principal]
	if !n.is("epoch: everybody's is not there") {
		e.All = n.all
	}
	return e
}

// select_ returns the records that f wants.
func (n *node) select_(f func(*satra.Record) bool) (all []*satra.Record) {
	for _, r := range n.records {
		if f(r) {
			all = append(all, r)
		}
	}
	return all
}

func (n *node) endOne(id satra.ID, at time.Time, end satra.End) bool {
	next, err := n.records[id].With(&satra.Change{At: at, End: &end})
	if err != nil {
		return false
	}
	n.records[id] = next
	n.announce(next)
	return true
}

// harnessOf is the world around such a store.
func harnessOf(fault string, linearizable func(storetest.History) bool) storetest.Harness {
	patience := time.Duration(0) // the default
	if fault != "" {
		patience = time.Second // what does not come is waited for in vain
	}
	open := func(s *server) satra.Store { return &node{server: s, cached: map[satra.ID]*satra.Record{}} }
	return storetest.Harness{
		Open: func(storetest.TB) satra.Store { return open(newServer(fault)) },
		Node: func(_ storetest.TB, s satra.Store) satra.Store {
			if fault == "nodes: each its own" {
				return open(newServer(""))
			}
			return open(s.(*node).server)
		},
		Restart: func(_ storetest.TB, s satra.Store) satra.Store {
			old := s.(*node).server
			if fault == "restart: ends are lost" {
				for id, r := range old.records {
					r = clone(r)
					r.Ended, old.records[id] = nil, r
				}
			}
			if fault == "restart: all is lost" {
				old.records = map[satra.ID]*satra.Record{}
			}
			return open(old)
		},
		Down: func(_ storetest.TB, s satra.Store) func() {
			n := s.(*node)
			n.down = true
			return func() { n.down = false }
		},
		Commands:     func(s satra.Store) int { return s.(*node).commands },
		Linearizable: linearizable,
		Patience:     patience,
	}
}
