package memstore

import (
	"context"
	"sync"

	"github.com/satra-sessions/satra"
)

// maxNotices is how many notices wait for a slow watcher. Beyond, it is told
// that it missed some: it has to look again anyway.
const maxNotices = 4096

// watchers are those who are told of ends.
type watchers struct {
	mu  sync.Mutex
	all map[*watcher]struct{}
}

type watcher struct {
	mu      sync.Mutex
	notices []satra.Notice
	wake    chan struct{} // has room for one: something waits
}

// tell queues a notice with every watcher. It blocks for none.
func (ws *watchers) tell(n satra.Notice) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		w.add(n)
	}
}

func (w *watcher) add(n satra.Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.notices) >= maxNotices {
		w.notices = []satra.Notice{{Gap: true}}
	}
	w.notices = append(w.notices, n)
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

// Watch tells of every end, in order, on this goroutine, until ctx is done.
// notify may call the store. The first notice is a Gap: from then on nothing
// is missed.
func (s *Store) Watch(ctx context.Context, notify func(satra.Notice)) error {
	w := &watcher{wake: make(chan struct{}, 1)}
	s.watchers.mu.Lock()
	if s.watchers.all == nil {
		s.watchers.all = map[*watcher]struct{}{}
	}
	s.watchers.all[w] = struct{}{}
	s.watchers.mu.Unlock()
	defer func() {
		s.watchers.mu.Lock()
		delete(s.watchers.all, w)
		s.watchers.mu.Unlock()
	}()
	notify(satra.Notice{Gap: true})
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.wake:
			for _, n := range w.take() {
				notify(n)
			}
		}
	}
}
