package redisstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestWhatIsImportedIsKeptAsWhatBeganHere(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	const day = 24 * time.Hour
	check := func(what, key string, want time.Duration) {
		t.Helper()
		if got := k.ttl(key); got != want && !about(got, want) {
			t.Errorf("%s: kept for %v, want %v", what, got, want)
		}
	}
	live, ended, expired := k.elsewhere("live"), k.elsewhere("ended"), k.elsewhere("expired")
	ended = over(ended, k.now.Add(-23*time.Hour))
	expired.Idle = time.Second
	forEver := k.elsewhere("for ever")
	forEver.Idle, forEver.Lifetime = satra.Never, satra.Never
	for _, r := range []*satra.Record{live, ended, expired, forEver} {
		k.imports(r, true)
		if k.do("ZSCORE", k.indexKey(shardOf(r.ID)), string(r.ID[:])) == "" {
			t.Errorf("%s: it is not in the index of its shard", r.Principal)
		}
	}
	check("live", k.recordKey(live.ID), 59*time.Minute+day)
	check("its principal", k.principalKey("live"), 35*time.Hour)
	check("ended", k.recordKey(ended.ID), day)
	check("its principal", k.principalKey("ended"), day+time.Hour)
	check("expired", k.recordKey(expired.ID), day)
	check("for ever", k.recordKey(forEver.ID), satra.Never)
	check("its principal", k.principalKey("for ever"), 401*day)

	signedIn := k.elsewhere("signed in there")
	signedIn.ID = k.create(nil)
	k.imports(signedIn, true)
	check("its principal", k.principalKey("signed in there"), 35*time.Hour)

	// What moves the end of a session moves its principal's, too.
	longer := *live
	longer.Version, longer.Lifetime, longer.Idle = 10, 30*day, 20*day
	k.imports(&longer, true)
	check("of 30 days", k.recordKey(live.ID), 21*day-time.Minute)
	check("its principal", k.principalKey("live"), 31*day-time.Hour)
	k.imports(over(&longer, k.now), true)
	check("ended at last", k.recordKey(live.ID), day)
}

func TestWhatIsLongOverIsNotTakenIn(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	long := k.now.Add(-25 * time.Hour)
	expired := k.elsewhere("alice")
	expired.Created, expired.Begun, expired.Seen = long.Add(-time.Hour), long.Add(-time.Hour), long.Add(-time.Hour)
	for what, r := range map[string]*satra.Record{"ended": over(k.elsewhere("alice"), long), "expired": expired} {
		k.imports(r, false)
		if _, err := k.Find(t.Context(), r.ID, satra.Fresh); !errors.Is(err, satra.ErrNotFound) {
			t.Errorf("%s, and over for longer than the retention: got error %v, want ErrNotFound", what, err)
		}
	}
	if n := len(k.entries("alice")); n != 0 {
		t.Errorf("the principal has %d entries, want none", n)
	}
	// But it ends what is live here, and that is known for as long as other ends.
	r := k.elsewhere("alice")
	k.imports(r, true)
	k.imports(over(r, long), true)
	if k.find(r.ID).Live(k.now) {
		t.Errorf("the session is live, and ended long ago elsewhere")
	}
	if got := k.ttl(k.recordKey(r.ID)); !about(got, 24*time.Hour) {
		t.Errorf("its end is known for %v, want 24h", got)
	}
}

func TestImportsWhenTheServerIsFull(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	r, anonymous := k.elsewhere("alice"), k.create(nil)
	k.imports(r, true)
	theirs := over(k.elsewhere("bob"), k.now) // an anonymous session that was signed in there
	theirs.ID = anonymous
	half := k.elsewhere("alice")
	k.at("import placed", func() { k.do("CONFIG", "SET", "maxmemory", "1") })
	if _, err := k.Import(t.Context(), half); !errors.Is(err, satra.ErrFull) {
		t.Errorf("full since it had its place: got error %v, want ErrFull", err)
	}
	if _, ok := k.entries("alice")[half.ID]; ok {
		t.Errorf("full since it had its place: an entry is left of it")
	}
	for what, r := range map[string]*satra.Record{"anonymous": k.elsewhere(""), "a principal's": k.elsewhere("alice")} {
		if _, err := k.Import(t.Context(), r); !errors.Is(err, satra.ErrFull) {
			t.Errorf("%s: got error %v, want ErrFull", what, err)
		}
	}
	for _, end := range []*satra.Record{over(r, k.now), theirs} {
		k.imports(end, true)
		if k.find(end.ID).Live(k.now) {
			t.Errorf("a session is live that ended elsewhere")
		}
	}
	k.agree("ended when full", "alice", r.ID)
	k.agree("ended when full", "bob", anonymous)
}

func TestAnImportAnnouncesOnlyWhatItEnds(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	notices := make(chan satra.Notice, 10)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- k.Watch(ctx, func(n satra.Notice) { notices <- n }) }()
	if n := <-notices; !n.Gap {
		t.Errorf("the first notice is %+v, want a Gap", n)
	}
	live, expired := k.elsewhere("alice"), k.elsewhere("alice")
	expired.Idle = time.Second
	for _, r := range []*satra.Record{expired, live} {
		k.imports(r, true)
		k.imports(over(r, k.now), true)
	}
	if n := <-notices; n.ID != live.ID || n.Reason != satra.ReasonSignedOut {
		t.Errorf("got notice %+v, want of the one that was live", n)
	}
	cancel()
	<-stopped
}

func TestNothingIsImportedAfterItsLease(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	r := k.elsewhere("alice")
	if err := k.write(t.Context(), &arrival{Record: r}, itoa(k.now.Add(-1).UnixMicro())); !errors.Is(err, errSwapped) {
		t.Errorf("got error %v, want that it is to be tried again", err)
	}
	if _, err := k.Find(t.Context(), r.ID, satra.Fresh); !errors.Is(err, satra.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound: its place may be somebody else's", err)
	}
}
