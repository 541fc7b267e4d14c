package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra/memstore"
)

// sealedWith returns the first byte of the ID of the key that seals now.
func sealedWith(t *testing.T, r *Ring) byte {
	t.Helper()
	k, err := r.sealing()
	if err != nil {
		t.Fatal(err)
	}
	return k.id[0]
}

func TestTheNewestActiveKeySeals(t *testing.T) {
	v := newVault(1)
	v.add(3, t0.Add(10*time.Minute))
	v.add(2, t0.Add(5*time.Minute))
	r := v.ring(t)
	for _, step := range []struct {
		pass time.Duration
		want byte
	}{{0, 1}, {5*time.Minute - 1, 1}, {1, 2}, {5*time.Minute - 1, 2}, {1, 3}, {time.Hour, 3}} {
		v.pass(step.pass)
		if got := sealedWith(t, r); got != step.want {
			t.Errorf("%v after the first key: key %d seals, want %d", v.clock().Sub(t0), got, step.want)
		}
	}
	var order []byte
	for _, k := range r.Keys() {
		order = append(order, k.ID[0])
	}
	if !slices.Equal(order, []byte{1, 2, 3}) {
		t.Errorf("Keys: got %v, want them as they become active", order)
	}
}

// TestRotationOverTwoNodes follows a key from its making to the end of the one
// before it. At no instant is there a value that one of the nodes cannot read.
func TestRotationOverTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, under := newVault(1), memstore.New(nil)
		a, b := newNode(t, under, v.ring(t), nil), newNode(t, under, v.ring(t), nil)
		old := a.create(record("k", `"old"`))
		check := func() {
			t.Helper()
			for _, from := range []node{a, b} {
				r := from.create(record("k", `"x"`))
				for _, by := range []node{a, b} {
					by.want(r.ID, "k", `"x"`)
					by.want(old.ID, "k", `"old"`)
					if by.found(r.ID).Seed != r.Seed || by.found(old.ID).Seed != old.Seed {
						t.Error("a node opens another seed than was sealed")
					}
				}
			}
		}
		minutes := func(n int) {
			for range n * 6 {
				v.pass(10 * time.Second)
				time.Sleep(10 * time.Second) // the bubble's clock
				synctest.Wait()
				check()
			}
		}
		check()
		v.add(2, v.clock().Add(ActiveAfter))
		minutes(9)
		if x, y := sealedWith(t, a.ring), sealedWith(t, b.ring); x != 1 || y != 1 {
			t.Errorf("before the new key is active, %d and %d seal", x, y)
		}
		if len(a.ring.Keys()) != 2 || len(b.ring.Keys()) != 2 {
			t.Error("nine minutes after a key was made not every node has it")
		}
		minutes(2)
		if x, y := sealedWith(t, a.ring), sealedWith(t, b.ring); x != 2 || y != 2 {
			t.Errorf("when the new key is active, %d and %d seal", x, y)
		}

		// The old key goes: what it sealed opens no more, all else does.
		young := a.create(record("k", `"young"`))
		v.change(func() { v.doc.entries[0].secret, v.doc.entries[0].info.RetiredAt = material{}, v.now })
		time.Sleep(time.Minute)
		synctest.Wait()
		reads := v.count()
		for _, n := range []node{a, b} {
			n.unreadable(old.ID, "k", "of a retired key")
			n.want(young.ID, "k", `"young"`)
			if len(n.ring.Keys()) != 1 {
				t.Error("a retired key is in the ring")
			}
		}
		if v.count() != reads {
			t.Error("a key that is retired is asked for again")
		}
	})
}

func TestAKeyThatIsNotThereIsAskedForAtOnceAndOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, under := newVault(1), memstore.New(nil)
		a := newNode(t, under, v.ring(t), nil)
		v.add(2, t0) // active at once: the other node has not read it yet
		b := newNode(t, under, v.ring(t), nil)
		r := b.create(record("k", `"x"`))
		a.want(r.ID, "k", `"x"`)

		strange := newNode(t, under, newVault(9).ring(t), nil).create(record("k", `"y"`))
		before := v.count()
		v.pass(time.Second)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { a.unreadable(strange.ID, "k", "of an unknown key") })
		}
		all.Wait()
		if n := v.count() - before; n != 1 {
			t.Errorf("50 requests within a second: the keys were read %d times, want once", n)
		}
		v.pass(time.Second)
		a.unreadable(strange.ID, "k", "of an unknown key")
		a.unreadable(strange.ID, "k", "of an unknown key")
		if n := v.count() - before; n != 2 {
			t.Errorf("a second later: the keys were read %d times in all, want twice", n)
		}
	})
}

// A slow source answers when it is let.
type slow struct {
	Source
	let chan struct{}
}

