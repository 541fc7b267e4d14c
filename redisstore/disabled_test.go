package redisstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// access disables a principal or enables it.
func (k *kit) access(name string, a satra.Access) {
	k.Helper()
	e := satra.Ending{At: k.now, Principal: name, Access: a, End: satra.End{At: k.now, Reason: satra.ReasonDisabled}}
	if _, err := k.EndAll(k.Context(), e); err != nil {
		k.Errorf("EndAll of %q with access %d: %v", name, a, err)
	}
}

// disabled returns all that are listed, in pages of that many.
func (k *kit) disabled(limit int) (all []string) {
	k.Helper()
	for after := ""; ; after = all[len(all)-1] {
		page, err := k.Disabled(k.Context(), after, limit)
		if err != nil {
			k.Fatalf("Disabled: %v", err)
		}
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
	}
}

func TestDisabledPrincipalsAreListedInPages(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	var want []string
	// Names of one shard lie together, so that its share of a page is too small.
	for n := 0; len(want) < 60; n++ {
		if name := fmt.Sprintf("a%d", n); shardOfName(name) == 7 {
			want = append(want, name)
		}
	}
	for n := range 60 {
		want = append(want, fmt.Sprintf("a9999%d\x00", n), fmt.Sprintf("b%d\xff", n))
	}
	for _, name := range want {
		k.access(name, satra.AccessDeny)
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 7, 64, 100, 179, 180, 181, 1000} {
		if got := k.disabled(limit); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: got %d names %q, want %d in order", limit, len(got), got, len(want))
		}
	}
}

func TestWhoIsListedAsDisabledIsDisabled(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	for range 20 {
		var all sync.WaitGroup
		for _, a := range []satra.Access{satra.AccessDeny, satra.AccessAllow, satra.AccessDeny, satra.AccessAllow} {
			all.Go(func() { k.access("alice", a) })
		}
		all.Wait()
		state, err := k.Principal(t.Context(), "alice")
		if err != nil {
			t.Fatalf("Principal: %v", err)
		}
		if listed := len(k.disabled(10)) == 1; listed != state.Disabled {
			t.Fatalf("the principal is disabled: %v; it is listed: %v", state.Disabled, listed)
		}
	}
	k.access("alice", satra.AccessAllow)
	k.do("CONFIG", "SET", "maxmemory", "1")
	k.access("bob", satra.AccessDeny)
	if got := k.disabled(10); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("disabled while the server's memory was full: got %q listed, want bob", got)
	}
	k.access("bob", satra.AccessAllow)
	key := k.disabledKey(shardOfName("bob"))
	if n, err := k.client.Do(t.Context(), k.client.B().Exists().Key(key).Build()).AsInt64(); n != 0 || err != nil {
		t.Errorf("nobody is disabled, and the list of them is a key still: %d, %v", n, err)
	}
}
