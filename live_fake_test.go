package satra_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

// An announcer is a fake store that announces ends, unless it is told not to.
type announcer struct {
	*fakeStore
	wmu      sync.Mutex
	watchers map[int]func(satra.Notice)
	asked    []time.Time           // when Watch was called
	broken   error                 // what Watch returns at once
	silent   bool                  // ends are not announced
	finds    []time.Time           // when Find was called
	finding  func(context.Context) // runs in each Find, after it has read
}

func newAnnouncer() *announcer {
	return &announcer{fakeStore: newFakeStore(), watchers: map[int]func(satra.Notice){}}
}

func (a *announcer) Watch(ctx context.Context, notify func(satra.Notice)) error {
	a.wmu.Lock()
	a.asked = append(a.asked, time.Now())
	n, broken := len(a.asked), a.broken
	if broken == nil {
		a.watchers[n] = notify
	}
	a.wmu.Unlock()
	if broken != nil {
		return broken
	}
	notify(satra.Notice{Gap: true})
	<-ctx.Done()
	a.wmu.Lock()
	delete(a.watchers, n)
	a.wmu.Unlock()
	return ctx.Err()
}

func (a *announcer) tell(n satra.Notice) {
	a.wmu.Lock()
	defer a.wmu.Unlock()
	for _, notify := range a.watchers {
		if !a.silent {
			notify(n)
		}
	}
}

func (a *announcer) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	result, err := a.fakeStore.Apply(ctx, id, c)
	if err == nil && c.End != nil {
		a.tell(satra.Notice{ID: id, Reason: c.End.Reason})
	}
	return result, err
}

func (a *announcer) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	a.wmu.Lock()
	a.finds = append(a.finds, time.Now())
	finding := a.finding
	a.wmu.Unlock()
	rec, err := a.fakeStore.Find(ctx, id, f)
	if finding != nil {
		finding(ctx)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return rec, err
}

// found returns when sessions were read since the last call.
func (a *announcer) found() []time.Time {
	a.wmu.Lock()
	defer a.wmu.Unlock()
	finds := a.finds
	a.finds = nil
	return finds
}

// node is an app on the store in a bubble of testing/synctest, whose clock is
// everybody's.
func node(t *testing.T, store *announcer, o satra.Options) *app {
	t.Helper()
	a := &app{t: t, store: store.fakeStore, mux: http.NewServeMux()}
	o.SweepEvery = satra.Never
	o.Observers = append(o.Observers, func(_ context.Context, e satra.Event) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.events = append(a.events, e)
	})
	var err error
	if a.m, err = satra.New(store, &o); err != nil {
		t.Fatalf("New: %v", err)
	}
	a.server = a.m.Handler(a.mux)
	return routes(a)
}

// on returns the same browser on another node.
func (b *browser) on(there *app) *browser { return &browser{a: there, jar: b.jar} }

// A stream is a response that stays open until its session ends.
type stream struct {
	cause chan error // why it ended, or why it was not opened
	news  chan satra.Session
	hang  context.CancelFunc // the client goes away
}

// open opens a stream with the browser's cookies and waits for all to settle.
func (b *browser) open(before time.Duration) *stream {
	s := &stream{cause: make(chan error, 1), news: make(chan satra.Session, 1000)}
	var ctx context.Context
	ctx, s.hang = context.WithCancel(context.Background())
	h := b.a.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		live, f, err := satra.Follow(r.Context(), before)
		if err != nil {
			s.cause <- err
			return
		}
		defer f.Close()
		for {
			select {
			case told := <-f.News():
				s.news <- told
			case <-live.Done():
				s.cause <- context.Cause(live)
				return
			}
		}
	}))
	go h.ServeHTTP(httptest.NewRecorder(), b.request("GET", "/stream").WithContext(ctx))
	synctest.Wait()
	return s
}

// wantOpen wants a stream that has not ended.
func (s *stream) wantOpen(t *testing.T) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-s.cause:
		t.Fatalf("the stream ended: %v", err)
	default:
	}
}

// wantEnd wants a stream that has ended by now, and returns the cause.
func (s *stream) wantEnd(t *testing.T) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-s.cause:
		return err
	default:
		t.Fatal("the stream is still open")
		return nil
	}
}
