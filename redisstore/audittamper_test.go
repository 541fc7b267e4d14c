package redisstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/internal/testserver"
)

// auditRowOf is a row that has everything.
func auditRowOf(writer string, seq int64) auditRow {
	return auditRow{
		Writer: writer, Seq: seq, At: 1000 + seq, Kind: "signed_in", Session: fmt.Sprint("s", seq), Principal: bytes.Repeat([]byte{1}, 16),
		Address: bytes.Repeat([]byte{2}, 16), Body: []byte("body"), MAC: bytes.Repeat([]byte{3}, 32),
	}
}

func (k *kit) appendRows(writer string, n int64) (rows []auditRow) {
	k.Helper()
	for seq := int64(1); seq <= n; seq++ {
		rows = append(rows, auditRowOf(writer, seq))
	}
	if added, err := k.AppendAudit(k.Context(), rows); !added || err != nil {
		k.Fatalf("AppendAudit: got %v, %v", added, err)
	}
	return rows
}

// stored are the members of the set of rows.
func (k *kit) stored() []string {
	k.Helper()
	members, err := k.client.Do(k.Context(), k.client.B().Zrange().Key(k.auditRowsKey()).Min("0").Max("-1").Build()).AsStrSlice()
	if err != nil {
		k.Fatalf("ZRANGE: %v", err)
	}
	return members
}

// number is the answer to a command that counts.
func (k *kit) number(name, key string) int64 {
	k.Helper()
	n, err := k.client.Do(k.Context(), k.client.B().Arbitrary(name).Keys(key).Build()).AsInt64()
	if err != nil {
		k.Fatalf("%s: %v", name, err)
	}
	return n
}

// audited writes a log of three nodes, whose keys it returns.
func (k *kit) audited() *audit.Ring {
	k.Helper()
	ring, err := audit.NewRing(audit.NewKey())
	if err != nil {
		k.Fatal(err)
	}
	for _, node := range []string{"a", "b", "c"} {
		l, err := audit.Open(k.Context(), k.Store, &audit.Options{Keys: ring, Node: node})
		if err != nil {
			k.Fatal(err)
		}
		for range 3 {
			if err := l.Record(k.Context(), audit.Entry{Kind: "act", Principal: "asha"}); err != nil {
				k.Fatal(err)
			}
		}
		if err := l.Close(k.Context()); err != nil {
			k.Fatal(err)
		}
	}
	return ring
}

func (k *kit) verify(ring *audit.Ring) *audit.Report {
	k.Helper()
	report, err := audit.NewReader(k.Store, ring).Verify(k.Context(), nil, nil)
	if err != nil {
		k.Fatalf("Verify: %v", err)
	}
	return report
}

// TestWhatStandsBesideTheRowsHidesNoChain takes away all that the server has of the
// log but the rows: verification sees each of them.
func TestWhatStandsBesideTheRowsHidesNoChain(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	ring := k.audited()
	before := k.verify(ring)
	if len(before.Findings) > 0 || before.Chains != 3 || before.Entries < 12 {
		t.Fatalf("got %+v, want three chains and no finding", before)
	}
	all, err := k.client.Do(t.Context(), k.client.B().Keys().Pattern(k.options.Prefix+"*").Build()).AsStrSlice()
	if err != nil || len(all) < 6 {
		t.Fatalf("got the keys %q, %v", all, err)
	}
	for _, key := range all {
		if key != k.auditRowsKey() {
			k.do("DEL", key)
		}
	}
	after := k.verify(ring)
	if len(after.Findings) > 0 || after.Chains != 3 || after.Entries != before.Entries {
		t.Errorf("with the rows alone: got %+v, want %+v", after, before)
	}
}

