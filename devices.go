package satra

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// maxDevices is how many sessions of a principal are listed: more than anybody
// reads.
const maxDevices = 1000

// Devices lists the live sessions of the request's principal, that of the request
// first and then by their last use: what a person needs to see who is signed in
// with their account. It asks the store, and tells neither tokens nor values.
//
// Errors: [ErrNoSession] without a session; a 401 [Problem] unless somebody is
// signed in; [EndedError], [ErrRetry], [ErrUnavailable].
func Devices(ctx context.Context) ([]Session, error) {
	own, all, err := listOwn(ctx, false)
	slices.SortFunc(all, func(a, b Session) int {
		switch own.ID {
		case a.ID:
			return -1
		case b.ID:
			return 1
		}
		return b.LastSeen.Compare(a.LastSeen)
	})
	return all, err
}

// EndedDevices lists the sessions of the request's principal that are over and
// still remembered ([Options.Tombstone]), the last that ended first; Session.Ended
// says when and why. Its errors are those of [Devices].
func EndedDevices(ctx context.Context) ([]Session, error) {
	_, all, err := listOwn(ctx, true)
	all = slices.DeleteFunc(all, func(s Session) bool { return s.Ended == nil }) // by the store's clock alone
	slices.SortFunc(all, func(a, b Session) int { return b.Ended.At.Compare(a.Ended.At) })
	return all, err
}

// listOwn lists the principal's sessions, and tells the request's own.
func listOwn(ctx context.Context, over bool) (own Session, all []Session, err error) {
	s := mustState(ctx)
	if err := s.asItStands(); err != nil {
		return own, nil, err
	}
	if own, err = From(ctx); err == nil {
		err = signedIn(s.m, own)
	}
	if err != nil {
		return own, nil, err
	}
	for q := (Query{Principal: &own.Principal, Ended: over, Limit: maxDevices}); len(all) < maxDevices; {
		page, next, err := s.m.Sessions(ctx, q)
		if err != nil {
			return own, nil, storeError(err)
		}
		all = append(all, page...)
		if next.IsZero() {
			break
		}
		q.After = next
	}
	return own, all[:min(len(all), maxDevices)], nil
}

// asItStands reads the session anew if it may be old.
func (s *state) asItStands() error {
	s.lock()
	defer s.unlock()
	return s.load()
}

// CheckRecent returns [ErrStale] unless the principal proved who they are at most
// d ago and no other proof is demanded: what [RequireRecent] asks, for a handler with
// answers of its own.
//
// Errors: [ErrStale]; [ErrNoSession] without a session; a 401 [Problem] unless
// somebody is signed in; [EndedError], [ErrRetry], [ErrUnavailable].
func CheckRecent(ctx context.Context, d time.Duration) error {
	m := mustState(ctx)
	if err := m.asItStands(); err != nil {
		return err
	}
	s, err := From(ctx)
	if err != nil {
		return err
	}
	return recent(d)(m.m, s)
}

// recent reports whether the last proof is recent enough.
func recent(d time.Duration) func(*Manager, Session) error {
	return func(m *Manager, s Session) error {
		enough := d
		if s.Persistent && d != Never && m.options.IdleTimeout != Never {
			enough = min(d, m.options.IdleTimeout)
		}
		switch err := signedIn(m, s); {
		case err != nil:
			return err
		case s.StepUp != nil, enough != Never && s.Now.Sub(s.AuthenticatedAt) > enough:
			return ErrStale
		}
		return nil
	}
}

// RequireRecent answers 403 REAUTH_REQUIRED unless the principal proved who
// they are at most d ago, for what a stolen or unattended session must not do.
// In a session that is remembered ([Attempt.Remembered]) a proof is recent for
// [Options.IdleTimeout] at most. No proof is recent that came before
// [Manager.StepUp] demanded one; with [Never] that alone counts, and not its age.
func RequireRecent(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return asItStands(require(next, recent(d))) }
}
