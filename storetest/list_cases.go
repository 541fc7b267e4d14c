package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

func pagesSkipAndDoubleNothing(k *kit) {
	alice := "alice"
	stable := map[satra.ID]bool{}
	for i := range 60 {
		if i%3 == 0 {
			stable[k.signIn(alice, 0)] = true
		} else {
			stable[k.create(nil).ID] = true
		}
	}
	churned := 0
	for _, limit := range []int{1, 7, 1000} {
		for _, q := range []satra.Query{{}, {Principal: &alice}} {
			q.At, q.Limit = k.t0, limit
			seen, steps := k.pagesUnderChurn(q)
			churned += steps
			for id := range stable {
				if q.Principal != nil && k.find(id).Principal != alice {
					if seen[id] != 0 {
						k.Errorf("limit %d: a session of somebody else is in the principal's list", limit)
					}
				} else if seen[id] != 1 {
					k.Errorf("limit %d: a session that stayed throughout was listed %d times", limit, seen[id])
				}
			}
			if q.Principal != nil && len(seen) != 20 {
				k.Errorf("limit %d: the principal's list has %d sessions, want 20", limit, len(seen))
			}
		}
	}
	k.Logf("%d sessions were created and ended beside the pages", churned)
	if seen := k.pages(satra.Query{At: k.t0, Limit: 60}); len(seen) != 60 {
		k.Errorf("pages with room for all: %d records, want 60", len(seen))
	}
}

// fewAmongMany asks for the few that are over, and for the few that are live: a page
// of them may be empty, and leads on all the same.
func fewAmongMany(k *kit) {
	const all, few = 60, 3
	var order []satra.ID
	for range all {
		order = append(order, k.create(nil).ID)
	}
	slices.SortFunc(order, func(a, b satra.ID) int { return bytes.Compare(a[:], b[:]) })
	end := func(some []satra.ID) {
		for _, id := range some {
			k.apply(id, k.end(0, satra.ReasonSignedOut))
		}
	}
	holds := func(what string, q satra.Query, want []satra.ID) {
		for _, q.Limit = range []int{1, 2, 7, 1000} {
			seen := k.pages(q)
			for _, id := range want {
				if seen[id] != 1 {
					k.Errorf("%s, by %d: one of them was listed %d times", what, q.Limit, seen[id])
				}
			}
			if len(seen) != len(want) {
				k.Errorf("%s, by %d: got %d, want %d", what, q.Limit, len(seen), len(want))
			}
		}
	}
	holds("all of them", satra.Query{At: k.t0}, order)
	nobody := ""
	late := order[all-few:]
	end(late)
	for _, owner := range []*string{nil, &nobody} {
		holds("the last, which are over", satra.Query{At: k.t0, Principal: owner, Ended: true}, late)
	}
	end(order[:all-2*few])
	for _, owner := range []*string{nil, &nobody} {
		holds("those behind many that are over", satra.Query{At: k.t0, Principal: owner}, order[all-2*few:all-few])
	}
}

// churn creates and ends sessions until the function that it returns is called,
// which tells how many. It has a bound: what is over stays in the store, and a list
// that passes over it must come to its end before as much again has been added.
func (k *kit) churn() (stop func() int) {
	ctx, cancel := context.WithCancel(k.Context())
	over := make(chan struct{})
	steps := 0
	go func() {
		defer close(over)
		for ctx.Err() == nil && steps < 500 {
			r := k.record()
			err := k.s.Create(k.Context(), r)
			if err == nil {
				_, err = k.s.Apply(k.Context(), r.ID, k.end(0, satra.ReasonSignedOut))
			}
			if err != nil {
				k.Errorf("the churn beside a list: %v", err)
				return
			}
			steps++
		}
	}()
	return func() int {
		cancel()
		<-over
		return steps
	}
}

// pagesUnderChurn is pages, with churn beside it.
func (k *kit) pagesUnderChurn(q satra.Query) (seen map[satra.ID]int, steps int) {
	k.Helper()
	stop := k.churn()
	defer func() { steps = stop() }()
	return k.pages(q), 0
}

// pages counts how often each ID is listed, and looks at the order.
func (k *kit) pages(q satra.Query) map[satra.ID]int {
	k.Helper()
	seen := map[satra.ID]int{}
	for range 10_000 {
		page, err := k.s.List(k.Context(), q)
		if err != nil {
			k.Fatalf("List: %v", err)
		}
		if len(page.Records) > q.Limit {
			k.Errorf("a page of %d records, over the limit of %d", len(page.Records), q.Limit)
		}
		last := q.After
		for _, r := range page.Records {
			if bytes.Compare(r.ID[:], last[:]) <= 0 {
				k.Errorf("a page is not in the order of the IDs after the page before")
			}
			last = r.ID
			seen[r.ID]++
		}
		if page.Next.IsZero() {
			return seen
		}
		if bytes.Compare(page.Next[:], q.After[:]) <= 0 {
			k.Fatalf("Next does not lead on")
		}
		q.After = page.Next
	}
	k.Fatalf("10,000 pages and no end")
	return nil
}

