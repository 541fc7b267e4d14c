package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestScriptsThatTheServerForgotAreSentAgain(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	id := k.create(nil)
	const writers, each = 4, 50
	var writing, flushing sync.WaitGroup
	over := make(chan struct{})
	flushing.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				k.client.Do(context.Background(), k.client.B().ScriptFlush().Build())
			}
		}
	})
	for range writers {
		writing.Go(func() {
			for range each {
				if _, err := k.Apply(t.Context(), id, &satra.Change{At: k.now, Set: []satra.Value{{Key: "a", Data: []byte("1")}}}); err != nil {
					t.Errorf("Apply: %v", err)
				}
				k.signIn("alice")
			}
		})
	}
	writing.Wait()
	close(over)
	flushing.Wait()
	if v := k.find(id).Version; v != 1+writers*each {
		t.Errorf("after %d changes: version %d; each is made once", writers*each, v)
	}
	if n := len(k.live("alice")); n != writers*each {
		t.Errorf("%d live sessions, want %d", n, writers*each)
	}
}

// watch begins to watch, and returns the notices.
func (k *kit) watch() (notices chan satra.Notice, over chan error, cancel func()) {
	notices, over = make(chan satra.Notice, 1000), make(chan error, 1)
	ctx, cancel := context.WithCancel(k.Context())
	k.Cleanup(cancel)
	go func() { over <- k.Watch(ctx, func(n satra.Notice) { notices <- n }) }()
	return notices, over, cancel
}

func TestWatchComesBackWithAGap(t *testing.T) {
	server := testserver.StartRedis(t, false)
	line := server.Line()
	prefix := rand.Text() + ":"
	k := openKit(t, line.URL(), Options{Prefix: prefix, Timeout: 20 * time.Second})
	other := openKit(t, server.URL(), Options{Prefix: prefix})
	known := k.create(nil)
	notices, over, cancel := k.watch()
	end := func(what string) {
		t.Helper()
		if n := <-notices; !n.Gap {
			t.Fatalf("%s: the first notice is %+v, want a Gap", what, n)
		}
		id := other.create(nil)
		if _, err := other.Apply(t.Context(), id, &satra.Change{At: k.now, End: &satra.End{At: k.now, Reason: satra.ReasonSignedOut}}); err != nil {
			t.Fatalf("an end: %v", err)
		}
		if n := <-notices; n.ID != id || n.Reason != satra.ReasonSignedOut {
			t.Fatalf("%s: got notice %+v, want that of the end", what, n)
		}
	}
	end("at first")
	line.Drop()
	end("after the connection was lost")
	line.Cut()
	line.Mend()
	server.Kill()
	server.Start()
	other.gone(known) // this server keeps nothing
	end("after the server was killed")
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: got error %v, want its context's", err)
	}
}

func TestAServerThatDoesNotAnswerIsUnavailable(t *testing.T) {
	server := testserver.StartRedis(t, false)
	k := openKit(t, server.URL(), Options{Timeout: 300 * time.Millisecond})
	id := k.create(nil)
	thaw := server.Freeze()
	begun := time.Now()
	_, findErr := k.Find(t.Context(), id, satra.Fresh)
	_, applyErr := k.Apply(t.Context(), id, &satra.Change{At: k.now, Delete: []string{"a"}})
	_, signErr := k.Apply(t.Context(), id, k.dummy())
	for what, err := range map[string]error{"Find": findErr, "Apply": applyErr, "a sign-in": signErr} {
		if !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("%s: got error %v, want ErrUnavailable", what, err)
		}
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("three calls with a timeout of 300 ms took %v", took)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Find(cancelled, id, satra.Fresh); !errors.Is(err, context.Canceled) {
		t.Errorf("Find with a cancelled context: got error %v, want it to say so", err)
	}
	thaw()
	// What was sent may be done late, but once.
	k.comesBack(id)
	if v := k.find(id).Version; v > 2 {
		t.Errorf("after one change of unknown outcome: version %d, want 1 or 2", v)
	}
}

// dummy is a sign-in that no server was asked about.
func (k *kit) dummy() *satra.Change {
	return &satra.Change{At: k.now, SignIn: &satra.Binding{Principal: "alice"}}
}

// gone looks for a record that the server has not, as soon as it answers again.
func (k *kit) gone(id satra.ID) {
	k.Helper()
	err := satra.ErrUnavailable
	for n := 0; n < 100 && errors.Is(err, satra.ErrUnavailable); n++ {
		_, err = k.Find(k.Context(), id, satra.Fresh)
	}
	if !errors.Is(err, satra.ErrNotFound) {
		k.Fatalf("the server is back, and Find answers %v, want ErrNotFound", err)
	}
}

// comesBack finds the record, as soon as the server answers again.
func (k *kit) comesBack(id satra.ID) {
	k.Helper()
	var err error
	for range 100 {
		if _, err = k.Find(k.Context(), id, satra.Fresh); err == nil {
			return
		}
	}
	k.Fatalf("the server is back, and the store is not: %v", err)
}

func TestAChangeWhoseAnswerIsLostIsNotMadeAgain(t *testing.T) {
	server := testserver.StartRedis(t, false)
	line := server.Line()
	prefix := rand.Text() + ":"
	k := openKit(t, line.URL(), Options{Prefix: prefix})
	other := openKit(t, server.URL(), Options{Prefix: prefix})
	id := k.create(nil)
	var writing sync.WaitGroup
	var mu sync.Mutex
	acknowledged, unknown := 0, 0
	for range 4 {
		writing.Go(func() {
			for range 100 {
				_, err := k.Apply(t.Context(), id, &satra.Change{At: k.now, Set: []satra.Value{{Key: "a", Data: []byte("1")}}})
				mu.Lock()
				if err == nil {
					acknowledged++
				} else {
					unknown++
				}
				mu.Unlock()
			}
		})
	}
	dropped := make(chan struct{})
	go func() {
		defer close(dropped)
		for range 20 {
			other.find(id) // a little time
			line.Drop()
		}
	}()
	writing.Wait()
	<-dropped
	if v := int(other.find(id).Version) - 1; v < acknowledged || v > acknowledged+unknown {
		t.Errorf("%d changes are in the record; %d were acknowledged, and of %d it is unknown", v, acknowledged, unknown)
	}
}

func TestASwapIsTriedAgainstWhoeverIsFaster(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	other := k.node()
	for _, often := range []int{1, maxSwaps} {
		id := k.create(nil)
		n := 0
		k.pause = func(step string) {
			if step == "before a swap" && n < often {
				n++
				if _, err := other.Apply(t.Context(), id, &satra.Change{At: k.now, Set: []satra.Value{{Key: "a", Data: []byte("1")}}}); err != nil {
					t.Errorf("Apply: %v", err)
				}
			}
		}
		old := k.find(id).Secret
		c := &satra.Change{At: k.now, Return: true, Renew: &satra.Renew{Old: old, New: satra.Hash{1}, Successor: []byte("s"), Keep: 1}}
		result, err := k.Apply(t.Context(), id, c)
		got := k.find(id)
		if _, ok := got.Value("a"); !ok || n != often {
			t.Errorf("after %d faster changes a renewal has lost the others' value", n)
		}
		if often == 1 && (err != nil || got.Secret != c.Renew.New || result.Record == nil || result.Record.Version != 3) {
			t.Errorf("a renewal after one faster change: %v", err)
		}
		if often == maxSwaps && (!errors.Is(err, satra.ErrConflict) || got.Secret != old || result.Record == nil) {
			t.Errorf("a renewal that is always too slow: got error %v, want ErrConflict and the record", err)
		}
	}
}
