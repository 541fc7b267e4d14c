package redisstore

import (
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// The store asks the Sentinels where the primary is, and asks again when it is
// somewhere else. What can be lost is what a Cluster's failover loses.
func TestSentinelsLeadToThePrimary(t *testing.T) {
	const password = "hunter2"
	s := testserver.StartRedisSentinel(t, "main")
	for _, n := range []*testserver.Redis{s.Primary, s.Replica} {
		n.CLI("acl", "setuser", "app", "on", ">"+password, "~*", "&*", "+@all")
	}
	address := "redis+sentinel://app:" + password + "@" + s.Addr() + "/main/0"
	k := openKit(t, address, Options{Prefix: rand.Text() + ":"})
	kept, ended := k.signIn("alice"), k.signIn("alice")
	if _, err := k.Apply(t.Context(), ended, &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}}); err != nil {
		t.Fatalf("an end: %v", err)
	}
	notices, _, _ := k.watch()
	if n := <-notices; !n.Gap {
		t.Fatalf("the first notice is %+v, want a Gap", n)
	}
	s.Primary.InStep(s.Replica)
	l := newLoad(k, true, 0, 20, 40, 60)
	s.Primary.Kill()
	failures := k.writable([]int{0})
	l.goesOn(500)
	l.judge("after a failover by Sentinels", all)
	if failures == 0 {
		t.Errorf("the store noticed nothing of a primary that died")
	}
	if live := k.live("alice"); len(live) != 1 || !live[kept] {
		t.Errorf("of what the replica had before: %d live sessions, want 1", len(live))
	}
	for n := range notices { // the watcher has moved along
		if n.Gap {
			break
		}
	}
	end := &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonElsewhere}}
	if _, err := k.Apply(t.Context(), kept, end); err != nil {
		t.Fatalf("an end: %v", err)
	}
	for n := range notices {
		if n.ID == kept && n.Reason == satra.ReasonElsewhere {
			break
		}
	}
}

func TestSentinelsThatCannotHelpAreNamed(t *testing.T) {
	s := testserver.StartRedisSentinel(t, "main")
	_, err := Open(t.Context(), "redis+sentinel://app:hunter2@"+s.Addr()+"/other", nil)
	if err == nil || !strings.Contains(err.Error(), "No such master") || !errors.Is(err, satra.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a name that the Sentinels do not know: got error %v", err)
	}
	_, err = Open(t.Context(), "redis+sentinel://"+s.Addr()+"/main", &Options{Durable: satra.DurablePower})
	if err == nil || !strings.Contains(err.Error(), "DurablePower") {
		t.Errorf("DurablePower where a failover may lose something: got error %v", err)
	}
	_, err = Open(t.Context(), "redis+cluster://"+s.Primary.Addr(), nil)
	if err == nil || !strings.Contains(err.Error(), "no node of a Cluster") {
		t.Errorf("a server that is no Cluster: got error %v", err)
	}

	// The Sentinels may want a password of their own.
	s.CLI("acl", "setuser", "default", ">p@ss")
	if _, err := Open(t.Context(), "redis+sentinel://"+s.Addr()+"/main", nil); err == nil || strings.Contains(err.Error(), "p@ss") {
		t.Errorf("Sentinels that want a password: got error %v, want one", err)
	}
	k := openKit(t, "redis+sentinel://"+s.Addr()+"/main?sentinel_password="+url.QueryEscape("p@ss"), Options{})
	k.create(nil)
}