func (s *slow) Keys(ctx context.Context) ([]byte, error) {
	select {
	case <-s.let:
		return s.Source.Keys(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestASlowSourceHoldsNoRequestForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := memstore.New(nil)
		strange := newNode(t, under, newVault(9).ring(t), nil).create(record("k", `"y"`))
		v := newVault(1)
		source := &slow{v, make(chan struct{}, 1)}
		source.let <- struct{}{}
		ring, err := Open(t.Context(), source, &RingOptions{Now: v.clock, ReloadEvery: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		n := newNode(t, under, ring, nil)
		began := time.Now()
		n.unreadable(strange.ID, "k", "of an unknown key")
		if waited := time.Since(began); waited != patience {
			t.Errorf("a request waited %v for keys, want %v", waited, patience)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		n.Find(gone, strange.ID, 0)
		ring.Close()
		ring.Close()
		if waited := time.Since(began); waited != patience {
			t.Errorf("Close took until %v", waited)
		}
		n.unreadable(strange.ID, "k", "of an unknown key")
		if time.Since(began) != patience {
			t.Error("a ring that is closed asks for keys")
		}
	})
}

func TestKeysThatCannotBeReadAnewStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(1)
		var told []string
		ring, err := Open(t.Context(), v, &RingOptions{Now: v.clock, Problem: func(err error) { told = append(told, err.Error()) }})
		if err != nil {
			t.Fatal(err)
		}
		defer ring.Close()
		minute := func() {
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		v.change(func() { v.err = errVault })
		minute()
		v.change(func() { v.err, v.doc.entries[0].info.ActiveFrom = nil, v.now.Add(time.Hour) })
		minute()
		v.change(func() { v.doc.entries = nil })
		minute()
		if len(told) != 3 || !strings.Contains(told[0], errVault.Error()) || !strings.Contains(told[1], "no key is active") || !strings.Contains(told[2], "there are no keys") {
			t.Errorf("what is told of keys that cannot be read: %q", told)
		}
		if got := sealedWith(t, ring); got != 1 {
			t.Errorf("key %d seals", got)
		}
	})
}

func TestARingWithoutAnActiveKeyIsRefused(t *testing.T) {
	v := newVault()
	v.add(1, t0.Add(time.Minute))
	if _, err := Open(t.Context(), v, &RingOptions{Now: v.clock}); err == nil || !strings.Contains(err.Error(), "no key is active") {
		t.Errorf("Open: got error %v", err)
	}
	if _, err := Open(t.Context(), nil, nil); err == nil {
		t.Error("Open took no source")
	}
	if _, err := Open(t.Context(), newVault(1), &RingOptions{ReloadEvery: time.Millisecond}); err == nil {
		t.Error("Open took a millisecond for ReloadEvery")
	}
}

func TestAKeyThatIsToBeRetiredStopsInTime(t *testing.T) {
	v := newVault(1, 2)
	v.doc.entries[1].info.RetiredAt = t0.Add(time.Minute)
	v.doc.entries[1].info.ActiveFrom = t0.Add(time.Second)
	n := newNode(t, memstore.New(nil), v.ring(t), nil)
	v.pass(30 * time.Second)
	r := n.create(record("k", `"x"`))
	n.want(r.ID, "k", `"x"`)
	if got := sealedWith(t, n.ring); got != 2 {
		t.Errorf("key %d seals, want 2", got)
	}
	v.pass(30 * time.Second)
	n.unreadable(r.ID, "k", "of a key whose time is over")
	if got := sealedWith(t, n.ring); got != 1 {
		t.Errorf("key %d seals, want 1", got)
	}
	ring := n.ring
	ring.keys.Store(&keySet{substitute: ring.keys.Load().substitute})
	if err := n.Create(t.Context(), record()); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("without a key: got error %v", err)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	v := newVault(1)
	ring := v.ring(t)
	n := newNode(t, memstore.New(nil), ring, nil)
	secret := v.doc.entries[0].secret
	type holder struct {
		name string
		held any
		m    material
	}
	var out bytes.Buffer
	for _, x := range []any{
		secret, &secret, v.doc, &v.doc, v.doc.entries, v.doc.entries[0], ring, n.Store, ring.keys.Load(), ring.keys.Load().keys, *ring.keys.Load(),
		holder{"h", ring, secret}, &holder{"h", n.Store, secret}, ring.Keys(),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, verb+" "+verb[1:]+"\n", x)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", x)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", x)
		if text, err := json.Marshal(x); err == nil {
			out.Write(text)
		}
	}
	text, _ := v.doc.format()
	base64 := string(text[bytes.Index(text, []byte(`"secret": "`))+11:][:43])
	decimal := strings.Trim(fmt.Sprint(secret.bytes()), "[]")
	for name, form := range map[string]string{
		"base64": base64, "hex": fmt.Sprintf("%x", secret.bytes()), "decimal": decimal,
		"JSON": strings.ReplaceAll(decimal, " ", ","), "Go": strings.Trim(fmt.Sprintf("%#v", secret.bytes()), "[]byte{}"),
	} {
		if strings.Contains(out.String(), form) {
			t.Errorf("a key was printed in %s", name)
		}
	}
}
