package satra

import (
	"context"
	"time"
)

// WhileLive returns a context for a response that stays open, an event stream
// or a WebSocket, inside [Manager.Handler]: it is done when ctx is, and when the
// request's session is over, so that what was opened with a session ends with
// it. [context.Cause] says why:
//
//   - an [EndedError]: the session was ended, on whichever node, or reached its
//     end by time, which is computed here and put off as other requests put it
//     off. Of an end that was announced the error knows the reason and not the
//     actor.
//   - [ErrRetry]: a sign-in or re-authentication has replaced the secret that the
//     request showed. Whoever has the new cookie may open the stream anew; whoever
//     planted the old one sees nothing of what follows.
//   - [ErrNoSession]: the store does not have the session any more.
//   - [ErrClosed]: the manager was closed, this program is about to end.
//   - ctx's own cause; [context.Canceled] after the function returned was called.
//
// The store announces ends, so that a stream closes at once. The session is read
// again when that begins, whenever announcements may have been missed, and at
// least every 30 seconds: that long a sign-in on another node may go unnoticed,
// and an end too while the store's connection for announcements is broken.
// A store that cannot be reached ends no stream: it stays until the end that was
// computed last, or two seconds longer if the store does not answer then.
//
// A stream is no activity: this call takes back that the request was. What
// [From] and keys tell stays what it was when the request found its session; see
// [Follow]. A session that has just begun is saved at once.
//
// The function returned frees what the stream holds, and is called when the
// handler returns. Errors: those of [From], and ErrClosed.
func WhileLive(ctx context.Context) (context.Context, context.CancelFunc, error) {
	live, f, err := Follow(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	return live, f.Close, nil
}

// Follow is [WhileLive] for a stream that tells its client how the session is
// doing. The session is also read when that much time is left to its end, 0 for
// not, so that a warning is not given of an end that was put off meanwhile.
func Follow(ctx context.Context, before time.Duration) (context.Context, *Following, error) {
	s := mustState(ctx)
	rec, err := s.toFollow()
	if err != nil {
		return nil, nil, err
	}
	live, cancel := context.WithCancelCause(ctx)
	f := &Following{streams: s.m.streams, id: rec.ID, generation: rec.Generation, before: before, cancel: cancel, news: make(chan Session, 1)}
	if err := f.streams.join(f, rec); err != nil {
		cancel(err)
		return nil, nil, err
	}
	f.unhook = context.AfterFunc(live, f.leave) // also if nobody closes it
	return live, f, nil
}

// A Following is an open stream's hold on its session.
type Following struct {
	streams    *streams
	id         ID
	generation uint32 // of the secret that opened the stream
	before     time.Duration
	cancel     context.CancelCauseFunc
	unhook     func() bool
	news       chan Session
}

// News has the session as it stands after each time it was read. It is never
// closed, and holds the latest only: a slow reader misses what is out of date.
// Nothing comes of a session that was signed in to since the stream was opened.
func (f *Following) News() <-chan Session { return f.news }

// Close ends the stream's context and frees what the stream holds. It may be
// called again.
func (f *Following) Close() {
	f.unhook()
	f.leave()
	f.cancel(context.Canceled)
}

func (f *Following) leave() { f.streams.leave(f) }

// tell replaces the news by newer ones. The registry's lock makes it the only
// sender.
func (f *Following) tell(s Session) {
	select {
	case <-f.news:
	default:
	}
	f.news <- s
}

// toFollow returns the record that a stream begins with.
func (s *state) toFollow() (*Record, error) {
	s.lock()
	defer s.unlock()
	s.background, s.touch = true, false
	if err := s.settled(); err != nil {
		return nil, err
	}
	return s.rec, nil
}
