package satra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// standing is what the request's cookie turned out to be.
type standing uint8

const (
	unseen   standing = iota // nobody has asked yet
	absent                   // no session
	live                     // rec is the session
	over                     // end says how it ended
	retired                  // its secret was replaced a moment ago by a sign-in
	stale                    // its secret was renewed, and is past its grace
	unusable                 // err says why
)

// phase is how far the response is.
type phase uint8

const (
	open      phase = iota // nothing has left
	committed              // the first byte has left or may leave
	done                   // the handler has returned
)

// A write is what the request did to a key. It stays here after it was saved,
// so that the request reads its own writes.
type write struct {
	value   Value
	deleted bool
	saved   bool
}

// A state is the session of one request: loaded at the first use, changed in
// memory, committed once. It is also the request's context and writer, so that
// a request costs two allocations.
type state struct {
	context.Context
	m *Manager
	r *http.Request
	w writer

	mu         sync.Mutex
	standing   standing
	phase      phase
	use        CookieUse
	useGiven   bool
	background bool
	cacheable  bool      // the session may be read from a cache
	old        bool      // live: and it was
	bearer     bool      // the request carries a bearer token, and so has no cookie
	tells      bool      // the response tells a token: nobody may keep it
	freshness  Freshness // of the look-up
	came       time.Time // when the request did, if tokens are renewed
	looked     time.Time // when the session was found

	rec    *Record     // live: the record as this request knows it
	fresh  bool        // live: the store does not have it yet
	end    *EndedError // over
	err    error       // unusable
	seed   Seed        // retired: what its CSRF tokens were made from
	token  token       // fresh: what the cookie will hold
	writes []write
	touch  bool      // last-seen waits to be written
	renew  renewal   // what the response has to do about the secret
	seen   time.Time // what this request has written of it

	firstShown *Hash // the secret, if it was shown for the first time since a renewal: waits to be written

	cookie   string // the Set-Cookie line of what has acted, or ""
	clear    bool   // the browser is to clear what it keeps of the site
	told     bool   // the handler answers with WriteError
	sticky   error  // what failed in the handler, and fails the response
	replaced error  // the response was replaced by this problem

	events []Event
	lines  [2]string // what Vary and Cache-Control point to: no allocation
}

// Format hides what the state holds, a cookie and a seed among it: it is the
// request's context, and contexts are printed.
func (*state) Format(w fmt.State, _ rune) { io.WriteString(w, "[session of a request]") }

// LogValue hides it from slog.
func (*state) LogValue() slog.Value { return slog.StringValue("[session of a request]") }

// MarshalJSON hides it from JSON.
func (*state) MarshalJSON() ([]byte, error) { return []byte(`"[session of a request]"`), nil }

// lock and unlock guard everything below mu. Events are delivered after the
// lock is released, so that an observer can do no harm to it.
func (s *state) lock() { s.mu.Lock() }

func (s *state) unlock() {
	events := s.events
	s.events = nil
	s.mu.Unlock()
	for _, e := range events {
		s.m.observe(s, e)
	}
}

// note keeps an event for unlock.
func (s *state) note(e Event) {
	if len(s.m.options.Observers) == 0 {
		return
	}
	if s.rec != nil && e.Session.IsZero() {
		e.Session, e.Principal = s.rec.ID, cmp.Or(e.Principal, s.rec.Principal)
	}
	s.events = append(s.events, requestEvent(s.r, e))
}

func (s *state) observe(e Event) {
	s.lock()
	defer s.unlock()
	s.note(e)
}

func (s *state) useCookie(use CookieUse) {
	s.lock()
	defer s.unlock()
	if s.cookieUse() == CookieIgnored && s.standing == absent && use != CookieIgnored {
		s.standing = unseen // what was not looked at may be looked at now
	}
	s.use, s.useGiven = use, true
}

func (s *state) setBackground() {
	s.lock()
	defer s.unlock()
	s.background = true
	s.touch = false
}

// cookieUse is what this request may do with the cookie.
func (s *state) cookieUse() CookieUse {
	if s.useGiven {
		return s.use
	}
	use, _ := s.Context.Value(cookieUseKey{}).(CookieUse)
	return use
}

// mayChangeCookie reports whether the response may set or delete the cookie.
func (s *state) mayChangeCookie() bool {
	if s.hasBearer() {
		return false
	}
	switch s.cookieUse() {
	case CookieTrusted:
		return true
	case CookieIgnored:
		return false
	}
	return !fromElsewhere(s.r)
}

// load finds out what the cookie is, once, and as it stands.
func (s *state) load() error {
	s.forgetOld()
	return s.loadOld()
}

// loadOld is load for what only reads: see [FromCache].
func (s *state) loadOld() error {
	if s.phase == done {
		return ErrEnded
	}
	if s.standing == unseen {
		s.look()
	}
	switch s.standing {
	case over:
		return s.end
	case retired, stale:
		return ErrRetry
	case unusable:
		return s.err
	}
	return nil
}

