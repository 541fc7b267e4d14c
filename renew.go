package satra

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Renewal by age gives a session a new secret without ever signing its owner
// out. Every request that shows the previous secret is given the same successor,
// which the record keeps sealed under the previous secret, so that whoever reads
// the store cannot use it. The previous secret works until its successor is
// shown for the first time, because until then the response that carried it may
// have been lost, and for RenewGrace after that, because requests may have been
// under way. Whoever shows it later has a copy that lay still, or a browser that
// was restored from an old state: such a request is refused, and after several
// the session ends as stolen.
const (
	// RenewGrace is how long a renewed secret is still good for after its
	// successor was first shown.
	RenewGrace = 30 * time.Second

	// refusals is how many requests with a secret past its grace end the
	// session, and refusalWindow how far apart they have to be to count.
	refusals      = 3
	refusalWindow = 30 * time.Second

	minRenewAfter  = 2 * time.Minute // well above the grace: of two old secrets one at most is in it
	defaultRenewed = 4
)

// A renewal is what a request has to do about its secret.
type renewal uint8

const (
	renewNothing   renewal = iota
	renewDue               // the secret is old enough
	renewSucceeded         // the request showed the previous secret: it is given the successor
)

// predecessor returns the secret that the present one has taken the place of by
// age, or nil.
func (r *Record) predecessor() *Retired {
	for i := range r.Retired {
		if r.Retired[i].Seed == nil {
			return &r.Retired[i]
		}
	}
	return nil
}

// works reports whether a secret that was renewed may still be shown by a request
// that came at that instant.
func (old *Retired) works(came time.Time) bool {
	return old.Shown.IsZero() || came.Sub(old.Shown) <= RenewGrace
}

// secretAge is how long the record's secret has been valid, of a session that is
// signed in.
func (r *Record) secretAge(now time.Time) time.Duration {
	since := r.AuthAt
	if old := r.predecessor(); old != nil && old.At.After(since) {
		since = old.At
	}
	return now.Sub(since)
}

// weighSecret notes what is to be done about the secret that was shown: the
// record's, or the previous one.
func (s *state) weighSecret(rec *Record, former *Retired, now time.Time) {
	s.renew, s.firstShown = renewNothing, nil
	if former != nil {
		s.renew = renewSucceeded
		return
	}
	if old := rec.predecessor(); old != nil && old.Shown.IsZero() {
		s.firstShown = &rec.Secret
	}
	after := s.m.options.RenewAfter
	if after > 0 && rec.Principal != "" && rec.Transport == TransportCookie && rec.secretAge(now) >= after {
		s.renew = renewDue
	}
}

// refuse answers a secret past its grace: nothing is done with the session, and
// it is counted.
func (s *state) refuse(rec *Record, former *Retired, now time.Time) {
	if s.standing != live {
		s.standing = stale
	}
	if s.freshness != Fresh {
		return // looked for again, as it stands
	}
	s.note(Event{Kind: EventReusedToken, Session: rec.ID, Principal: rec.Principal})
	end := End{At: now, Reason: ReasonStolen}
	c := &Change{At: now, IfGeneration: &rec.Generation}
	switch {
	case !sameBrowser(clip(s.r.UserAgent()), rec.LastDevice.UserAgent):
		c.End = &end
	case former.Refused > 0 && now.Sub(former.RefusedAt) < refusalWindow:
		return // it would not count: no write for it
	default:
		c.Refused = &Refusal{Secret: former.Secret, Window: refusalWindow, Limit: refusals, End: end}
	}
	c.Return = true
	result, err := s.m.store.Apply(commitContext{s}, rec.ID, c)
	ended := err == nil && result.Record != nil && result.Record.Ended != nil
	switch {
	case ended:
		s.note(Event{Kind: EventEnded, Session: rec.ID, Principal: rec.Principal, Reason: ReasonStolen})
		if s.standing == stale {
			s.standing, s.end = over, &EndedError{Session: rec.ID, End: *result.Record.Ended, Idle: rec.Idle}
		}
	case err != nil && !errors.Is(err, ErrEnded) && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrConflict):
		s.note(Event{Kind: EventStoreFailed, Detail: "a reused token", Err: err}) // refused all the same
	}
}

