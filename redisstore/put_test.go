package redisstore

import (
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// set sets a value at an instant, and notes activity then.
func (k *kit) set(id satra.ID, at time.Time) {
	k.Helper()
	c := &satra.Change{At: at, Seen: at, Set: []satra.Value{{Key: "page", Data: []byte("1")}}}
	if !isPut(c) {
		k.Fatalf("this change does not go to the script put")
	}
	if _, err := k.Apply(k.Context(), id, c); err != nil {
		k.Fatalf("Apply: %v", err)
	}
}

func TestAValueThatIsSetKeepsWhatItMust(t *testing.T) {
	const day = 24 * time.Hour
	k := newKit(t, testserver.StartRedis(t, false))
	check := func(what, key string, want time.Duration) {
		t.Helper()
		if got := k.ttl(key); got != want && !about(got, want) {
			t.Errorf("%s: kept for %v, want %v", what, got, want)
		}
	}
	id := k.create(nil)
	k.set(id, k.now)
	check("a session, at once", k.recordKey(id), time.Hour+day)
	k.set(id, k.now.Add(30*time.Minute))
	check("a session, after half an hour", k.recordKey(id), 90*time.Minute+day)

	forever := k.signIn("alice")
	never := &satra.Change{At: k.now, Idle: satra.Never, Lifetime: satra.Never}
	if _, err := k.Apply(t.Context(), forever, never); err != nil {
		t.Fatal(err)
	}
	check("a session that never expires", k.recordKey(forever), satra.Never)
	check("its principal", k.principalKey("alice"), 401*day)
	k.set(forever, k.now.Add(50*day))
	check("its principal, used after 50 days", k.principalKey("alice"), 401*day)
	k.set(forever, k.now.Add(150*day))
	check("the session, used after 150 days", k.recordKey(forever), satra.Never)
	check("its principal, used after 150 days", k.principalKey("alice"), 551*day)
	if r := k.find(forever); len(r.Values) != 1 || !r.Seen.Equal(k.now.Add(150*day)) {
		t.Errorf("got %d values, seen %v; want 1, after 150 days", len(r.Values), r.Seen)
	}
}

func TestAValueThatIsSetForgetsLapsedSecrets(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	id := k.signIn("alice")
	before := k.find(id)
	if len(before.Retired) != 1 {
		t.Fatalf("a sign-in has retired %d secrets, want 1", len(before.Retired))
	}
	at := before.Retired[0].At
	k.set(id, at.Add(satra.RetiredFor))
	if got := k.find(id); len(got.Retired) != 1 || got.Retired[0].Secret != before.Retired[0].Secret {
		t.Errorf("after %v: %d secrets, want the one", satra.RetiredFor, len(got.Retired))
	}
	k.set(id, at.Add(satra.RetiredFor+satra.Precision))
	got := k.find(id)
	if len(got.Retired) != 0 {
		t.Errorf("after more than %v: %d secrets, want none", satra.RetiredFor, len(got.Retired))
	}
	if got.Principal != "alice" || got.FirstDevice != before.FirstDevice || len(got.Values) != 1 {
		t.Errorf("the rest: got %q, %v and %d values", got.Principal, got.FirstDevice, len(got.Values))
	}
}
