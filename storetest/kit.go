package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// A kit is a case's test, store and tools. Its instants begin at t0, which is
// now by the store's clock.
type kit struct {
	TB
	h  Harness
	s  satra.Store
	t0 time.Time
}

func newKit(t TB, h Harness) *kit {
	t.Helper()
	k := &kit{TB: t, h: h, s: h.Open(t)}
	if k.h.Rounds <= 0 {
		k.h.Rounds = 100
	}
	if k.h.Patience <= 0 {
		k.h.Patience = 30 * time.Second
	}
	now, err := k.s.Now(t.Context())
	if err != nil {
		t.Fatalf("Now: %v", err)
	}
	k.t0 = now.UTC().Truncate(satra.Precision)
	return k
}

// at returns the instant so long after t0.
func (k *kit) at(after time.Duration) time.Time { return k.t0.Add(after) }

// someDevice is a device whose texts are not plain ones.
var someDevice = satra.Device{UserAgent: "Browser/1.0 (\"quoted\"; ü; \x00)", Addr: "2001:db8::7"}

// record returns an anonymous record that began at t0.
func (k *kit) record() *satra.Record {
	r := &satra.Record{
		Generation: 1, Version: 1, Created: k.t0, Begun: k.t0, Seen: k.t0,
		Idle: time.Hour, Lifetime: 12 * time.Hour, FirstDevice: someDevice, LastDevice: someDevice,
	}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	rand.Read(r.Seed[:])
	return r
}

// create puts a record in, changed by edit unless that is nil.
func (k *kit) create(edit func(*satra.Record)) *satra.Record {
	k.Helper()
	r := k.record()
	if edit != nil {
		edit(r)
	}
	if err := k.s.Create(k.Context(), r); err != nil {
		k.Fatalf("Create: %v", err)
	}
	return r
}

func (k *kit) find(id satra.ID) *satra.Record {
	k.Helper()
	r, err := k.s.Find(k.Context(), id, satra.Fresh)
	if err != nil {
		k.Fatalf("Find: %v", err)
	}
	return r
}

// apply makes a change that has to succeed.
func (k *kit) apply(id satra.ID, c *satra.Change) satra.Result {
	k.Helper()
	result, err := k.s.Apply(k.Context(), id, c)
	if err != nil {
		k.Fatalf("Apply(%s): %v", describe(c), err)
	}
	return result
}

// refused makes a change that has to fail with this error.
func (k *kit) refused(id satra.ID, c *satra.Change, want error) satra.Result {
	k.Helper()
	result, err := k.s.Apply(k.Context(), id, c)
	if !errors.Is(err, want) {
		k.Errorf("Apply(%s): got error %v, want %v", describe(c), err, want)
	}
	return result
}

// set is a change that sets one key.
func (k *kit) set(after time.Duration, key, data string) *satra.Change {
	return &satra.Change{At: k.at(after), Set: []satra.Value{{Key: key, Data: []byte(data)}}}
}

func (k *kit) touch(after time.Duration) *satra.Change {
	return &satra.Change{At: k.at(after), Seen: k.at(after)}
}

func (k *kit) end(after time.Duration, why satra.Reason) *satra.Change {
	return &satra.Change{At: k.at(after), End: &satra.End{At: k.at(after), Reason: why, Actor: "somebody"}}
}

func hash() (h satra.Hash) {
	rand.Read(h[:])
	return h
}

// attempt is what begins a sign-in: a record, and the principal's epoch.
func (k *kit) attempt(principal string) (satra.ID, *satra.Change) {
	k.Helper()
	state, err := k.s.Principal(k.Context(), principal)
	if err != nil {
		k.Fatalf("Principal: %v", err)
	}
	b := &satra.Binding{Principal: principal, Method: "password", Secret: hash(), Epoch: state.Epoch, Persistent: true}
	rand.Read(b.Seed[:])
	return k.create(nil).ID, &satra.Change{At: k.t0, SignIn: b}
}

// signIn signs a new record in, a while after t0.
func (k *kit) signIn(principal string, after time.Duration) satra.ID {
	k.Helper()
	id, c := k.attempt(principal)
	c.At = k.at(after)
	k.apply(id, c)
	return id
}

func (k *kit) endAll(e satra.Ending) []satra.Ended {
	k.Helper()
	if e.At.IsZero() {
		e.At = k.t0
	}
	if e.End == (satra.End{}) {
		e.End = satra.End{At: e.At, Reason: satra.ReasonElsewhere, Actor: "somebody"}
	}
	ended, err := k.s.EndAll(k.Context(), e)
	if err != nil {
		k.Fatalf("EndAll: %v", err)
	}
	return ended
}

