package audittest

import (
	"fmt"

	"github.com/satra-sessions/satra/audit"
)

// scattered appends rows of several writers, with equal times among them, whose
// names sort otherwise by any rule than by their bytes.
func scattered(k *kit) []audit.Row {
	var all []audit.Row
	for i, writer := range []string{"b-1", "B-1", "a.1", "a_1", "a-1", "a-10", "a-9"} {
		batch := rows(writer, 1, 9, epoch+int64(i%3))
		for j := range batch {
			r := &batch[j]
			if j%3 == 2 {
				r.At -= 2 // back in time
			}
			r.Kind = []string{"signed_in", "ended", "csrf_rejected"}[(i+j)%3]
			if j%2 == 0 {
				r.Session = fmt.Sprintf("session-%d", j%4)
			}
			if i%2 == 0 {
				r.Principal = index(fmt.Sprintf("p%d", j%2))
			}
			if j%4 != 0 {
				r.Address = index(fmt.Sprintf("a%d", i%2))
			}
		}
		k.append(k.sink, batch...)
		all = append(all, batch...)
	}
	return inTime(all)
}

func rowsComeInTheOrderOfTime(k *kit) {
	all := scattered(k)
	for _, limit := range []int{1, 2, 7, len(all), 1000} {
		k.same("oldest first", k.pages(k.sink, audit.Query{Oldest: true, Limit: limit}, nil), all)
		k.same("newest first", k.pages(k.sink, audit.Query{Limit: limit}, nil), reversed(all))
	}
}

func filtersHoldTogether(k *kit) {
	all := scattered(k)
	some := []audit.Query{
		{Kind: "ended"}, {Session: "session-2"}, {Principal: index("p1")}, {Address: index("a0")}, {Writer: "a_1"},
		{Kind: "ended", Session: "session-0"}, {Principal: index("p0"), Address: index("a0")},
		{Principal: index("p1"), Kind: "ended"}, {Address: index("a1"), Kind: "csrf_rejected", From: epoch + 2},
		{Session: "session-2", Principal: index("p0")}, {Session: "session-2", Address: index("a0")},
		{Session: "session-2", Principal: index("p0"), Kind: "ended", Address: index("a0"), Writer: "a.1"},
		{Kind: "signed_in", From: epoch + 1, Until: epoch + 5}, {Writer: "B-1", Until: epoch + 4},
		{Principal: index("p0"), From: epoch, Until: epoch + 3}, {Session: "session-2", From: epoch + 4},
	}
	none := []audit.Query{
		{Kind: "renewed"}, {Session: "session"}, {Principal: index("p")}, {Address: index("p0")}, {Writer: "a"},
	}
	for i, q := range append(some, none...) {
		var want []audit.Row
		for _, r := range all {
			if (q.Kind == "" || r.Kind == q.Kind) && (q.Session == "" || r.Session == q.Session) &&
				(q.Principal == nil || string(r.Principal) == string(q.Principal)) &&
				(q.Address == nil || string(r.Address) == string(q.Address)) && (q.Writer == "" || r.Writer == q.Writer) &&
				r.At >= q.From && (q.Until == 0 || r.At < q.Until) {
				want = append(want, r)
			}
		}
		if (i < len(some)) != (len(want) > 0) {
			k.Fatalf("the suite wants %s of %+v, which shows nothing", names(want), q)
		}
		for _, q.Limit = range []int{1, 3, 1000} {
			q.Oldest = true
			k.same(fmt.Sprintf("%+v", q), k.pages(k.sink, q, nil), want)
			q.Oldest = false
			k.same(fmt.Sprintf("%+v", q), k.pages(k.sink, q, nil), reversed(want))
		}
	}
}

func timesHaveEdges(k *kit) {
	all := rows("w", 1, 5, epoch)
	k.append(k.sink, all...)
	for _, c := range []struct {
		from, until int64
		want        []audit.Row
	}{
		{epoch - 1, epoch, nil},
		{epoch, epoch + 1, all[:1]},
		{epoch + 4, 0, all[4:]},
		{epoch + 5, 0, nil},
		{epoch + 1, epoch + 4, all[1:4]},
		{0, epoch + 2, all[:2]},
		{epoch + 3, epoch + 3, nil},
	} {
		q := audit.Query{From: c.from, Until: c.until, Limit: 10, Oldest: true}
		k.same(fmt.Sprintf("from %d until %d", c.from-epoch, c.until-epoch), k.query(k.sink, q), c.want)
	}
}

// pagesSkipAndDoubleNothing turns pages while newer rows come and older ones are
// cut, those that a page has just ended with among them.
func pagesSkipAndDoubleNothing(k *kit) {
	for _, oldest := range []bool{false, true} {
		mark := fmt.Sprint("stable-", oldest)
		gone := fmt.Sprint("gone-", oldest)
		var want []audit.Row
		for i := range int64(60) {
			r := row(mark, i+1, epoch+i/3)
			want = append(want, r)
			k.append(k.sink, r)
			k.append(k.sink, row(gone, i+1, epoch+i/3))
		}
		want = inTime(want)
		if !oldest {
			want = reversed(want)
		}
		turn := int64(0)
		all := k.pages(k.sink, audit.Query{Oldest: oldest, Limit: 7, From: epoch, Until: epoch + 20}, func() {
			turn++
			k.append(k.sink, row(fmt.Sprintf("new-%v-%d", oldest, turn), 1, epoch+100))
			if _, err := k.sink.CutAudit(k.ctx, gone, turn*4, 100); err != nil {
				k.Fatalf("CutAudit: %v", err)
			}
		})
		var got []audit.Row
		for _, r := range all {
			if r.Writer == mark {
				got = append(got, r)
			}
		}
		k.same("the rows that were there all the time", got, want)
		for _, writer := range []string{mark, gone} {
			if _, err := k.sink.CutAudit(k.ctx, writer, 1000, 1000); err != nil {
				k.Fatalf("CutAudit: %v", err)
			}
		}
	}
}
