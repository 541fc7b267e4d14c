package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// A kit is a store of the test's own, and an instant: now by its clock.
type kit struct {
	*testing.T
	*Store
	url string
	now time.Time
}

// newKit opens a store on new keys of the server.
func newKit(t *testing.T, server *testserver.Redis) *kit {
	t.Helper()
	return openKit(t, server.URL(), Options{Prefix: rand.Text() + ":", Timeout: 20 * time.Second})
}

func openKit(t *testing.T, url string, o Options) *kit {
	t.Helper()
	s, err := Open(t.Context(), url, &o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(s.Close)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatalf("Now: %v", err)
	}
	return &kit{t, s, url, now.Truncate(satra.Precision)}
}

// node opens another node on the same keys.
func (k *kit) node() *kit {
	k.Helper()
	return openKit(k.T, k.url, k.options)
}

func (k *kit) create(edit func(*satra.Record)) satra.ID {
	k.Helper()
	r := &satra.Record{
		Generation: 1, Version: 1, Created: k.now, Begun: k.now, Seen: k.now, Idle: time.Hour, Lifetime: 12 * time.Hour,
	}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	if edit != nil {
		edit(r)
	}
	if err := k.Create(k.Context(), r); err != nil {
		k.Fatalf("Create: %v", err)
	}
	return r.ID
}

// attempt begins a sign-in under a limit.
func (k *kit) attempt(principal string, limit int, endOldest bool) *satra.Change {
	k.Helper()
	state, err := k.Principal(k.Context(), principal)
	if err != nil {
		k.Fatalf("Principal: %v", err)
	}
	b := &satra.Binding{
		Principal: principal, Epoch: state.Epoch, Limit: limit, EndOldest: endOldest,
		LimitEnd: satra.End{At: k.now, Reason: satra.ReasonLimit},
	}
	rand.Read(b.Secret[:])
	return &satra.Change{At: k.now, SignIn: b}
}

func (k *kit) signIn(principal string) satra.ID {
	k.Helper()
	id := k.create(nil)
	if _, err := k.Apply(k.Context(), id, k.attempt(principal, 0, false)); err != nil {
		k.Fatalf("a sign-in: %v", err)
	}
	return id
}

func (k *kit) find(id satra.ID) *satra.Record {
	k.Helper()
	r, err := k.Find(k.Context(), id, satra.Fresh)
	if err != nil {
		k.Fatalf("Find: %v", err)
	}
	return r
}

// live returns the live sessions of a principal, or of all if it is "".
func (k *kit) live(principal string) map[satra.ID]bool {
	k.Helper()
	q := satra.Query{At: k.now, Limit: 1000}
	if principal != "" {
		q.Principal = &principal
	}
	page, err := k.List(k.Context(), q)
	if err != nil {
		k.Fatalf("List: %v", err)
	}
	all := map[satra.ID]bool{}
	for _, r := range page.Records {
		all[r.ID] = true
	}
	return all
}

// crash runs call until its pause of that name, and no further: as if the process
// had ended there.
func (k *kit) crash(step string, call func()) {
	k.Helper()
	reached := false
	k.pause = func(at string) {
		if at == step {
			reached = true
			runtime.Goexit()
		}
	}
	var over sync.WaitGroup
	over.Go(call)
	over.Wait()
	k.pause = func(string) {}
	if !reached {
		k.Fatalf("the call did not come to the step %q", step)
	}
}

// at runs f once, when the next call comes to the step.
func (k *kit) at(step string, f func()) (came *bool) {
	came = new(bool)
	k.pause = func(at string) {
		if at == step && !*came {
			*came = true
			f()
		}
	}
	return came
}

// entries returns a principal's entries.
func (k *kit) entries(principal string) map[satra.ID]entry {
	k.Helper()
	m, err := k.client.Do(context.Background(), k.client.B().Hgetall().Key(k.principalKey(principal)).Build()).AsStrMap()
	if err != nil {
		k.Fatalf("HGETALL: %v", err)
	}
	all := map[satra.ID]entry{}
	for id, raw := range m {
		if e, ok := readEntry(id, raw); ok {
			all[e.id] = e
		}
	}
	return all
}

// lapse lets time pass for the principal's reservations, whose leases end.
func (k *kit) lapse(principal string) {
	k.Helper()
	for id, e := range k.entries(principal) {
		if c := e.state(); c == 'R' || c == 'r' || c == 'X' {
			past := string(binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(-time.Minute).UnixMicro())))
			k.do("HSET", k.principalKey(principal), string(id[:]), e.raw[:1]+past+e.raw[9:])
		}
	}
}

// do sends a command whose first argument is a key.
func (k *kit) do(name, key string, args ...string) string {
	k.Helper()
	r := k.client.Do(context.Background(), k.client.B().Arbitrary(name).Keys(key).Args(args...).Build())
	if err := r.Error(); err != nil && !isNil(err) {
		k.Fatalf("%s: %v", name, err)
	}
	m, err := r.ToMessage()
	if err != nil {
		return ""
	}
	return m.String()
}