// list returns all that the query asks for, page by page.
func (k *kit) list(q satra.Query) []*satra.Record {
	k.Helper()
	if q.At.IsZero() {
		q.At = k.t0
	}
	if q.Limit == 0 {
		q.Limit = 1000
	}
	var all []*satra.Record
	for range 10_000 {
		page, err := k.s.List(k.Context(), q)
		if err != nil {
			k.Fatalf("List: %v", err)
		}
		all = append(all, page.Records...)
		if page.Next.IsZero() {
			return all
		}
		q.After = page.Next
	}
	k.Fatalf("List: 10,000 pages and no end: After is not kept to")
	return nil
}

// live returns the IDs of the principal's live sessions.
func (k *kit) live(principal string, after time.Duration) map[satra.ID]bool {
	k.Helper()
	return ids(k.list(satra.Query{At: k.at(after), Principal: &principal}))
}

func ids(records []*satra.Record) map[satra.ID]bool {
	m := map[satra.ID]bool{}
	for _, r := range records {
		m[r.ID] = true
	}
	return m
}

// race runs all at once, as near as a machine can, and waits for them.
func race(all ...func()) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for _, f := range all {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			f()
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// times returns n functions that call f with their number.
func times(n int, f func(i int)) []func() {
	all := make([]func(), n)
	for i := range all {
		all[i] = func() { f(i) }
	}
	return all
}

// same fails unless the record is as it should be at that instant.
func (k *kit) same(what string, at time.Time, got, want *satra.Record) {
	k.Helper()
	if d := difference(at, got, want); d != "" {
		k.Errorf("%s: %s", what, d)
	}
}

// difference says in which fields two records differ, or "". A store need not
// keep a secret that a sign-in retired for longer than RetiredFor.
func difference(at time.Time, got, want *satra.Record) string {
	if got == nil || want == nil {
		if got == want {
			return ""
		}
		return fmt.Sprintf("got record %v, want %v", got != nil, want != nil)
	}
	g, w := reflect.ValueOf(normal(at, got)), reflect.ValueOf(normal(at, want))
	var all []string
	for i := range g.NumField() {
		if a, b := g.Field(i).Interface(), w.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			all = append(all, fmt.Sprintf("%s: got %.300s, want %.300s", g.Type().Field(i).Name, show(a), show(b)))
		}
	}
	return strings.Join(all, "\n")
}

// show prints test data, hashes too, which print themselves as nothing.
func show(v any) string {
	switch v := v.(type) {
	case satra.Hash:
		return fmt.Sprintf("%x", [32]byte(v))
	case satra.Seed:
		return fmt.Sprintf("%x", [32]byte(v))
	case *satra.End:
		if v != nil {
			return fmt.Sprintf("%+v", *v)
		}
	}
	return fmt.Sprintf("%+v", v)
}

// normal is a record in which what means the same is the same.
func normal(at time.Time, r *satra.Record) satra.Record {
	n := *r
	for _, t := range []*time.Time{&n.Created, &n.Begun, &n.Seen, &n.NotAfter, &n.AuthAt} {
		*t = t.UTC()
	}
	n.Values = nil
	for _, v := range r.Values {
		n.Values = append(n.Values, satra.Value{Key: v.Key, Data: append([]byte{}, v.Data...), Rev: v.Rev})
	}
	n.Retired = nil
	for _, old := range r.Retired {
		if old.Successor == nil && old.Shown.IsZero() && at.Sub(old.At) > satra.RetiredFor {
			continue
		}
		old.At, old.Shown, old.RefusedAt = old.At.UTC(), old.Shown.UTC(), old.RefusedAt.UTC()
		n.Retired = append(n.Retired, old)
	}
	if r.Ended != nil {
		end := *r.Ended
		end.At = end.At.UTC()
		n.Ended = &end
	}
	return n
}

// describe says in words what a change does.
func describe(c *satra.Change) string {
	var words []string
	for word, is := range map[string]bool{
		"set": len(c.Set) > 0, "delete": len(c.Delete) > 0, "touch": !c.Seen.IsZero(), "renew": c.Renew != nil,
		"shown": c.Shown != nil, "refused": c.Refused != nil, "sign in": c.SignIn != nil, "end": c.End != nil,
		"limits": c.Idle != 0 || c.Lifetime != 0 || !c.NotAfter.IsZero(),
	} {
		if is {
			words = append(words, word)
		}
	}
	return strings.Join(words, " and ")
}

// await waits for what a channel brings.
func await[T any](k *kit, c <-chan T, what string) T {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), k.h.Patience)
	defer cancel()
	select {
	case v := <-c:
		return v
	case <-ctx.Done():
		k.Fatalf("waited %v in vain for %s", k.h.Patience, what)
		panic("Fatalf returned")
	}
}

// tally counts errors by kind, from many goroutines.
type tally struct {
	mu     sync.Mutex
	counts map[error]int
}

// add counts nil, or the first of the kinds that err is; else it fails.
func (y *tally) add(k *kit, err error, kinds ...error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.counts == nil {
		y.counts = map[error]int{}
	}
	if err == nil {
		y.counts[nil]++
		return
	}
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			y.counts[kind]++
			return
		}
	}
	k.Errorf("got error %v, want one of %v", err, kinds)
}
