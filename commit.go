package satra

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// commit saves what waits, before the first byte of the response can leave. If
// that fails the client gets the problem instead of the handler's response,
// and every later write of the handler fails.
func (s *state) commit(status int) error {
	first, err := s.commitOnce(status)
	switch {
	case first && err != nil:
		s.replace(err)
		return errReplaced
	case err != nil:
		return errReplaced
	}
	return nil
}

// commitOnce reports whether it was this call that committed.
func (s *state) commitOnce(status int) (first bool, err error) {
	s.lock()
	defer s.unlock() // also if the store panics
	if s.phase != open {
		return false, s.replaced
	}
	s.phase = committed
	if s.renew != renewNothing && s.standing == live && !s.mayRenew(status) {
		s.renew = renewNothing // another response will
	}
	err = s.save()
	if err == nil && s.sticky != nil && !s.told && status < 500 {
		err = s.sticky
	}
	if errors.Is(err, ErrRetry) {
		err = errChanged // the handler has run: nobody may repeat it unasked
	}
	if err != nil {
		s.replaced = err
		s.standing, s.err = unusable, err
		s.w.restore()
	}
	s.writeHeaders()
	return true, err
}

// replace sends the problem in place of the handler's response.
func (s *state) replace(err error) {
	write := WriteProblem
	if s.m.options.Error != nil {
		write = s.m.options.Error
	}
	write(s.w.under, s.r, ProblemOf(err))
}

// finish ends the request's session: it commits if the handler has written
// nothing, and saves nothing if the handler panicked.
func (s *state) finish(returned bool) {
	if returned {
		s.commit(http.StatusOK)
	}
	s.lock()
	defer s.unlock()
	if !returned && s.phase == open { // a panic: an outer handler may still answer
		s.w.restore()
		if s.cookie != "" {
			s.writeHeaders()
		}
	} else if returned && (s.touch || s.firstShown != nil) && s.standing == live {
		s.saveTouch() // the session was first used after the first byte
	}
	s.phase = done
}

// save writes what waits: one command.
func (s *state) save() error {
	switch {
	case s.standing != live:
		return nil
	case s.fresh && !s.mayChangeCookie():
		return nil // refused meanwhile: nobody would have its cookie
	case s.fresh:
		return s.create()
	case s.renew == renewDue:
		return s.saveRenewed()
	case s.renew == renewSucceeded:
		s.renew = renewNothing
		if secret, ok := shownSecret(s.r, s.m.options.CookieName, s.rec); ok {
			s.succeed(secret)
		}
		return s.save()
	case s.unsaved():
		_, err := s.apply(&Change{})
		return err
	case s.touch || s.firstShown != nil:
		s.saveTouch()
	}
	return nil
}

// saveTouch writes last-seen, and that a renewed secret was shown. That it fails
// fails nothing: the session then ends a little earlier, or the next request
// writes it.
func (s *state) saveTouch() {
	c := Change{At: s.m.now(), IfGeneration: &s.rec.Generation}
	if s.touch {
		c = s.touchChange()
	}
	c.Shown = s.firstShown
	s.touch, s.firstShown = false, nil
	_, err := s.m.store.Apply(commitContext{s}, s.rec.ID, &c)
	if err == nil {
		s.seen = c.Seen
		s.m.streams.changed(s.rec.ID)
	}
	if err != nil && !errors.Is(err, ErrEnded) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
		s.note(Event{Kind: EventStoreFailed, Detail: "touch", Err: err})
	}
}

func (s *state) touchChange() Change {
	now := s.m.now()
	c := Change{At: now, Seen: now, IfGeneration: &s.rec.Generation}
	if d := deviceOf(s.r); d != s.rec.LastDevice {
		c.Device = &d
	}
	return c
}

func (s *state) unsaved() bool {
	return slices.ContainsFunc(s.writes, func(w write) bool { return !w.saved })
}

// apply sends a change and takes along what waits. Its errors are those that a
// caller of this package sees.
func (s *state) apply(c *Change) (Result, error) {
	s.complete(c)
	result, err := s.m.store.Apply(commitContext{s}, s.rec.ID, c)
	if err != nil {
		return result, s.refused(result, err, c.SignIn != nil)
	}
	s.applied(c, result)
	return result, nil
}

// complete gives a change its time and condition, and what waits.
func (s *state) complete(c *Change) {
	base := Change{At: s.m.now(), IfGeneration: &s.rec.Generation}
	if s.touch {
		base = s.touchChange()
	}
	c.At, c.IfGeneration = base.At, base.IfGeneration
	if c.Seen.IsZero() {
		c.Seen = base.Seen
	}
	if c.Device == nil {
		c.Device = base.Device
	}
	if c.End == nil {
		s.takeAlong(c)
		c.Shown = s.firstShown
	}
}