// TestWhatIsDoneToRowsIsFound changes rows as somebody with redis-cli does.
func TestWhatIsDoneToRowsIsFound(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for name, c := range map[string]struct {
		do   func(k *kit, rows []string)
		what audit.Fault
	}{
		"a row is removed": {func(k *kit, rows []string) { k.do("ZREM", k.auditRowsKey(), rows[2]) }, audit.FaultRemoved},
		"a body is changed": {func(k *kit, rows []string) {
			k.do("ZREM", k.auditRowsKey(), rows[2])
			k.do("ZADD", k.auditRowsKey(), "0", rows[2][:len(rows[2])-1]+"x")
		}, audit.FaultAltered},
		"a row is cut short": {func(k *kit, rows []string) {
			k.do("ZREM", k.auditRowsKey(), rows[2])
			k.do("ZADD", k.auditRowsKey(), "0", rows[2][:strings.Index(rows[2], "\x00")+12])
		}, audit.FaultAltered},
		"another row is in its place": {func(k *kit, rows []string) {
			k.do("ZADD", k.auditRowsKey(), "0", rows[2][:strings.Index(rows[2], "\x00")+9]+"\x01garbage")
		}, audit.FaultAltered},
		"a chain is removed": {func(k *kit, rows []string) {
			writer, _, _ := readPlace(rows[0])
			for _, row := range rows {
				if w, _, _ := readPlace(row); w == writer {
					k.do("ZREM", k.auditRowsKey(), row)
				}
			}
		}, audit.FaultTruncated},
	} {
		k := newKit(t, server)
		ring := k.audited()
		c.do(k, k.stored())
		report := k.verify(ring)
		if !slices.ContainsFunc(report.Findings, func(f audit.Finding) bool { return f.What == c.what }) {
			t.Errorf("%s: got %v, want one that is %s", name, report.Findings, c.what)
		}
	}
}

// TestRowsOutOfTheirOrderAreAnError gives a row a score: what is asked for by the order
// of bytes may then be passed by.
func TestRowsOutOfTheirOrderAreAnError(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	for _, score := range []string{"-1", "0.5", "-inf", "inf"} {
		k.appendRows("w"+score, 3)
		member := k.stored()[0]
		k.do("ZADD", k.auditRowsKey(), score, member)
		_, chain := k.AuditChain(t.Context(), "w", 0, 10)
		_, chains := k.AuditChains(t.Context(), "", 10)
		_, cut := k.CutAudit(t.Context(), "w", 10, 10)
		for _, err := range []error{chain, chains, cut} {
			if !errors.Is(err, errDisorder) {
				t.Errorf("a row with the score %s: got error %v, want errDisorder", score, err)
			}
		}
		k.do("ZADD", k.auditRowsKey(), "0", member)
	}
}

// TestASecondRowInAPlaceAtTheEndOfAPageIsNotPassed holds that a page which ends there
// vouches for neither: the next one begins behind both.
func TestASecondRowInAPlaceAtTheEndOfAPageIsNotPassed(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, second := range []string{"\x01garbage", "\x01\xffgarbage"} { // before the row and behind it
		k := newKit(t, server)
		k.appendRows("w", 4)
		k.do("ZADD", k.auditRowsKey(), "0", rowPlace("w", 2)+second)
		page, err := k.AuditChain(t.Context(), "w", 0, 2)
		if err != nil || len(page) != 2 || page[1].Seq != 2 || len(page[1].MAC) != 0 {
			t.Errorf("got %+v, %v, want two rows, and the second without a MAC", page, err)
		}
		if page, err = k.AuditChain(t.Context(), "w", 2, 2); err != nil || len(page) != 2 || page[0].Seq != 3 || len(page[0].MAC) != 32 {
			t.Errorf("the next page: got %+v, %v", page, err)
		}
	}
}

// TestAnIndexThatSaysAnotherTimeMakesNoEndlessPages has two entries of an index that
// are not the row's own.
func TestAnIndexThatSaysAnotherTimeMakesNoEndlessPages(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	rows := k.appendRows("w", 3)
	for _, at := range []int64{5, 5000} {
		k.do("ZADD", k.auditKey("time"), "0", ordered(at)+rowPlace("w", 2))
	}
	k.do("ZADD", k.auditKey("time"), "0", ordered(1)+rowPlace("nobody", 2), "0", "short")
	page, err := k.AuditRows(t.Context(), auditQuery{Oldest: true, Limit: 10})
	if err != nil || len(page) != 3 || page[0].Seq != rows[0].Seq || page[2].Seq != rows[2].Seq {
		t.Errorf("got %+v, %v, want the three rows once each", page, err)
	}
}

// TestRowsThatComeLateAreNoHead fills the beginning of a chain, as a copy might.
func TestRowsThatComeLateAreNoHead(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	for _, seq := range []int64{5, 4} {
		if added, err := k.AppendAudit(t.Context(), []auditRow{auditRowOf("w", seq)}); !added || err != nil {
			t.Fatalf("AppendAudit: got %v, %v", added, err)
		}
	}
	if heads, err := k.AuditHeads(t.Context(), auditRowOf("w", 5).At, 10); err != nil || len(heads) != 1 || heads[0].Seq != 5 {
		t.Errorf("got the heads %+v, %v, want the row 5", heads, err)
	}
}

