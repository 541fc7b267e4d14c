package redisstore

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// ttl is how long a key is kept; -1 ns for ever.
func (k *kit) ttl(key string) time.Duration {
	k.Helper()
	n, err := k.client.Do(k.Context(), k.client.B().Pttl().Key(key).Build()).AsInt64()
	if err != nil || n == -2 {
		k.Fatalf("PTTL of %q: %d, %v", key, n, err)
	}
	if n == -1 {
		return satra.Never
	}
	return time.Duration(n) * time.Millisecond
}

// about reports whether a time to live is that long, give or take a minute.
func about(got, want time.Duration) bool { return (got - want).Abs() < time.Minute }

func TestRecordsAreKeptForTheRetention(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	day := 24 * time.Hour
	apply := func(id satra.ID, c *satra.Change) {
		t.Helper()
		if _, err := k.Apply(t.Context(), id, c); err != nil {
			t.Fatalf("Apply: %v", err)
		}
	}
	id := k.create(nil)
	check := func(what string, id satra.ID, want time.Duration) {
		t.Helper()
		if got := k.ttl(k.recordKey(id)); got != want && !about(got, want) {
			t.Errorf("%s: kept for %v, want %v", what, got, want)
		}
	}
	check("new", id, time.Hour+day)
	later := k.now.Add(30 * time.Minute)
	apply(id, &satra.Change{At: later, Seen: later})
	check("touched after half an hour", id, 90*time.Minute+day)
	apply(id, &satra.Change{At: later, Idle: satra.Never})
	check("without an idle timeout", id, 12*time.Hour+day)
	apply(id, &satra.Change{At: later, Lifetime: satra.Never})
	check("never expiring", id, satra.Never)
	apply(id, &satra.Change{At: later, Renew: &satra.Renew{Old: k.find(id).Secret, Keep: 1}})
	check("renewed", id, satra.Never)
	apply(id, &satra.Change{At: later, Seen: later.Add(time.Minute)})
	check("never expiring, touched", id, satra.Never)
	apply(id, &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}})
	check("ended", id, day)
	check("long over", k.create(func(r *satra.Record) {
		r.Created, r.Begun, r.Seen = k.now.Add(-1000*day), k.now.Add(-1000*day), k.now.Add(-1000*day)
	}), day)
}

func TestAPrincipalIsKeptAsLongAsItsSessions(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	day := 24 * time.Hour
	key := k.principalKey("alice")
	check := func(what string, want time.Duration) {
		t.Helper()
		if got := k.ttl(key); got != want && !about(got, want) {
			t.Errorf("%s: kept for %v, want %v", what, got, want)
		}
	}
	id := k.signIn("alice")
	check("after a sign-in for 12 h", 36*time.Hour)
	if _, err := k.Apply(t.Context(), id, &satra.Change{At: k.now, Lifetime: 30 * day}); err != nil {
		t.Fatal(err)
	}
	check("after the lifetime became 30 days", 31*day)
	k.signIn("alice")
	check("after another sign-in for 12 h", 31*day)
	if _, err := k.Apply(t.Context(), id, &satra.Change{At: k.now, Lifetime: satra.Never, Idle: satra.Never}); err != nil {
		t.Fatal(err)
	}
	check("without an end", 401*day)
	k.do("PEXPIRE", key, "100000000")
	soon, late := k.now.Add(90*day), k.now.Add(101*day)
	k.touch(t.Context(), id, &satra.Change{At: soon, Seen: soon})
	check("touched after 90 days", 100000*time.Second)
	if _, err := k.Apply(t.Context(), id, &satra.Change{At: late, Seen: late}); err != nil {
		t.Fatal(err)
	}
	check("touched after 101 days", 502*day)
	if _, err := k.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "alice", Access: satra.AccessDeny, End: satra.End{At: k.now, Reason: satra.ReasonDisabled}}); err != nil {
		t.Fatal(err)
	}
	check("disabled", satra.Never)
	if _, err := k.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "alice", Access: satra.AccessAllow}); err != nil {
		t.Fatal(err)
	}
	if got := k.ttl(key); got == satra.Never {
		t.Errorf("enabled: kept for ever")
	}
}

func TestEveryKeyIsInItsShard(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	k.signIn("alice{}")
	k.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "bob{}", Access: satra.AccessDeny, End: satra.End{At: k.now, Reason: satra.ReasonDisabled}})
	k.EndAll(t.Context(), satra.Ending{At: k.now, Everybody: true, End: satra.End{At: k.now, Reason: satra.ReasonAdministrator}})
	keys, err := k.client.Do(t.Context(), k.client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) < 4 {
		t.Fatalf("KEYS: %d, %v", len(keys), err)
	}
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, k.options.Prefix)
		shard := -1
		if len(rest) > 4 && rest[0] == '{' && rest[3] == '}' {
			n, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err == nil {
				shard = int(n)
			}
		}
		if !ok || rest != "everybody" && (shard < 0 || shard >= shards) {
			t.Errorf("the key %q is in no shard", key)
		}
		stays := rest == "everybody" || key == k.principalKey("bob{}")
		for _, kind := range []string{"}sessions", "}epochs", "}disabled"} {
			stays = stays || strings.HasSuffix(key, kind)
		}
		if got := k.ttl(key); got == satra.Never && !stays {
			t.Errorf("the key %q is kept for ever", key)
		}
	}
}

