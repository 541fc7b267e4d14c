package storetest_test

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
)

// What concerns many records: ending, listing, sweeping, watching.

func (n *node) EndAll(ctx context.Context, e satra.Ending) (ended []satra.Ended, err error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return nil, err
	}
	theirs := n.theirs(e)
	if n.is("end all: looks first") {
		n.pause()
	}
	if e.Everybody {
		n.all++
	} else if !n.is("epoch: not raised") {
		n.epochs[e.Principal] = satra.Epoch{Own: n.epochs[e.Principal].Own + 1}
	}
	if e.Access != satra.AccessKeep || n.is("principal: any end enables") {
		n.disabled[e.Principal] = e.Access == satra.AccessDeny
	}
	if e.Access == satra.AccessAllow && !n.is("principal: enabling ends") {
		return nil, nil
	}
	for _, r := range theirs {
		if r.ID == e.Except && !n.is("end all: the excepted one too") {
			continue
		}
		if n.endOne(r.ID, e.At, e.End) && !n.is("end all: does not tell whom it ended") {
			ended = append(ended, satra.Ended{ID: r.ID, End: e.End})
		}
	}
	return ended, nil
}

// theirs are the records that an ending is about.
func (n *node) theirs(e satra.Ending) []*satra.Record {
	return n.select_(func(r *satra.Record) bool {
		owner := r.Principal == e.Principal
		if n.is("principal: a name's beginning") {
			owner = len(r.Principal) > 0 && len(e.Principal) > 0 && r.Principal[0] == e.Principal[0]
		}
		return e.Everybody && (r.Principal != "" || !n.is("everybody: but anonymous ones")) || !e.Everybody && owner
	})
}

func (n *node) Principal(ctx context.Context, name string) (satra.PrincipalState, error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return satra.PrincipalState{}, err
	}
	return satra.PrincipalState{Epoch: n.epochOf(name), Disabled: n.disabled[name]}, nil
}

func (n *node) Disabled(ctx context.Context, after string, limit int) (names []string, err error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return nil, err
	}
	for name, is := range n.disabled {
		if is && (name > after || n.is("disabled: from the start")) || n.is("disabled: enabled ones too") && name > after {
			names = append(names, name)
		}
	}
	if !n.is("disabled: in any order") {
		slices.Sort(names)
	}
	return names[:min(limit, len(names))], nil
}

func (n *node) Import(ctx context.Context, r *satra.Record) (changed bool, err error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return false, err
	}
	if size(r) > maxRecord {
		return false, satra.ErrTooLarge
	}
	r = clone(r)
	old := n.records[r.ID]
	next := r
	if old != nil {
		if next, err = n.merge(old, r); err != nil || next == old {
			return false, err
		}
	}
	switch {
	case n.is("import: signs in"):
		next.Generation++
	case n.is("import: without its end") && old == nil:
		next.Ended = nil
	case n.is("import: looks first"):
		n.pause()
	case n.is("import: of nobody") && old == nil:
		next.Principal = ""
	}
	n.records[r.ID] = next
	if old != nil && old.Ended == nil && next.Ended != nil && !n.is("import: tells nobody") {
		n.announce(next)
	}
	return true, nil
}

func (n *node) merge(old, r *satra.Record) (*satra.Record, error) {
	switch {
	case n.is("import: over anything"):
		return r, nil
	case n.is("import: never again"):
		return old, nil
	}
	return old.Merge(r)
}

// reach is how many records a page looks at: few, so that the suite sees pages that
// are short.
const reach = 20

func (n *node) List(ctx context.Context, q satra.Query) (page satra.Page, err error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return page, err
	}
	all := n.select_(func(r *satra.Record) bool {
		after := bytes.Compare(r.ID[:], q.After[:])
		return after > 0 || after == 0 && n.is("list: the last again")
	})
	slices.SortFunc(all, func(a, b *satra.Record) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	if len(all) > reach {
		all = all[:reach]
		page.Next = all[reach-1].ID
		if n.is("list: looks over one") {
			all = all[:reach-1]
		}
	}
	all = slices.DeleteFunc(all, func(r *satra.Record) bool {
		live := r.Live(q.At)
		if n.is("list: what nobody ended is live") {
			live = r.Ended == nil
		}
		wanted := q.Principal == nil || r.Principal == *q.Principal || n.is("list: of all principals")
		return !wanted || live == q.Ended
	})
	if len(all) == 0 && n.is("list: an empty page is the last") {
		page.Next = satra.ID{}
	}
	if len(all) > q.Limit {
		all = all[:q.Limit]
		page.Next = all[len(all)-1].ID
		if n.is("list: skips one") && q.Limit > 1 {
			all = all[:len(all)-1]
		}
	}
	for _, r := range all {
		c := *r
		c.Values, c.Secret, c.Retired = nil, satra.Hash{}, nil
		if !n.is("list: tells the seed") {
			c.Seed = satra.Seed{}
		}
		page.Records = append(page.Records, &c)
	}
	return page, nil
}

func (n *node) Sweep(ctx context.Context, before time.Time, limit int) (swept int, err error) {
	defer n.mu.Unlock()
	if err := n.command(ctx); err != nil {
		return 0, err
	}
	over := func(r *satra.Record) time.Time { return r.Over(before).At }
	due := n.select_(func(r *satra.Record) bool { return r.Over(before) != nil && over(r).Before(before) })
	if n.is("sweep: looks first") {
		n.pause()
	}
	slices.SortFunc(due, func(a, b *satra.Record) int {
		if n.is("sweep: any order") {
			return cmp.Compare(a.ID[0], b.ID[0])
		}
		return over(a).Compare(over(b))
	})
	if !n.is("sweep: unbounded") {
		due = due[:min(limit, len(due))]
	}
	for _, r := range due {
		if !n.is("sweep: removes nothing") {
			delete(n.records, r.ID)
		}
	}
	if n.is("principal: disabling is swept") {
		clear(n.disabled)
	}
	return len(due), nil
}

// announce tells the watchers, who are many; the server is locked.
func (n *node) announce(r *satra.Record) {
	if n.is("watch: only what its owner ended") && r.Ended.Reason != satra.ReasonSignedOut && r.Ended.Reason != satra.ReasonReplaced {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(n.watchers)) {
		n.watchers[id](satra.Notice{ID: r.ID, Reason: r.Ended.Reason})
		if n.is("watch: twice") {
			n.watchers[id](satra.Notice{ID: r.ID, Reason: r.Ended.Reason})
		}
	}
}

func (n *node) Watch(ctx context.Context, notify func(satra.Notice)) error {
	n.mu.Lock()
	n.next++
	id := n.next
	notify(satra.Notice{Gap: true})
	n.watchers[id] = notify
	n.mu.Unlock()
	<-ctx.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.watchers, id)
	if n.is("watch: ends without an error") {
		return nil
	}
	return ctx.Err()
}