func TestACutLeavesNothingInTheIndexes(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	k.appendRows("w", 256)
	k.appendRows("v", 1)
	if n, err := k.CutAudit(t.Context(), "w", 1000, 10_000); n != 256 || err != nil {
		t.Fatalf("CutAudit: got %d, %v, want 256", n, err)
	}
	k.wantKeysAfter("w", 7) // those of v
	if n, err := k.CutAudit(t.Context(), "v", 1, 10); n != 1 || err != nil {
		t.Fatalf("CutAudit: got %d, %v, want 1", n, err)
	}
	k.wantKeysAfter("both", 0)
}

func (k *kit) wantKeysAfter(cut string, want int) {
	k.Helper()
	all, err := k.client.Do(k.Context(), k.client.B().Keys().Pattern(k.options.Prefix+"*").Build()).AsStrSlice()
	if err != nil || len(all) != want {
		k.Errorf("after %s is cut there are the keys %q, %v, want %d", cut, all, err, want)
	}
	for _, key := range all {
		if n := k.number("ZCARD", key); n != 1 {
			k.Errorf("after %s is cut the set %q has %d members, want 1", cut, key, n)
		}
	}
}

// TestAFullServerAddsNoRow fills a server's memory: an append is refused whole, a cut
// and an erasure go on.
func TestAFullServerAddsNoRow(t *testing.T) {
	server := testserver.StartRedis(t, false)
	k := newKit(t, server)
	k.appendRows("w", 4)
	k.addKey("asha", "secret")
	server.CLI("config", "set", "maxmemory", "1")
	added, err := k.AppendAudit(t.Context(), []auditRow{auditRowOf("w", 5), auditRowOf("w", 6)})
	if added || !errors.Is(err, satra.ErrFull) {
		t.Errorf("an append to a full server: got %v, %v, want ErrFull", added, err)
	}
	if err := k.AddAuditKeys(t.Context(), []auditWrappedKey{{Owner: []byte("b"), Key: []byte("k")}}); !errors.Is(err, satra.ErrFull) {
		t.Errorf("a key for a full server: got %v, want ErrFull", err)
	}
	for _, index := range []string{"rows", "time", "k:signed_in"} {
		if n := k.number("ZCARD", k.auditKey(index)); n != 4 {
			t.Errorf("%s has %d members after a refused append, want 4", index, n)
		}
	}
	if n, err := k.EraseAuditKeys(t.Context(), [][]byte{[]byte("asha")}); n != 1 || err != nil {
		t.Errorf("erasing on a full server: got %d, %v", n, err)
	}
	if n, err := k.CutAudit(t.Context(), "w", 2, 10); n != 2 || err != nil {
		t.Errorf("a cut on a full server: got %d, %v", n, err)
	}
	server.CLI("config", "set", "maxmemory", "0")
	if added, err := k.AppendAudit(t.Context(), []auditRow{auditRowOf("w", 5), auditRowOf("w", 6)}); !added || err != nil {
		t.Errorf("with room again: got %v, %v", added, err)
	}
}

// TestTheLogIsNoSession holds that the store's own work passes the log by.
func TestTheLogIsNoSession(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	k.appendRows("w", 10)
	k.addKey("asha", "secret")
	id := k.signIn("asha")
	if _, err := k.Sweep(t.Context(), time.Now(), 1000); err != nil {
		t.Errorf("Sweep: %v", err)
	}
	if live := k.live(""); len(live) != 1 || !live[id] {
		t.Errorf("got the sessions %v, want %v alone", live, id)
	}
	end := satra.End{At: k.now, Reason: satra.ReasonAdministrator}
	if _, err := k.EndAll(t.Context(), satra.Ending{At: k.now, Everybody: true, End: end}); err != nil {
		t.Errorf("EndAll: %v", err)
	}
	if rows, err := k.AuditChain(t.Context(), "w", 0, 100); len(rows) != 10 || err != nil {
		t.Errorf("after all sessions were ended: got %d rows, %v, want 10", len(rows), err)
	}
}
