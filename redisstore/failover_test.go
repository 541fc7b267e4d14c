package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// A shift is a Cluster with a replica of each primary, and who is the primary of
// each third of the slots now.
type shift struct {
	*testserver.RedisCluster
	primary, replica [3]*testserver.Redis
	at               map[int][]int // the shards by their third
}

func newShift(t *testing.T) (*shift, *kit) {
	s := &shift{
		RedisCluster: testserver.StartRedisCluster(t, testserver.RedisClusterOptions{Replicas: true, Timeout: 2 * time.Second}),
		at:           map[int][]int{},
	}
	copy(s.primary[:], s.Primaries)
	copy(s.replica[:], s.Replicas)
	k := openKit(t, s.URLs()[0], Options{Prefix: rand.Text() + ":"})
	for _, shard := range []int{0, 3, 7, 12, 19, 22, 29, 33, 36, 44, 46, 53, 58, 63} {
		at := third(k, shard)
		s.at[at] = append(s.at[at], shard)
	}
	return s, k
}

func third(k *kit, shard int) int {
	return testserver.RedisSlot(k.indexKey(shard)) * 3 / testserver.RedisSlots
}

func (s *shift) shards() (all []int) {
	for at := range 3 {
		all = append(all, s.at[at]...)
	}
	return all
}

// writable returns when the store can change sessions of the shards again.
func (k *kit) writable(shards []int) (failures int) {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), time.Minute)
	defer cancel()
	for _, shard := range shards {
		r := &satra.Record{Generation: 1, Version: 1, Created: k.now, Begun: k.now, Seen: k.now, Idle: time.Hour, Lifetime: time.Hour}
		for {
			rand.Read(r.ID[:])
			r.ID[0] = byte(4 * shard)
			err := k.Create(ctx, r)
			if err == nil {
				break
			}
			if failures++; !errors.Is(err, satra.ErrUnavailable) || ctx.Err() != nil {
				k.Fatalf("Create in shard %d after a failover, %d times refused: %v", shard, failures, err)
			}
		}
	}
	return failures
}

func TestFailover(t *testing.T) {
	s, k := newShift(t)
	_, err := Open(t.Context(), s.URLs()[0], &Options{Durable: satra.DurablePower})
	if err == nil || !strings.Contains(err.Error(), "3 replicas that may take over") {
		t.Errorf("DurablePower where a failover may lose something: got error %v", err)
	}
	t.Run("ACoordinatedOneLosesNothing", func(t *testing.T) { aCoordinatedOneLosesNothing(k.in(t), s) })
	t.Run("APrimaryDiesUnderLoad", func(t *testing.T) { aPrimaryDiesUnderLoad(k.in(t), s) })
	t.Run("WhatTheReplicaHadNotIsLost", func(t *testing.T) { whatTheReplicaHadNotIsLost(k.in(t), s) })
}

// in is the same store in a part of the test.
func (k *kit) in(t *testing.T) *kit {
	part := *k
	part.T = t
	return &part
}

// A failover that the operator asks for loses nothing, and nobody has to be
// told: the old primary holds its clients until the replica has everything.
func aCoordinatedOneLosesNothing(k *kit, s *shift) {
	rounds := 1
	if os.Getenv("SATRA_LONG") != "" {
		rounds = 5
	}
	l := newLoad(k, false, s.shards()...)
	for range rounds {
		for at := range 3 {
			s.Promote(s.replica[at], s.primary[at])
			s.primary[at], s.replica[at] = s.replica[at], s.primary[at]
			k.writable(s.at[at])
			l.goesOn(200)
		}
	}
	if lost := l.judge("after coordinated failovers", all); lost != (loss{}) {
		k.Errorf("lost %+v, want nothing", lost)
	}
}

// When a primary dies its replica takes over, and the store goes on by itself.
// What the replica had not been sent is lost, ends included: that is what
// asynchronous replication is, so it is counted here and not forbidden. Nothing
// else may happen: no other primary's sessions lose anything, no change is made
// twice, nobody's session ends.
func aPrimaryDiesUnderLoad(k *kit, s *shift) {
	rounds := 1
	if os.Getenv("SATRA_LONG") != "" {
		rounds = 6
	}
	for round := range rounds {
		dying := round % 3
		l := newLoad(k, true, s.shards()...)
		s.primary[dying].Kill()
		failures := k.writable(s.at[dying])
		l.goesOn(500)
		lost := func(t *track) bool {
			return third(k, shardOf(t.id)) == dying || third(k, shardOfName(t.principal)) == dying
		}
		l.judge("of the primary that has died", lost)
		if got := l.judge("of the others", func(t *track) bool { return !lost(t) }); got != (loss{}) {
			k.Errorf("the other primaries lost %+v, want nothing", got)
		}
		if failures == 0 {
			k.Errorf("the store noticed nothing of a primary that died")
		}
		s.primary[dying].Start() // it comes back as the replica of its replica
		s.replica[dying].InStep(s.primary[dying])
		s.primary[dying], s.replica[dying] = s.replica[dying], s.primary[dying]
		s.Await()
	}
}

// What a primary has acknowledged and not yet sent to its replica is gone with
// it, an end as well: the session lives again. This is why a Cluster with replicas
// that may take over is not Durable; docs/stores.md says so.
func whatTheReplicaHadNotIsLost(k *kit, s *shift) {
	dying := third(k, 0)
	in := func(r *satra.Record) { r.ID[0] = 0 }
	ended, changed := k.create(in), k.create(in)
	s.primary[dying].InStep(s.replica[dying])
	thaw := s.replica[dying].Freeze()
	s.primary[dying].CLI("client", "kill", "type", "replica")
	if _, err := k.Apply(k.Context(), ended, &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}}); err != nil {
		k.Fatalf("an end: %v", err)
	}
	if _, err := k.Apply(k.Context(), changed, &satra.Change{At: k.now, Set: []satra.Value{{Key: "a", Data: []byte("1")}}}); err != nil {
		k.Fatalf("a change: %v", err)
	}
	s.primary[dying].Kill()
	thaw()
	k.writable([]int{0})
	if k.find(ended).Ended != nil || k.find(changed).Version != 1 {
		k.Errorf("the replica knows what it was never sent; docs/stores.md says that it is lost")
	}
}
