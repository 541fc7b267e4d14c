package satra

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// Start begins an anonymous session unless the request has a session. It is
// kept, and its cookie set, when the response begins. The first value that is
// set does the same by itself. On the token of a session that is over it
// returns the [EndedError] and begins nothing: whoever is told why first, by
// [WriteError], begins again with the next request.
//
// Errors: [EndedError], [ErrRetry], [ErrElsewhere], [ErrBearer], [ErrCommitted],
// [ErrAmbiguous], [ErrUnavailable].
func Start(ctx context.Context) error {
	s := mustState(ctx)
	s.lock()
	defer s.unlock()
	return s.start()
}

// start makes the request have a session; s.mu is held.
func (s *state) start() error {
	if err := s.load(); err != nil || s.standing == live {
		return err
	}
	return s.begin()
}

// begin makes a record that the store does not have yet.
func (s *state) begin() error {
	if err := s.mayIssue(); err != nil {
		return err
	}
	s.rec = s.newRecord()
	s.token = newToken(s.rec.ID)
	s.rec.Secret = s.token.hash()
	s.standing, s.fresh, s.touch = live, true, false
	s.renew, s.firstShown = renewNothing, nil
	return nil
}

// newRecord is a record that begins now, anonymous. Its secret is nobody's.
func (s *state) newRecord() *Record {
	now, device := s.m.now(), deviceOf(s.r)
	id := newID()
	return &Record{
		ID: id, Secret: newToken(id).hash(), Seed: newSeed(), Generation: 1, Version: 1,
		Created: now, Begun: now, Seen: now,
		Idle: s.m.options.IdleTimeout, Lifetime: s.m.options.Lifetime, NotAfter: s.m.options.DailyEnd.Next(now),
		FirstDevice: device, LastDevice: device,
	}
}

// mayIssue reports whether the response can still carry a new cookie.
func (s *state) mayIssue() error {
	switch {
	case s.phase == committed:
		return ErrCommitted
	case s.bearer:
		return ErrBearer
	case !s.mayChangeCookie():
		return ErrElsewhere
	}
	return nil
}

// Save saves at once what would wait for the response: a session that has begun
// and values that were set. It is for a handler that must know before it
// answers, or writes its own answer to the error. What could not be saved is
// dropped, and not tried again. Without a session there is nothing to save; that
// is no error.
//
// Errors: [EndedError], [ErrRetry], [ErrAmbiguous], [ErrFull], [ErrTooLarge],
// [ErrUnavailable].
func Save(ctx context.Context) error {
	s := mustState(ctx)
	s.lock()
	defer s.unlock()
	switch err := s.load(); {
	case err != nil:
		return err
	case s.standing == live && s.fresh:
		return s.create()
	case s.standing == live && s.unsaved():
		_, err := s.apply(&Change{})
		if err != nil {
			s.dropUnsaved()
		}
		return err
	}
	return nil
}

// create puts the fresh record into the store, with the values that wait.
func (s *state) create() error {
	rec := *s.rec
	for i, w := range s.writes {
		if !w.deleted {
			rec.Values = append(rec.Values, Value{Key: w.value.Key, Data: w.value.Data, Rev: rec.Version})
		}
		s.writes[i].saved = true
	}
	sortValues(rec.Values)
	if err := s.m.store.Create(commitContext{s}, &rec); err != nil {
		err = storeError(err)
		s.note(Event{Kind: EventStoreFailed, Detail: "create", Err: err})
		s.standing, s.err, s.sticky = unusable, err, err // and the commit does not try again
		return err
	}
	s.rec, s.writes, s.fresh = &rec, nil, false
	s.cookie = s.m.setCookie(s.token, s.rec)
	s.note(Event{Kind: EventCreated})
	return nil
}

// settled makes sure that the store has the session; s.mu is held.
func (s *state) settled() error {
	if err := s.load(); err != nil {
		return err
	}
	switch {
	case s.standing != live:
		return ErrNoSession
	case s.fresh:
		return s.create()
	}
	return nil
}

// Extend puts off the idle timeout, at once, and takes along what waits. It
// does not move the absolute end: see [Session.Extendable].
//
// Errors: [ErrNoSession], [EndedError], [ErrRetry], [ErrUnavailable].
func Extend(ctx context.Context) error {
	s := mustState(ctx)
	s.lock()
	defer s.unlock()
	if err := s.settled(); err != nil {
		return err
	}
	if _, err := s.apply(&Change{Seen: s.m.now(), Return: true}); err != nil {
		return err
	}
	s.note(Event{Kind: EventExtended})
	return nil
}