// applied notes that the store has made the change.
func (s *state) applied(c *Change, result Result) {
	s.touch, s.firstShown, s.seen = false, nil, c.Seen
	for i := range s.writes {
		s.writes[i].saved = true
	}
	if result.Record != nil {
		s.rec, s.writes = result.Record, nil
	}
	if !c.Seen.IsZero() {
		s.m.streams.changed(s.rec.ID)
	}
}

// takeAlong adds the writes that wait. A key that c sets itself stays as c has
// it.
func (s *state) takeAlong(c *Change) {
	for _, w := range s.writes {
		own := slices.ContainsFunc(c.Set, func(v Value) bool { return v.Key == w.value.Key })
		switch {
		case w.saved || own:
		case w.deleted:
			c.Delete = append(c.Delete, w.value.Key)
		default:
			c.Set = append(c.Set, w.value)
		}
	}
}

// refused takes in why the store did not apply a change to this session.
func (s *state) refused(result Result, err error, signIn bool) error {
	switch {
	case errors.Is(err, ErrConflict):
		if !signIn && result.Record != nil && result.Record.Generation == s.rec.Generation {
			return ErrConflict // of a value: the caller may try again
		}
		err = ErrRetry
	case errors.Is(err, ErrEnded):
		err = s.ended(result.Record)
	case errors.Is(err, ErrNotFound):
		s.standing, s.rec, s.touch = absent, nil, false
		err = ErrNoSession
	case errors.Is(err, ErrLimit), errors.Is(err, ErrEpoch), errors.Is(err, ErrDisabled), errors.Is(err, ErrTooLarge):
		return err // a refusal, not a failure: the handler answers it
	default:
		err = storeError(err)
		s.note(Event{Kind: EventStoreFailed, Err: err})
	}
	s.sticky = err
	return err
}

// ended notes that the session was ended while the request ran.
func (s *state) ended(rec *Record) error {
	end := &EndedError{Session: s.rec.ID, End: End{At: s.m.now(), Reason: ReasonSignedOut}, Idle: s.rec.Idle}
	if rec != nil {
		if e := rec.Over(s.m.now()); e != nil {
			end.End = *e
		}
	}
	s.standing, s.end, s.rec, s.touch = over, end, nil, false
	return end
}

// writeHeaders adds what the session has to say to the response.
func (s *state) writeHeaders() {
	if s.standing == unseen && !s.tells {
		return
	}
	h := s.w.under.Header()
	s.lines = [2]string{"Cookie", "no-store"}
	if len(h["Vary"]) == 0 {
		h["Vary"] = s.lines[0:1:1]
	} else if !slices.ContainsFunc(h["Vary"], variesByCookie) {
		h.Add("Vary", "Cookie")
	}
	if s.cookie != "" || s.tells || len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = s.lines[1:2:2]
	}
	if s.cookie != "" {
		h.Add("Set-Cookie", s.cookie)
	}
	if s.bearer {
		h.Add("Vary", "Authorization")
	}
	if s.clear {
		h.Set("Clear-Site-Data", `"cache", "storage"`)
	}
}

// variesByCookie reports whether a line of Vary names the Cookie header.
func variesByCookie(line string) bool {
	for name := range strings.SplitSeq(line, ",") {
		if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Cookie") {
			return true
		}
	}
	return false
}

// telling is called as the handler answers with a problem. The first
// navigation that is told that its session is over has its cookie deleted; a
// background request never does that, or the page behind it would never learn
// why.
func (s *state) telling(r *http.Request, p *Problem) {
	s.lock()
	defer s.unlock()
	s.told = true
	if p.Ended != nil && s.standing == over && s.cookie == "" && s.mayChangeCookie() && isNavigation(r) {
		s.cookie = s.m.deleteCookie()
	}
}

// isNavigation reports whether the browser shows the response as a page.
func isNavigation(r *http.Request) bool {
	h := r.Header
	if len(h["Sec-Purpose"]) > 0 || len(h["X-Session-Background"]) > 0 {
		return false
	}
	if mode := h["Sec-Fetch-Mode"]; len(mode) > 0 {
		return mode[0] == "navigate" && (len(h["Sec-Fetch-Dest"]) == 0 || h["Sec-Fetch-Dest"][0] == "document")
	}
	return SafeMethod(r.Method) && AcceptsHTML(r)
}

func deviceOf(r *http.Request) Device {
	d := Device{UserAgent: clip(r.UserAgent())}
	if addr := ClientOf(r).Addr; addr.IsValid() {
		d.Addr = addr.String()
	}
	return d
}
