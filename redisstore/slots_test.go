package redisstore

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// Slots move from one primary to the next with sessions in them that are used
// all the while. The target has never seen the scripts.
func TestSlotsMoveUnderLoad(t *testing.T) {
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{})
	k := openKit(t, cluster.URLs()[0], Options{Timeout: 20 * time.Second})
	shards, rounds := []int{0, 22, 33, 63}, 1
	if os.Getenv("SATRA_LONG") != "" {
		rounds = 6
	}
	var idle []satra.ID
	for _, shard := range shards {
		for range 40 {
			idle = append(idle, k.create(func(r *satra.Record) { r.ID[0] = byte(4 * shard) }))
		}
	}
	l := newLoad(k, false, shards...)
	owner := func(slot int) int { return slot * 3 / testserver.RedisSlots }
	for round := range rounds {
		for _, shard := range shards {
			slot := testserver.RedisSlot(k.indexKey(shard))
			from, to := (owner(slot)+round)%3, (owner(slot)+round+1)%3
			cluster.Primaries[to].CLI("script", "flush")
			cluster.MoveSlot(slot, cluster.Primaries[from], cluster.Primaries[to])
			l.goesOn(100)
			if keys := cluster.Primaries[to].CLI("cluster", "countkeysinslot", itoa(slot)); strings.TrimSpace(keys) == "0" {
				t.Errorf("slot %d has come without its keys", slot)
			}
		}
	}
	if lost := l.judge("after slots have moved", all); lost != (loss{}) {
		t.Errorf("lost %+v, want nothing", lost)
	}
	if len(l.unavailable) > 0 {
		t.Errorf("unavailable: %v; a slot moves in less than Options.Timeout", l.unavailable)
	}
	for _, id := range idle {
		if r := k.find(id); r.Version != 1 || r.Ended != nil {
			t.Errorf("a session that nobody has used: version %d, ended %v", r.Version, r.Ended != nil)
		}
	}
}