// saveRenewed writes what waits, and renews the secret with it.
func (s *state) saveRenewed() error {
	secret, ok := shownSecret(s.r, s.m.options.CookieName, s.rec)
	if !ok { // the request's headers were changed
		s.renew = renewNothing
		return s.save()
	}
	if s.rec.Secret != Hash(sha256.Sum256(secret[:])) { // renewed since it was found
		s.renew = renewSucceeded
		return s.save()
	}
	next := newToken(s.rec.ID)
	c := &Change{Return: true, Renew: &Renew{
		Old: s.rec.Secret, New: next.hash(), Successor: sealSuccessor(secret, next), Keep: s.m.options.RenewKeep,
	}}
	waits := s.unsaved()
	s.complete(c)
	result, err := s.m.store.Apply(commitContext{s}, s.rec.ID, c)
	s.renew = renewNothing
	switch {
	case err == nil:
		s.applied(c, result)
		s.cookie = s.m.setCookie(next, s.rec)
		s.note(Event{Kind: EventRenewed})
		return nil
	case errors.Is(err, ErrConflict) && result.Record != nil && result.Record.Generation == s.rec.Generation:
		// Another request has renewed it: the successor is the same for all.
		s.rec, s.firstShown = result.Record, nil
		s.succeed(secret)
		return s.save()
	case waits:
		return s.refused(result, err, false)
	}
	// Nothing but a renewal and a touch: that they fail fails nothing.
	if !errors.Is(err, ErrEnded) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
		s.note(Event{Kind: EventStoreFailed, Detail: "renewal", Err: err})
	}
	return nil
}

// succeed gives a request that showed the previous secret its successor.
func (s *state) succeed(secret [secretSize]byte) {
	old := s.rec.predecessor()
	if old == nil || old.Secret != Hash(sha256.Sum256(secret[:])) {
		return // renewed once more meanwhile: the next request is told
	}
	if next, ok := openSuccessor(secret, s.rec.ID, old.Successor); ok {
		s.cookie = s.m.setCookie(next, s.rec)
	}
}

// mayRenew reports whether this response can carry a new secret: one that a
// shared cache keeps, that has no body of its own, or that nobody waits for
// cannot.
func (s *state) mayRenew(status int) bool {
	if s.cookie != "" || s.background || !s.mayChangeCookie() || status < 200 || status == http.StatusNotModified || !AnyRequest(s.r) {
		return false
	}
	h := s.w.under.Header()
	for _, line := range h["Cache-Control"] {
		for directive := range strings.SplitSeq(strings.ToLower(line), ",") {
			directive, _, _ = strings.Cut(strings.TrimSpace(directive), "=")
			if directive == "public" || directive == "s-maxage" {
				return false
			}
		}
	}
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind != "text/event-stream"
}

// shownSecret returns the secret of the session that the request's cookie holds:
// the present one or the previous one, whatever else is planted beside it.
func shownSecret(r *http.Request, name string, rec *Record) (secret [secretSize]byte, ok bool) {
	old := rec.predecessor()
	for _, c := range r.CookiesNamed(name) {
		var raw [idSize + secretSize]byte
		if len(c.Value) != tokenLength {
			continue
		}
		if n, err := tokenEncoding.Decode(raw[:], []byte(c.Value)); err == nil && n == len(raw) && ID(raw[:idSize]) == rec.ID {
			switch hash := Hash(sha256.Sum256(raw[idSize:])); {
			case hash == rec.Secret:
				return [secretSize]byte(raw[idSize:]), true
			case old != nil && hash == old.Secret:
				secret, ok = [secretSize]byte(raw[idSize:]), true
			}
		}
	}
	return secret, ok
}

// successorAEAD is the cipher under which a secret's successor is kept. Its key
// comes from the secret, of which the store has the hash alone.
func successorAEAD(secret [secretSize]byte, id ID) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, secret[:], id[:], "satra: successor of a renewed secret", 32)
	if err != nil { // only for a key that is too long
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil { // only for a key of another length
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func sealSuccessor(secret [secretSize]byte, next token) []byte {
	return successorAEAD(secret, next.id).Seal(nil, nil, (*next.secret)[:], next.id[:])
}

func openSuccessor(secret [secretSize]byte, id ID, sealed []byte) (token, bool) {
	plain, err := successorAEAD(secret, id).Open(nil, nil, sealed, id[:])
	if err != nil || len(plain) != secretSize {
		return token{}, false
	}
	next := new([secretSize]byte)
	copy(next[:], plain)
	rand.Read(plain) // of no use any more
	return token{id: id, secret: &next}, true
}