// TestSweepKeepsUpWithWhatExpires has far more sessions gone than one sweep is to look
// at, as after an hour with more than a thousand new ones a minute.
func TestSweepKeepsUpWithWhatExpires(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	const gone = 5000
	for i := range gone {
		id := satra.ID{byte(i), byte(i >> 8), 1}
		k.do("ZADD", k.indexKey(shardOf(id)), "0", string(id[:]))
	}
	if _, err := k.Sweep(t.Context(), k.now, 200); err != nil {
		t.Fatal(err)
	}
	left := 0
	for i := range gone {
		id := satra.ID{byte(i), byte(i >> 8), 1}
		if k.do("ZSCORE", k.indexKey(shardOf(id)), string(id[:])) != "" {
			left++
		}
	}
	if left > 0 {
		t.Errorf("%d of %d dead IDs are left in the indexes", left, gone)
	}
}

func TestSweepTakesOutOfTheIndexWhatTheServerRemoved(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	var gone, stay []satra.ID
	for i := range 200 {
		id := k.create(nil)
		if i%2 == 0 {
			stay = append(stay, id)
		} else {
			gone = append(gone, id)
			k.do("DEL", k.recordKey(id))
		}
	}
	for range 20 { // in small steps, more than once around
		if n, err := k.Sweep(t.Context(), k.now, 25); n != 0 || err != nil {
			t.Fatalf("Sweep: %d, %v", n, err)
		}
	}
	for _, id := range gone {
		if k.do("ZSCORE", k.indexKey(shardOf(id)), string(id[:])) != "" {
			t.Fatalf("an ID is in the index whose record is gone")
		}
	}
	if n := len(k.live("")); n != len(stay) {
		t.Errorf("%d sessions are listed, want the %d that are there", n, len(stay))
	}
}

func TestSignInsTidyTheirPrincipal(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	past := liveEntry(k.now.Add(-time.Minute).UnixMicro())
	live, ended, gone := k.signIn("alice"), k.signIn("alice"), k.signIn("alice")
	if _, err := k.Apply(t.Context(), ended, &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}}); err != nil {
		t.Fatal(err)
	}
	k.do("DEL", k.recordKey(gone))
	over := k.create(nil)
	k.do("HSET", k.principalKey("alice"), string(over[:]), "E"+past[1:])
	for _, id := range []satra.ID{live, ended, gone} {
		k.do("HSET", k.principalKey("alice"), string(id[:]), past)
	}
	k.signIn("alice")
	all := k.entries("alice")
	if e := all[live]; e.state() != 'L' || e.raw == past {
		t.Errorf("a live session: entry %q, want it put off", e.raw)
	}
	if e := all[ended]; e.state() != 'E' {
		t.Errorf("an ended session: entry %q, want E", e.raw)
	}
	if _, ok := all[gone]; ok {
		t.Errorf("a session that is gone has an entry")
	}
	if _, ok := all[over]; ok {
		t.Errorf("a tombstone that is over has an entry")
	}
}

func TestSessionsEndWhenTheServerIsFull(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	one, alices, others, stolen := k.create(nil), k.signIn("alice"), k.signIn("bob"), k.signIn("carol")
	old, next := k.find(stolen).Secret, satra.Hash{9}
	_, renewErr := k.Apply(t.Context(), stolen, &satra.Change{At: k.now, Renew: &satra.Renew{Old: old, New: next, Successor: []byte("x"), Keep: 4}})
	_, shownErr := k.Apply(t.Context(), stolen, &satra.Change{At: k.now, Shown: &next})
	if err := errors.Join(renewErr, shownErr); err != nil {
		t.Fatal(err)
	}
	k.do("CONFIG", "SET", "maxmemory", "1")
	r := *k.find(one)
	r.ID = satra.ID{1}
	if err := k.Create(t.Context(), &r); !errors.Is(err, satra.ErrFull) {
		t.Errorf("Create: got error %v, want ErrFull", err)
	}
	end := satra.End{At: k.now, Reason: satra.ReasonAdministrator}
	reuse := &satra.Refusal{Secret: old, Window: 30 * time.Second, Limit: 1, End: satra.End{At: k.now, Reason: satra.ReasonStolen}}
	_, reuseErr := k.Apply(t.Context(), stolen, &satra.Change{At: k.now, Refused: reuse})
	_, endErr := k.Apply(t.Context(), one, &satra.Change{At: k.now, End: &end})
	_, allErr := k.EndAll(t.Context(), satra.Ending{At: k.now, Principal: "alice", End: end})
	_, everybodyErr := k.EndAll(t.Context(), satra.Ending{At: k.now, Everybody: true, End: end})
	if err := errors.Join(reuseErr, endErr, allErr, everybodyErr); err != nil {
		t.Errorf("ends with a full memory: %v", err)
	}
	if got := k.find(stolen).Ended; got == nil || got.Reason != satra.ReasonStolen {
		t.Errorf("the reused token has left the end %+v", got)
	}
	for _, id := range []satra.ID{one, alices, others, stolen} {
		if k.find(id).Live(k.now) {
			t.Errorf("a session is live after its end")
		}
	}
}