// look judges the tokens that came, in the cache first if that is good enough.
func (s *state) look() {
	if !s.cacheable || !s.lookOld() {
		s.lookUp(Fresh)
	}
}

// lookUp judges a bearer token alone, or three cookies at the most, so that a
// header full of them costs three look-ups and not a hundred.
func (s *state) lookUp(f Freshness) {
	s.standing, s.freshness = absent, f
	switch {
	case s.hasBearer():
		s.lookBearer()
	case s.cookieUse() != CookieIgnored:
		var shown [3]presented
		for _, p := range shown[:presentedTokens(s.r, s.m.options.CookieName, &shown)] {
			s.find(p)
			if s.standing == unusable {
				return
			}
		}
	}
	if s.standing == live && s.isActivity() {
		s.touch = touchDue(s.rec.Seen, s.looked, s.rec.Idle)
	}
}

// find asks the store for the record of a token.
func (s *state) find(p presented) {
	rec, err := s.m.store.Find(s, p.id, s.freshness)
	s.looked = s.m.now()
	switch {
	case err == nil && (rec.Transport == TransportBearer) != s.bearer:
		s.note(Event{Kind: EventUnknownToken, Session: p.id, Detail: "by another transport"})
	case err == nil:
		s.judge(p, rec, s.looked)
	case errors.Is(err, ErrNotFound):
		s.note(Event{Kind: EventUnknownToken, Session: p.id})
	default:
		s.fail(storeError(err))
	}
}

// judge weighs one token and its record against what was found before: a live
// session counts most, then a retired secret, then one that is over.
func (s *state) judge(p presented, rec *Record, now time.Time) {
	end := rec.Over(now)
	current := rec.Secret.Equal(p.hash)
	former := rec.retiredBy(p.hash)
	renewed := former != nil && former.Seed == nil
	switch {
	case !current && former == nil:
		s.note(Event{Kind: EventUnknownToken, Session: p.id})
	case end != nil:
		if s.standing == absent {
			s.standing, s.end = over, &EndedError{Session: rec.ID, End: *end, Idle: rec.Idle}
			s.note(Event{Kind: EventShownOver, Session: rec.ID, Principal: rec.Principal, Reason: end.Reason})
		}
	case current || renewed && former == rec.predecessor() && former.works(s.came):
		s.found(rec, former, now)
	case renewed:
		s.refuse(rec, former, now)
	case now.Sub(former.At) <= RetiredFor && s.standing != live:
		s.standing, s.seed = retired, *former.Seed
		s.note(Event{Kind: EventRetiredToken, Session: rec.ID, Principal: rec.Principal})
	}
}

// found takes in a live session, by its secret or the one that was renewed
// (former). Two sessions are one too many.
func (s *state) found(rec *Record, former *Retired, now time.Time) {
	switch {
	case s.standing == live && s.rec.ID != rec.ID:
		s.note(Event{Kind: EventAmbiguous, Session: rec.ID, Principal: rec.Principal})
		s.rec = nil
		s.fail(ErrAmbiguous)
	case s.standing == live && former != nil: // the present secret came as well
	default:
		s.standing, s.rec = live, rec
		s.weighSecret(rec, former, now)
		s.noteElsewhere(rec, now)
	}
}

// retiredBy returns the retired secret that has this hash.
func (r *Record) retiredBy(h Hash) *Retired {
	for i := range r.Retired {
		if r.Retired[i].Secret.Equal(h) {
			return &r.Retired[i]
		}
	}
	return nil
}

// fail makes the session unusable for this request, and the response a
// problem: a program that overlooks the error must not answer as if there were
// no session.
func (s *state) fail(err error) {
	s.standing, s.err, s.sticky = unusable, err, err
	if errors.Is(err, ErrUnavailable) && s.Err() == nil { // not because the client went away
		s.note(Event{Kind: EventStoreFailed, Err: err})
	}
}

// isActivity reports whether this request shows that somebody is there.
func (s *state) isActivity() bool {
	return !s.background && s.m.options.Activity(s.r)
}

// storeError makes every error of a store that no caller branches on an
// ErrUnavailable: whatever it is, there is no session to be had.
func storeError(err error) error {
	for _, known := range [...]error{ErrUnavailable, ErrFull, ErrTooLarge, ErrLimit, ErrEpoch, ErrDisabled} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// presented is a token as a request showed it: the secret as its hash alone.
type presented struct {
	id   ID
	hash Hash
}

// presentedTokens reads the tokens from the Cookie headers without an
// allocation, and returns how many it found.
func presentedTokens(r *http.Request, name string, found *[3]presented) int {
	n := 0
	for _, line := range r.Header["Cookie"] {
		for len(line) > 0 && n < len(found) {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			key, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if !ok || key != name {
				continue
			}
			id, secret, ok := parseToken(value)
			if !ok {
				continue
			}
			p := presented{id, secret}
			if n > 0 && found[0] == p || n > 1 && found[1] == p {
				continue // the same cookie twice is one
			}
			found[n] = p
			n++
		}
	}
	return n
}