// SignOut ends the request's session, at once and on every node, drops what
// waits, deletes the cookie, and asks the browser to clear what it keeps of the
// site. Without a session it does nothing; that is no error.
//
// Errors: [EndedError], [ErrRetry], [ErrCommitted], [ErrUnavailable], and that
// of [Options.Before].
func SignOut(ctx context.Context) error {
	s := mustState(ctx)
	act, err := s.ownAct(EventEnded, ReasonSignedOut)
	if errors.Is(err, ErrNoSession) && !isEnded(err) {
		return nil
	}
	if err == nil {
		err = s.m.before(ctx, act)
	}
	if err != nil {
		return err
	}
	s.lock()
	defer s.unlock()
	if err := s.load(); err != nil {
		return err
	}
	if s.standing != live {
		return nil
	}
	if !s.fresh {
		end := End{At: s.m.now(), Reason: ReasonSignedOut, Actor: s.rec.Principal}
		// Another request may have ended it, or the store swept it meanwhile.
		if _, err := s.apply(&Change{End: &end}); err != nil && !errors.Is(err, ErrNoSession) {
			return err
		}
		s.note(Event{Kind: EventEnded, Session: act.Session, Principal: act.Principal, Reason: ReasonSignedOut})
	}
	late := s.phase == committed
	s.forget()
	if late {
		return ErrCommitted // ended, but the cookie stays in the browser
	}
	return nil
}

// forget makes the request one without a session, and the browser with it.
func (s *state) forget() {
	s.standing, s.rec, s.end, s.fresh, s.touch, s.writes, s.sticky = absent, nil, nil, false, false, nil, nil
	s.renew, s.firstShown = renewNothing, nil
	s.clear = !s.bearer
	if s.cookie = ""; s.mayChangeCookie() {
		s.cookie = s.m.deleteCookie()
	}
}

func isEnded(err error) bool {
	var ended *EndedError
	return errors.As(err, &ended)
}

// ownAct describes an act on the request's own session.
func (s *state) ownAct(kind Kind, why Reason) (Act, error) {
	s.lock()
	defer s.unlock()
	if err := s.load(); err != nil {
		return Act{}, err
	}
	if s.standing != live {
		return Act{}, ErrNoSession
	}
	return Act{
		Kind: kind, Reason: why, Session: s.rec.ID, Principal: s.rec.Principal,
		Actor: s.rec.Principal, Client: ClientOf(s.r),
	}, nil
}

// Revoke ends another session of the same principal: what a list of devices
// offers. Another principal's ID is an [ErrNotFound] like one that never was.
//
// Errors: [ErrNoSession] without a signed-in session, [ErrNotFound],
// [ErrUnavailable], and that of [Options.Before].
func Revoke(ctx context.Context, id ID) error {
	s := mustState(ctx)
	own, err := s.ownAct(EventEnded, ReasonElsewhere)
	switch {
	case err != nil:
		return err
	case own.Principal == "":
		return ErrNoSession
	case own.Session == id:
		return SignOut(ctx)
	}
	if err := s.stillOwn(); err != nil {
		return err
	}
	own.Session = id
	return s.m.end(ctx, own, Change{IfPrincipal: &own.Principal})
}

// RevokeOthers ends all sessions of the principal but this one, and every
// sign-in of the principal that is under way. It returns how many it ended.
//
// Errors: [ErrNoSession] without a signed-in session, [ErrUnavailable], and
// that of [Options.Before].
func RevokeOthers(ctx context.Context) (int, error) {
	s := mustState(ctx)
	own, err := s.ownAct(EventEndedAll, ReasonElsewhere)
	if err != nil {
		return 0, err
	}
	if own.Principal == "" {
		return 0, ErrNoSession
	}
	if err := s.stillOwn(); err != nil {
		return 0, err
	}
	return s.m.endAll(ctx, own, Ending{Principal: own.Principal, Except: own.Session})
}

// stillOwn asks the store whether the request's secret still opens its session:
// before it ends others, and not only when it was found.
func (s *state) stillOwn() error {
	s.lock()
	defer s.unlock()
	if err := s.settled(); err != nil {
		return err
	}
	_, err := s.apply(&Change{Return: true})
	return err
}

