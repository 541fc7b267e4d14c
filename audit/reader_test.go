package audit

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestPagesGoOnBehindForgedRows puts rows where the end of a page may be, that name no
// writer or a time that nobody can write down. Each entry still comes, once.
func TestPagesGoOnBehindForgedRows(t *testing.T) {
	ring, sink := newTestRing(t, 1), NewMemory(0)
	c := &crime{t: t, sink: sink}
	genuine := newChain("w", ring.active())
	var rows []Row
	for i := range 5 {
		row := genuine.next(draft{entry: Entry{At: time.Unix(int64(i), 0), Kind: "x"}.bounded()}, nil)
		genuine.advance(row)
		rows = append(rows, row)
	}
	c.edit("w", func([]Row) []Row { return rows })
	var forged, nameless []Row
	for i, at := range []int64{math.MinInt64, -1 << 62, -5, 3_000_000, 1 << 62, math.MaxInt64} {
		forged = append(forged, Row{Writer: "v", Seq: int64(i), At: at, Kind: "forged"})
	}
	for i, at := range []int64{math.MinInt64, 0, 2_000_000, 3_000_000, math.MaxInt64} {
		nameless = append(nameless, Row{Seq: int64(i), At: at, Kind: "forged"})
	}
	c.edit("v", func([]Row) []Row { return forged })
	c.edit("", func([]Row) []Row { return nameless })
	r := NewReader(sink, ring)
	for _, oldest := range []bool{false, true} {
		for limit := 1; limit <= 4; limit++ {
			t.Run(fmt.Sprintf("oldest first %v, by %d", oldest, limit), func(t *testing.T) {
				f := Filter{Oldest: oldest, Limit: limit}
				seen, named := map[int64]int{}, map[int64]int{}
				for pages := 0; ; pages++ {
					if pages > 30 {
						t.Fatal("30 pages and no end")
					}
					page, err := r.Entries(t.Context(), f)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range page {
						switch e.Writer {
						case "w":
							seen[e.Seq]++
						case "v":
							named[e.Seq]++
						}
					}
					if len(page) < limit {
						break
					}
					f.After = page[len(page)-1]
				}
				for i := range int64(5) {
					if seen[i+1] != 1 {
						t.Errorf("genuine entry %d came %d times", i+1, seen[i+1])
					}
				}
				for i := range forged {
					if named[int64(i)] != 1 {
						t.Errorf("forged entry %d came %d times", i, named[int64(i)])
					}
				}
			})
		}
	}
}
