package redisstore

import (
	"sync"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// TestAListLooksAtSoManyAndNoMore has one session that is over, behind more live ones
// than a call looks at.
func TestAListLooksAtSoManyAndNoMore(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range listReach/16 + 100 {
				k.create(nil)
			}
		})
	}
	all.Wait()
	last := satra.ID{}
	for i := range last {
		last[i] = 0xff
	}
	k.create(func(r *satra.Record) { r.ID = last })
	end := satra.End{At: k.now, Reason: satra.ReasonSignedOut}
	if _, err := k.Apply(t.Context(), last, &satra.Change{At: k.now, End: &end}); err != nil {
		t.Fatal(err)
	}
	q := satra.Query{At: k.now, Ended: true, Limit: 1}
	page, err := k.List(t.Context(), q)
	if err != nil || len(page.Records) != 0 || page.Next.IsZero() {
		t.Fatalf("the first page: got %d records, next %s, %v; want it empty, and that it leads on", len(page.Records), page.Next, err)
	}
	q.After = page.Next
	page, err = k.List(t.Context(), q)
	if err != nil || len(page.Records) != 1 || page.Records[0].ID != last {
		t.Errorf("the second page: got %+v, %v", page, err)
	}
}
