package satra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Manager gives sessions to the requests of an application and ends them for
// its administrators. It is safe for concurrent use.
type Manager struct {
	store    Store
	options  Options
	features Features

	visible, surviving, active map[string]bool
	survivingNames             []string

	keys   sync.Map     // name → AnyKey: finds out two keys of one name
	offset atomic.Int64 // the store's clock less this machine's, in nanoseconds

	streams   *streams
	elsewhere elsewhere

	stop context.CancelFunc
	done chan struct{}
}

// New returns a manager of the sessions in store. All problems with the
// options come at once, joined. nil options are the defaults. The manager
// sweeps in the background until [Manager.Close], and from the first open stream
// on ([WhileLive]) listens to what the store announces; it does not close the store.
func New(store Store, o *Options) (*Manager, error) {
	options, err := o.withDefaults()
	if store == nil {
		err = errors.Join(err, errors.New("satra: New: the store is nil; memstore.New(nil) keeps sessions in memory"))
	}
	if err != nil {
		return nil, err
	}
	if keeps := store.Features().Retention; keeps != 0 && keeps < options.Tombstone {
		return nil, fmt.Errorf("satra: Options.Tombstone: %v is longer than the store keeps what is over (%v)", options.Tombstone, keeps)
	}
	m := &Manager{store: store, options: options, features: store.Features(), done: make(chan struct{})}
	m.visible = nameSet(options.Visible)
	m.surviving = nameSet(options.Surviving)
	m.active = nameSet(options.Active)
	for _, k := range options.Surviving {
		m.survivingNames = append(m.survivingNames, k.keyName())
	}
	var ctx context.Context
	ctx, m.stop = context.WithCancel(context.Background())
	m.streams = newStreams(ctx, m)
	m.measureClock(ctx)
	go m.housekeeping(ctx)
	return m, nil
}

func nameSet(keys []AnyKey) map[string]bool {
	set := make(map[string]bool, len(keys))
	for _, k := range keys {
		set[k.keyName()] = true
	}
	return set
}

// Close ends what New started and the open streams, whose cause is [ErrClosed],
// and waits for it, or for ctx. Other requests under way are still served, and
// new ones too, but for streams. [http.Server.Shutdown] waits for streams and
// does not end them:
//
//	server.RegisterOnShutdown(func() { sessions.Close(ctx) })
//
// Close may be called again, and at once.
func (m *Manager) Close(ctx context.Context) error {
	m.streams.close()
	m.stop()
	ended := make(chan struct{})
	go func() {
		<-m.done
		m.streams.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// now is the instant that a decision is taken at.
func (m *Manager) now() time.Time {
	if m.options.Now != nil {
		return m.options.Now().UTC().Truncate(Precision)
	}
	return time.Now().Add(time.Duration(m.offset.Load())).UTC().Truncate(Precision)
}

// Now returns the manager's time: the store's clock, in UTC.
func (m *Manager) Now() time.Time { return m.now() }

// CookieName returns the full name of the session's cookie.
func (m *Manager) CookieName() string { return m.options.CookieName }

// IdleTimeout returns the idle timeout that new sessions get, or [Never].
func (m *Manager) IdleTimeout() time.Duration { return m.options.IdleTimeout }

const (
	sweepBatch   = 1000
	clockTimeout = 2 * time.Second
)

// housekeeping sweeps and measures the clock until ctx is done.
func (m *Manager) housekeeping(ctx context.Context) {
	defer close(m.done)
	if m.options.SweepEvery == Never && !m.features.Shared {
		return
	}
	every := m.options.SweepEvery
	if every == Never {
		every = defaultSweep
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.measureClock(ctx)
			if m.options.SweepEvery != Never {
				m.sweep(ctx)
			}
		}
	}
}

// sweep removes what has been over for long enough, in small steps.
func (m *Manager) sweep(ctx context.Context) {
	before := m.now().Add(-m.options.Tombstone)
	for ctx.Err() == nil {
		n, err := m.store.Sweep(ctx, before, sweepBatch)
		if err != nil && ctx.Err() == nil {
			m.observe(ctx, Event{Kind: EventStoreFailed, Detail: "sweep", Err: err})
		}
		if err != nil || n < sweepBatch {
			return
		}
	}
}

// measureClock asks a shared store for its clock, so that nodes whose own
// clocks differ decide alike. It assumes that the answer was given half way.
func (m *Manager) measureClock(ctx context.Context) {
	if !m.features.Shared || m.options.Now != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	asked := time.Now()
	theirs, err := m.store.Now(ctx)
	if err != nil {
		return // the offset stays as it was measured before
	}
	halfWay := asked.Add(time.Since(asked) / 2)
	m.offset.Store(int64(theirs.Sub(halfWay)))
}

// setCookie returns the Set-Cookie line of a token.
func (m *Manager) setCookie(t token, rec *Record) string {
	c := m.cookie(t.cookieValue())
	if rec.Persistent {
		c.MaxAge = maxAge(rec, m.now())
	}
	return c.String()
}

// deleteCookie returns the Set-Cookie line that deletes the cookie.
func (m *Manager) deleteCookie() string {
	c := m.cookie("")
	c.MaxAge = -1
	return c.String()
}

func (m *Manager) cookie(value string) *http.Cookie {
	return &http.Cookie{
		Name: m.options.CookieName, Value: value,
		Path: "/", HttpOnly: true, Secure: !m.options.InsecureCookie, SameSite: m.options.SameSite,
	}
}

// maxAge is how long a persistent cookie is worth keeping: until the absolute
// end, or 400 days, the most that browsers keep (RFC 6265bis §5.5).
func maxAge(rec *Record, now time.Time) int {
	const most = 400 * 24 * time.Hour
	if end := rec.AbsoluteExpiry(); !end.IsZero() {
		return max(1, int(min(end.Sub(now), most)/time.Second))
	}
	return int(most / time.Second)
}
