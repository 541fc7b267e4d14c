package sessionapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
)

// events is a stream of what happens to the session, and ends with it. A browser's
// EventSource reads no body of an error, gives up after most statuses, and opens
// a stream anew that has ended. So:
//
//   - Without a session the answer is 204, which tells it to stop.
//   - A session that is over is told as the event "ended", and once: its ID is the
//     event's, comes back in Last-Event-ID, and is then answered 204.
//   - A stream that closes without "ended" is to be opened anew: by then the
//     browser has the new cookie, or another node answers.
func (a *api) events(w http.ResponseWriter, r *http.Request) error {
	if err := a.checkAsPost(r); err != nil {
		return err
	}
	s, err := satra.From(r.Context())
	var ended *satra.EndedError
	switch {
	case errors.As(err, &ended) && r.Header.Get("Last-Event-ID") == ended.Session.String(), isNone(err):
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusNoContent)
		return nil
	case ended != nil, errors.Is(err, satra.ErrRetry):
		if out := begin(w, r); out != nil {
			out.close(err)
		}
		return nil
	case err != nil:
		return err
	}
	return a.follow(w, r, s)
}

// follow tells of a live session until it is over or nobody listens.
func (a *api) follow(w http.ResponseWriter, r *http.Request, s satra.Session) error {
	free, err := a.streams.open(s.ID)
	if err != nil {
		return err
	}
	defer free()
	t := a.teller(s)
	live, f, err := satra.Follow(r.Context(), t.warning)
	if err != nil {
		return err
	}
	defer f.Close()
	state, err := tell(r)
	if err != nil {
		return err
	}
	if t.out = begin(w, r); t.out == nil {
		return nil // HEAD
	}
	t.out.event("state", "", state)
	t.warn(s)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for t.out.err == nil {
		select {
		case s := <-f.News():
			t.news(s)
		case <-beat.C:
			t.out.beat()
		case <-live.Done():
			t.out.close(context.Cause(live))
			return nil
		}
	}
	return nil
}

// A teller remembers what a client was told of its session's end.
type teller struct {
	out     *output
	warning time.Duration // before the end; 0: none
	expires time.Time     // the end that was told
	warned  bool          // of it
}

// teller warns of an end as early as the options say, and at most half of the
// idle timeout before: earlier, a session would begin with the warning.
func (a *api) teller(s satra.Session) *teller {
	t := &teller{warning: a.warning, expires: s.ExpiresAt}
	if s.Idle >= 0 {
		t.warning = min(t.warning, s.Idle/2)
	}
	return t
}

func (t *teller) news(s satra.Session) {
	if !s.ExpiresAt.Equal(t.expires) {
		t.expires = s.ExpiresAt
		t.out.event("extended", "", termOf(s))
	}
	t.warn(s)
}

// warn tells once that the end is near, and again of another end.
func (t *teller) warn(s satra.Session) {
	near := t.warning > 0 && !s.ExpiresAt.IsZero() && s.Remaining() <= t.warning
	if near && !t.warned {
		t.out.event("expiring", "", termOf(s))
	}
	t.warned = near
}

// A term is what the events tell of the session's end.
type term struct {
	LastActivity     time.Time  `json:"last_activity"`
	RemainingSeconds *int64     `json:"remaining_seconds"`
	Now              time.Time  `json:"now"`
	ExpiresAt        *time.Time `json:"expires_at"`
	AbsoluteExpires  *time.Time `json:"absolute_expires_at"`
	Extendable       bool       `json:"extendable"`
}

func termOf(s satra.Session) term {
	return term{
		LastActivity: s.LastSeen, RemainingSeconds: remaining(s), Now: s.Now, Extendable: s.Extendable(),
		ExpiresAt: optional(s.ExpiresAt), AbsoluteExpires: optional(s.AbsoluteExpires),
	}
}