// overdue makes records that were over at the minute that their number says.
func (k *kit) overdue(n int) []satra.ID {
	all := make([]satra.ID, n)
	for _, i := range shuffled(n) {
		r := k.create(func(r *satra.Record) { r.Idle, r.Seen = time.Hour, k.at(-time.Hour) })
		all[i] = r.ID
		if i%2 == 0 {
			k.apply(r.ID, &satra.Change{At: k.at(-time.Minute), Idle: time.Hour + time.Duration(i)*time.Minute})
		} else {
			c := k.end(time.Duration(i)*time.Minute, satra.ReasonSignedOut)
			c.At = k.at(-time.Minute)
			k.apply(r.ID, c)
		}
	}
	return all
}

// shuffled returns 0 to n-1 in another order, the same each time.
func shuffled(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i * 7 % n
	}
	return all
}

// left counts those of the records that are still found.
func (k *kit) left(all []satra.ID) (n int) {
	k.Helper()
	for _, id := range all {
		_, err := k.s.Find(k.Context(), id, satra.Fresh)
		if err == nil {
			n++
		} else if !errors.Is(err, satra.ErrNotFound) {
			k.Errorf("Find: %v", err)
		}
	}
	return n
}

func (k *kit) sweep(after time.Duration, limit int) int {
	k.Helper()
	n, err := k.s.Sweep(k.Context(), k.at(after), limit)
	if err != nil {
		k.Errorf("Sweep: %v", err)
	}
	return n
}

func sweepIsBoundedAndOldestFirst(k *kit) {
	const all = 30
	over := k.overdue(all)
	live := k.create(func(r *satra.Record) { r.Idle = 10 * time.Hour })
	if k.s.Features().Retention > 0 {
		if n := k.sweep(10*time.Hour, 100); n != 0 {
			k.Errorf("Sweep of a store that declares a retention: %d, want 0", n)
		}
		return
	}
	// Before is before: what was over at that very instant stays.
	if n := k.sweep(10*time.Minute, 100); n != 10 || k.left(over[10:]) != all-10 {
		k.Errorf("Sweep before the tenth minute: %d, and %d are left of the later ones; want 10 and %d", n, k.left(over[10:]), all-10)
	}
	if n := k.sweep(10*time.Hour, 0); n != 0 {
		k.Errorf("Sweep of at most 0: %d", n)
	}
	if n := k.sweep(9*time.Hour, 5); n != 5 || k.left(over[10:15]) != 0 || k.left(over[15:]) != all-15 {
		k.Errorf("Sweep of at most 5: %d; of the 5 oldest %d are left, of the others %d of %d", n, k.left(over[10:15]), k.left(over[15:]), all-15)
	}
	// After a long time without a sweeper it goes on where it was.
	for range all {
		k.sweep(9*time.Hour, 7)
	}
	if n := k.sweep(9*time.Hour, 7); n != 0 {
		k.Errorf("after sweeping all: Sweep says that it removed %d more", n)
	}
	if k.left(over) != 0 {
		k.Errorf("after sweeping all: %d are left", k.left(over))
	}
	k.find(live.ID)
}

func twoSweepersAndTheLiving(k *kit) {
	if k.s.Features().Retention > 0 {
		return // the server removes records, and is tested by its makers
	}
	for range max(1, k.h.Rounds/5) {
		const all = 20
		over := k.overdue(all)
		// This one would be over, if nobody used it: the sweep must see that.
		used := k.create(func(r *satra.Record) { r.Idle = time.Hour })
		var swept, gone atomic.Int32
		sweeper := func() {
			for range all + 2 { // one too many each, or there is no end
				n, err := k.s.Sweep(k.Context(), k.at(2*time.Hour), 3)
				if err != nil {
					k.Errorf("Sweep: %v", err)
				}
				if n == 0 {
					return
				}
				swept.Add(int32(n))
			}
		}
		race(sweeper, sweeper, func() {
			if _, err := k.s.Apply(k.Context(), used.ID, k.touch(59*time.Minute+59*time.Second)); errors.Is(err, satra.ErrNotFound) {
				gone.Add(1)
			} else if err != nil {
				k.Errorf("a touch beside a sweep: %v", err)
			}
		}, func() {
			if _, err := k.s.Apply(k.Context(), used.ID, &satra.Change{At: k.t0, Idle: satra.Never, Lifetime: satra.Never}); errors.Is(err, satra.ErrNotFound) {
				gone.Add(1)
			} else if err != nil {
				k.Errorf("new limits beside a sweep: %v", err)
			}
		})
		kept := k.left([]satra.ID{used.ID})
		if kept == 0 && gone.Load() < 1 {
			k.Fatalf("a session whose limits were changed, and that change acknowledged, was swept")
		}
		if int(swept.Load()) != all+1-kept || k.left(over) != 0 {
			k.Fatalf("two sweepers say that they removed %d records, and %d of %d are left", swept.Load(), k.left(over)+kept, all+1)
		}
	}
}