// Derive returns a secret of this session for one purpose: the same through
// the session's life, another after a sign-in, re-authentication or sign-out,
// and of no use to find the seed or another purpose's. A request whose secret
// a sign-in has replaced within [RetiredFor] gets the secret of before, so that
// a form that was open may still sign in.
//
// Errors: [ErrNoSession], [EndedError], [ErrAmbiguous], [ErrUnavailable].
func Derive(ctx context.Context, purpose string) ([32]byte, error) {
	s := mustState(ctx)
	s.lock()
	defer s.unlock()
	err := s.load()
	switch {
	case s.standing == retired && s.phase != done:
		return s.seed.derive(purpose), nil
	case err != nil:
		return [32]byte{}, err
	case s.standing != live:
		return [32]byte{}, ErrNoSession
	}
	return s.rec.Seed.derive(purpose), nil
}

// shortPurpose is how long a purpose may be to fit into one block of SHA-256
// beside the seed and its length.
const shortPurpose = 22

// derive hashes the seed with the purpose: the result is as hard to tell from
// chance as SHA-256 with a secret prefix of 192 bits is. A short purpose stands
// as it is, behind its length and padded; of a longer one its hash does. The two
// inputs are of different lengths, and each is of one length always, so that
// nothing can be appended to one to make another of its kind.
func (seed *Seed) derive(purpose string) [32]byte {
	var in [64]byte
	copy(in[:32], seed[:])
	if len(purpose) <= shortPurpose {
		in[32] = byte(len(purpose))
		copy(in[33:], purpose)
		return sha256.Sum256(in[:33+shortPurpose])
	}
	of := sha256.Sum256([]byte(purpose))
	copy(in[32:], of[:])
	return sha256.Sum256(in[:])
}

// A Session is what there is to know of a request's session, as it stood when
// it was asked. It holds no secret.
type Session struct {
	ID              ID
	Principal       string // "" while anonymous
	Method          string // how the principal signed in
	AuthenticatedAt time.Time
	Created         time.Time
	LastSeen        time.Time
	Now             time.Time // when this was so, by the store's clock
	ExpiresAt       time.Time // the nearer of idle and absolute end; zero: never
	AbsoluteExpires time.Time // the end that no activity moves; zero: never
	Idle            time.Duration
	Persistent      bool // it is remembered beyond the end of the browser
	Transport       Transport
	StepUp          *StepUp // a fresh proof is demanded of it ([Manager.StepUp]); in lists not told
	Ended           *End    // in lists: set for a session that is over
	FirstDevice     Device
	LastDevice      Device
}

// Extendable reports whether activity would put off the end.
func (s Session) Extendable() bool {
	return s.Idle >= 0 && (s.AbsoluteExpires.IsZero() || s.ExpiresAt.Before(s.AbsoluteExpires))
}

// Remaining is the time to ExpiresAt, never negative; [Never] if there is no
// such end.
func (s Session) Remaining() time.Duration {
	if s.ExpiresAt.IsZero() {
		return Never
	}
	return max(0, s.ExpiresAt.Sub(s.Now))
}

func (r *Record) session(now time.Time) Session {
	end, _ := r.Expiry()
	return Session{
		ID: r.ID, Principal: r.Principal, Method: r.Method, AuthenticatedAt: r.AuthAt,
		Created: r.Created, LastSeen: r.Seen, Now: now,
		ExpiresAt: end, AbsoluteExpires: r.AbsoluteExpiry(), Idle: r.Idle, Persistent: r.Persistent, Transport: r.Transport,
		StepUp: r.stepUp(), Ended: r.Over(now), FirstDevice: r.FirstDevice, LastDevice: r.LastDevice,
	}
}

// From returns the request's session. It asks the store if nothing has yet.
//
// Errors: [ErrNoSession]; [EndedError], which is one too, if the session is
// over; [ErrRetry], [ErrAmbiguous], [ErrUnavailable]; [ErrEnded] after the
// handler has returned.
func From(ctx context.Context) (Session, error) {
	s := mustState(ctx)
	s.lock()
	defer s.unlock()
	if err := s.loadOld(); err != nil {
		return Session{}, err
	}
	if s.standing != live {
		return Session{}, ErrNoSession
	}
	now := s.m.now()
	rec := *s.rec
	if s.seen.After(rec.Seen) {
		rec.Seen = s.seen
	}
	if s.touch { // as it will be when the response begins
		rec.Seen = now
	}
	return rec.session(now), nil
}
