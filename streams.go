package satra

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A followed session is read again after 20 to 30 seconds, at random, so that
	// streams which were opened together, after a restart, do not stay together.
	leastPause = 20 * time.Second
	mostPause  = 30 * time.Second

	// After a gap, 10,000 sessions are read within a second, and never more
	// than 16 at a time.
	spread   = 100 * time.Microsecond
	maxLooks = 16

	// lookTimeout bounds one reading, the waiting for its turn included. A stream
	// whose session has reached its end goes on for no longer than that.
	lookTimeout = 2 * time.Second
)

// streams are a manager's open streams, by session. A session costs a timer,
// and a goroutine only while it is read.
type streams struct {
	m       *Manager
	ctx     context.Context // until Close: what is read here belongs to no request
	looks   chan struct{}   // has room for maxLooks
	count   atomic.Int64    // of the sessions followed: most requests need no lock to know that there are none
	running sync.WaitGroup

	mu       sync.Mutex
	followed map[ID]*followed
	watching bool
	closed   bool
	failed   time.Time // when a failure to read was last reported
}

// followed is a session with open streams.
type followed struct {
	rec     *Record // as last read, without values and secrets
	streams map[*Following]struct{}
	timer   *time.Timer // until it is read again
	looking bool        // it is being read
	again   bool        // and may have changed since that began
}

func newStreams(ctx context.Context, m *Manager) *streams {
	return &streams{m: m, ctx: ctx, looks: make(chan struct{}, maxLooks), followed: map[ID]*followed{}}
}

// join adds a stream to those of its session, which is then read: what the
// request has found may be out of date, and no end was announced to it.
func (ss *streams) join(f *Following, rec *Record) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed {
		return ErrClosed
	}
	if !ss.watching {
		ss.watching = true
		ss.running.Go(ss.watch)
	}
	if e := ss.followed[f.id]; e != nil {
		e.streams[f] = struct{}{}
		e.due(0)
		return nil
	}
	e := &followed{rec: outline(rec), streams: map[*Following]struct{}{f: {}}}
	e.timer = time.AfterFunc(0, func() { ss.look(e) })
	ss.followed[f.id] = e
	ss.count.Store(int64(len(ss.followed)))
	return nil
}

// outline is what following needs of a record: ten thousand streams must not
// keep the values of ten thousand sessions.
func outline(rec *Record) *Record {
	r := *rec
	r.Secret, r.Seed, r.Retired, r.Values = Hash{}, Seed{}, nil, nil
	return &r
}

// leave takes a stream out; its context ends by itself.
func (ss *streams) leave(f *Following) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if e := ss.followed[f.id]; e != nil {
		ss.drop(e, f)
	}
}

// drop forgets a stream, and its session with the last one.
func (ss *streams) drop(e *followed, f *Following) {
	delete(e.streams, f)
	if len(e.streams) == 0 && ss.followed[e.rec.ID] == e {
		e.timer.Stop()
		delete(ss.followed, e.rec.ID)
		ss.count.Store(int64(len(ss.followed)))
	}
}

// end ends all streams of a session.
func (ss *streams) end(e *followed, cause error) {
	for f := range e.streams {
		f.cancel(cause)
		ss.drop(e, f)
	}
}

// due has the session read after that time. A reading under way may have missed
// why, and is repeated.
func (e *followed) due(after time.Duration) {
	if e.looking {
		e.again = true
		return
	}
	e.timer.Reset(after)
}

// changed is called by a request that has changed the session or its end.
func (ss *streams) changed(id ID) {
	if ss.count.Load() == 0 {
		return
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if e := ss.followed[id]; e != nil {
		e.due(0)
	}
}

// signedIn ends the streams that were opened with a secret which a request of
// this node has just replaced. It asks no store: nothing may come between.
func (ss *streams) signedIn(rec *Record) {
	if ss.count.Load() == 0 {
		return
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if e := ss.followed[rec.ID]; e != nil {
		ss.endOlder(e, rec.Generation)
	}
}

func (ss *streams) endOlder(e *followed, generation uint32) {
	for f := range e.streams {
		if f.generation < generation {
			f.cancel(ErrRetry)
			ss.drop(e, f)
		}
	}
}

// look reads the session and acts on it.
func (ss *streams) look(e *followed) {
	if !ss.begin(e) {
		return
	}
	defer ss.running.Done()
	for done := false; !done; {
		rec, err := ss.find(e.rec.ID)
		var report bool
		done, report = ss.take(e, rec, err)
		if report {
			ss.m.observe(ss.ctx, Event{Kind: EventStoreFailed, Detail: "open streams", Err: err})
		}
	}
}

func (ss *streams) begin(e *followed) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed || len(e.streams) == 0 || e.looking {
		return false
	}
	e.looking, e.again = true, false
	ss.running.Add(1)
	return true
}

func (ss *streams) find(id ID) (*Record, error) {
	ctx, cancel := context.WithTimeout(ss.ctx, lookTimeout)
	defer cancel()
	select {
	case ss.looks <- struct{}{}:
		defer func() { <-ss.looks }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return ss.m.store.Find(ctx, id, Fresh)
}

// take judges what was read, and says whether that is all for now and whether
// the error is worth a report: one in half a minute, not one from each session.
func (ss *streams) take(e *followed, rec *Record, err error) (done, report bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed || len(e.streams) == 0 {
		return true, false
	}
	if e.again {
		e.again = false
		return false, false
	}
	e.looking = false
	now := ss.m.now()
	var cause error
	switch {
	case err == nil:
		e.rec = outline(rec)
	case errors.Is(err, ErrNotFound):
		cause = ErrNoSession
	case time.Since(ss.failed) >= mostPause:
		ss.failed, report = time.Now(), true
	}
	if end := e.rec.Over(now); end != nil {
		cause = &EndedError{Session: e.rec.ID, End: *end, Idle: e.rec.Idle}
	}
	if cause != nil {
		ss.end(e, cause)
		return true, report
	}
	ss.endOlder(e, e.rec.Generation)
	if err == nil {
		session := e.rec.session(now)
		for f := range e.streams {
			f.tell(session)
		}
	}
	if len(e.streams) > 0 {
		e.timer.Reset(e.pause(now))
	}
	return true, report
}

// pause is how long the session is left alone: until it may be over, until a
// stream wants to know how it is doing, or until it is time again.
func (e *followed) pause(now time.Time) time.Duration {
	pause := leastPause + rand.N(mostPause-leastPause)
	end, _ := e.rec.Expiry()
	if end.IsZero() {
		return pause
	}
	left := end.Sub(now)
	pause = min(pause, left)
	for f := range e.streams {
		if until := left - f.before; f.before > 0 && until > 0 {
			pause = min(pause, until)
		}
	}
	return max(pause, time.Millisecond)
}

// close ends all streams and takes no more.
func (ss *streams) close() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.closed = true
	for _, e := range ss.followed {
		ss.end(e, ErrClosed)
	}
}
