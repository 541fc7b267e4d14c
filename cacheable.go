package satra

import (
	"errors"
	"net/http"
)

// FromCache declares a route that only reads, and for which a session may be a
// moment old: where the store keeps a cache for that, a GET or HEAD is answered
// without asking the store's server. It belongs inside [Manager.Handler], and
// changes nothing with a store that has no such cache.
//
// How old is for the store to say; redisstore says a second at the most, and
// measures a few milliseconds. For so long a session that was ended elsewhere, on
// another node, may still be served, and a value that was set there may be missing.
// What this node itself has changed is seen at once.
//
// [From], [RequireSession], [RequireSignIn] and [Key.Get] read so, and only a live
// session whose secret was shown is taken from the cache: that there is none, or
// that it is over, nobody is told without asking. All else reads the session as it
// stands: what sets, deletes or updates a value, begins, extends or ends a session,
// signs in, derives a secret, as package csrf does, or stays open ([WhileLive]);
// and [RequireRecent]. Whatever is written is subject to the store's conditions in
// any case: an old record revives nothing and overwrites nothing.
func FromCache(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := mustState(r.Context())
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			s.setCacheable()
		}
		next.ServeHTTP(w, r)
	})
}

// setCacheable lets the session be read from a cache, unless it was read already.
func (s *state) setCacheable() {
	s.lock()
	defer s.unlock()
	s.cacheable = s.standing == unseen
}

// asItStands makes what follows in this request read nothing that may be old.
func asItStands(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := mustState(r.Context())
		s.lock()
		s.forgetOld()
		s.unlock()
		next.ServeHTTP(w, r)
	})
}

// forgetOld makes the session be read again if it may be old.
func (s *state) forgetOld() {
	s.cacheable = false
	if s.old && s.phase != done {
		s.old, s.standing, s.rec, s.touch = false, unseen, nil, false
	}
}

// lookOld looks where the session may be old, and reports whether that is good
// enough: it is live, or there is no store to ask. All else may have changed.
func (s *state) lookOld() bool {
	events := len(s.events)
	s.lookUp(Cacheable)
	s.old = s.standing == live
	if s.old || s.standing == unusable && errors.Is(s.err, ErrUnavailable) {
		return true
	}
	s.events = s.events[:events]
	s.standing, s.rec, s.end, s.err, s.sticky = unseen, nil, nil, nil, nil
	return false
}
