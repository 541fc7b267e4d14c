package satra

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// The pause before the store is asked again to announce ends. It grows from
	// one to the other, and begins anew once announcements have come for as long
	// as the longest.
	leastWatchPause = 100 * time.Millisecond
	mostWatchPause  = 30 * time.Second
)

var errWatchReturned = errors.New("satra: the store's Watch returned before its time")

// watch has the store announce ends to the open streams until Close. It begins
// with the first stream. A store's own Watch connects again by itself; one that
// returns has given up, and is asked again.
func (ss *streams) watch() {
	pause := leastWatchPause
	for {
		began := time.Now()
		err := ss.m.store.Watch(ss.ctx, ss.notice)
		if ss.ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errWatchReturned
		}
		ss.m.observe(ss.ctx, Event{Kind: EventStoreFailed, Detail: "watch", Err: err})
		ss.gap()
		if time.Since(began) >= mostWatchPause {
			pause = leastWatchPause
		}
		select {
		case <-ss.ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
		pause = min(2*pause, mostWatchPause)
	}
}

// notice ends the streams of the session that was ended. Nothing is read: an
// announced end is final, and a principal's thousand sessions may have ended at
// once.
func (ss *streams) notice(n Notice) {
	if n.Gap {
		ss.gap()
		return
	}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if e := ss.followed[n.ID]; e != nil {
		end := End{At: ss.m.now(), Reason: n.Reason}
		ss.end(e, &EndedError{Session: n.ID, End: end, Idle: e.rec.Idle})
	}
}

// gap has every followed session read again, soon and not all at once.
func (ss *streams) gap() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	within := spread * time.Duration(len(ss.followed))
	for _, e := range ss.followed {
		e.due(rand.N(within))
	}
}
