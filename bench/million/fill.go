package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

// A filler is a store as far as it is filled and looked at.
type filler interface {
	begin(ctx context.Context, f *filled, i int) error
	find(ctx context.Context, f *filled, i int) error
	list(ctx context.Context, principal *string) error
}

// A filled is a store with its sessions, of which the first have begun.
type filled struct {
	config
	store filler
	ids   []satra.ID
	begun atomic.Int64
	at    time.Time // when they begin
	soon  time.Time // when a tenth of them is over
}

const crowd = "the one with a hundred sessions"

// principal of a session: two have the same, but for a hundred spread over all.
func (f *filled) principal(i int) string {
	if i%max(f.n/100, 1) == 0 {
		return crowd
	}
	return fmt.Sprintf("principal-%d", i/2)
}

func (f *filled) soonOver(i int) bool { return i%10 == 5 }

// fill begins all sessions.
func (f *filled) fill(ctx context.Context) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var clients sync.WaitGroup
	for range f.clients {
		clients.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= f.n {
					return
				}
				if err := f.store.begin(ctx, f, i); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				if n := f.begun.Add(1); n%int64(max(f.n/10, 1)) == 0 {
					progress("  %d sessions", n)
				}
			}
		})
	}
	clients.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// ours fills a store as a manager does: a session begins, signs in, and a minute
// later it is used. (Until then it remembers the secret of before.)
type ours struct{ satra.Store }

func (s ours) begin(ctx context.Context, f *filled, i int) error {
	r := &satra.Record{
		ID: f.ids[i], Generation: 1, Version: 1, Created: f.at, Begun: f.at, Seen: f.at, Idle: 24 * time.Hour, Lifetime: 30 * 24 * time.Hour,
		FirstDevice: f.device(i),
	}
	r.LastDevice = r.FirstDevice
	if f.soonOver(i) {
		r.Lifetime = f.soon.Sub(f.at)
	}
	rand.Read(r.Secret[:])
	rand.Read(r.Seed[:])
	if err := s.Create(ctx, r); err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	name := f.principal(i)
	state, err := s.Principal(ctx, name)
	if err != nil {
		return fmt.Errorf("the principal: %w", err)
	}
	b := &satra.Binding{Principal: name, Method: "password", Epoch: state.Epoch}
	rand.Read(b.Secret[:])
	rand.Read(b.Seed[:])
	if _, err := s.Apply(ctx, r.ID, &satra.Change{At: f.at.Add(time.Second), SignIn: b}); err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	values := []satra.Value{{Key: "page", Data: []byte(`"/charts/"`)}, {Key: "visits", Data: []byte("1000000001")}}
	if f.big > 0 {
		values = append(values, satra.Value{Key: "watchlist", Data: []byte(strings.Repeat("w", f.big))})
	}
	later := f.at.Add(time.Minute)
	if _, err = s.Apply(ctx, r.ID, &satra.Change{At: later, Seen: later, Set: values}); err != nil {
		return fmt.Errorf("setting values: %w", err)
	}
	return nil
}

// device is one of a few browsers at an address of the principal's own.
func (f *filled) device(i int) satra.Device {
	p := i / 2
	return satra.Device{
		UserAgent: fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 120+i%20),
		Addr:      fmt.Sprintf("10.%d.%d.%d", p>>16&255, p>>8&255, p&255),
	}
}

func (s ours) find(ctx context.Context, f *filled, i int) error {
	_, err := s.Find(ctx, f.ids[i], satra.Fresh)
	return err
}

func (s ours) list(ctx context.Context, principal *string) error {
	page, err := s.List(ctx, satra.Query{At: time.Now(), Principal: principal, Limit: 100})
	if err == nil && len(page.Records) < 90 { // a tenth may be over
		err = fmt.Errorf("%d sessions are listed, want 90 or more", len(page.Records))
	}
	return err
}
