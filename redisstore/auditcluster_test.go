package redisstore

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra/internal/testserver"
)

// TestTheAuditLogsSlotMoves has the log go from one primary to the next while rows are
// added to it: each that was acknowledged is there, and once.
func TestTheAuditLogsSlotMoves(t *testing.T) {
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{})
	k := openKit(t, cluster.URLs()[0], Options{Timeout: 20 * time.Second})
	slot := testserver.RedisSlot(k.auditRowsKey())
	from := slot * 3 / testserver.RedisSlots
	const writers = 4
	var appending, begun sync.WaitGroup
	over := make(chan struct{})
	last := make([]int64, writers)
	begun.Add(writers)
	for i := range writers {
		appending.Go(func() {
			for seq := int64(1); ; seq++ {
				if added, err := k.AppendAudit(t.Context(), []auditRow{auditRowOf(fmt.Sprint("w", i), seq)}); err != nil || !added {
					t.Errorf("an append while the slot moves: got %v, %v", added, err)
				}
				last[i] = seq
				if seq == 1 {
					begun.Done()
				}
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	begun.Wait()
	for n := range 2 {
		cluster.MoveSlot(slot, cluster.Primaries[(from+n)%3], cluster.Primaries[(from+n+1)%3])
	}
	close(over)
	appending.Wait()
	chains, err := k.AuditChains(t.Context(), "", 10)
	if err != nil || len(chains) != writers {
		t.Fatalf("got the chains %+v, %v, want %d", chains, err, writers)
	}
	all := int64(0)
	for i, c := range chains {
		if all += last[i]; c.First != 1 || c.Last != last[i] {
			t.Errorf("got the chain %+v, want it to end with %d", c, last[i])
		}
	}
	if n := k.number("ZCARD", k.auditRowsKey()); n != all {
		t.Errorf("%d rows are there, want %d", n, all)
	}
}

// TestOnlyThePrimaryWithTheLogWritesItsFileAnew erases a key on a Cluster.
func TestOnlyThePrimaryWithTheLogWritesItsFileAnew(t *testing.T) {
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{Durable: true})
	k := openKit(t, cluster.URLs()[0], Options{Timeout: 20 * time.Second})
	const secret = "the secret of somebody"
	k.addKey("asha", secret)
	if n, err := k.EraseAuditKeys(t.Context(), [][]byte{[]byte("asha")}); n != 1 || err != nil {
		t.Fatalf("EraseAuditKeys: got %d, %v, want 1", n, err)
	}
	rewrites := 0
	for _, n := range cluster.Primaries {
		written(t, n)
		dir := strings.Fields(n.CLI("config", "get", "dir"))[1]
		if inFiles(t, dir, secret) != 0 {
			t.Error("the erased key is in a server's files")
		}
		if infoField(n.CLI("info", "persistence"), "aof_rewrites") != "0" {
			rewrites++
		}
	}
	if rewrites != 1 || k.number("EXISTS", k.auditErasedKey()) != 0 {
		t.Errorf("%d servers have written their files anew, want the one that has the log, and no mark", rewrites)
	}
}
