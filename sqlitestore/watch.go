package sqlitestore

import (
	"context"
	"sync"

	"github.com/satra-sessions/satra"
)

// maxNotices is how many notices wait for a slow watcher, or are read at once of
// what another process ended. Beyond, watchers are told that they missed
// some.
const maxNotices = 4096

// watchers are those who are told of ends.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]struct{}
}

// A watcher is one Watch under way.
type watcher struct {
	mu      sync.Mutex
	notices []satra.Notice
	wake    chan struct{} // has room for one: something waits
}

// tell leaves notices with every watcher, and waits for none.
func (ws *watchers) tell(notices ...satra.Notice) {
	if len(notices) == 0 {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		w.add(notices)
	}
}

func (ws *watchers) join() *watcher {
	w := &watcher{notices: []satra.Notice{{Gap: true}}, wake: make(chan struct{}, 1)}
	w.wake <- struct{}{}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = map[*watcher]struct{}{}
	}
	ws.all[w] = struct{}{}
	return w
}

func (ws *watchers) leave(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.all, w)
}

func (w *watcher) add(notices []satra.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.notices)+len(notices) > maxNotices {
		w.notices = []satra.Notice{{Gap: true}}
	} else {
		w.notices = append(w.notices, notices...)
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) take() []satra.Notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.notices
	w.notices = nil
	return taken
}

// Watch tells of every end on this goroutine, in order, until ctx is done or the
// store is closed. Of this process's ends it tells when they are on the disk, of
// those of others within 50 ms. notify may call the store. The first notice is
// a Gap: from then on nothing is missed.
func (s *Store) Watch(ctx context.Context, notify func(satra.Notice)) error {
	w := s.watchers.join()
	defer s.watchers.leave(w)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return errClosed
		case <-w.wake:
			for _, n := range w.take() {
				notify(n)
			}
		}
	}
}
