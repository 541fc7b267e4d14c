package satra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Options of a [Manager]. The zero value is a good choice for an application
// behind HTTPS. Durations: 0 is the default, [Never] is no limit.
type Options struct {
	// IdleTimeout ends a session that is not used. Default 1 hour.
	IdleTimeout time.Duration

	// Lifetime ends a session however much it is used, counted from its begin
	// or from the last sign-in. Default 12 hours.
	Lifetime time.Duration

	// DailyEnd ends every session at a time of the day, too: see
	// [ParseDailyEnd]. Default: none.
	DailyEnd DailyEnd

	// RememberIdle and RememberLifetime take the places of IdleTimeout and
	// Lifetime for a sign-in that is to be remembered ([Attempt.Remembered]).
	// Default 14 days and 30 days.
	RememberIdle     time.Duration
	RememberLifetime time.Duration

	// RenewAfter renews the secret of a signed-in session once it is that old, in
	// a response that can carry the new one: a copy of the cookie that lies still
	// becomes worthless, and tells of itself when it is used. At least 2
	// minutes; 30 minutes is a good choice. Default [Never].
	RenewAfter time.Duration

	// RenewKeep is how many renewed secrets a session remembers, so that their
	// use is found out. Default 4; at most 100.
	RenewKeep int

	// SessionLimit is how many sessions a principal may have at once. Default
	// 10; [Unlimited] is no limit.
	SessionLimit int

	// AtLimit is what becomes of a sign-in that would be one too many. Default
	// [EndOldest].
	AtLimit LimitPolicy

	// CookieName is the name behind the prefix: the cookie is called
	// "__Host-satra" by default, and "satra" with InsecureCookie.
	CookieName string

	// InsecureCookie sends the cookie over plain HTTP as well, without Secure
	// and without the __Host- prefix. Whoever reads the network can then take
	// the session, and a program on a sibling domain or another port of the
	// host can plant one. It is for development on the loopback interface.
	InsecureCookie bool

	// Bearer accepts tokens in the Authorization header, those that
	// [Attempt.IssueToken] gives to programs. Default: they are ignored.
	Bearer bool

	// SameSite is http.SameSiteLaxMode by default; http.SameSiteStrictMode is
	// the other choice: a link from elsewhere then arrives without a session, so
	// that a page which begins one for every visitor replaces the user's.
	SameSite http.SameSite

	// Activity reports whether a request shows that somebody is there, and so
	// puts off the idle timeout. Default [AnyRequest]; [ByPerson] is stricter. It
	// is asked while the session is looked up, and must not use it.
	Activity func(*http.Request) bool

	// Visible keys are told to the client by the session API.
	Visible []AnyKey

	// Surviving keys keep their values when an anonymous session is signed in.
	// All others are dropped: they may have been planted.
	Surviving []AnyKey

	// Active keys count as activity when they are set, also by a request that
	// does not.
	Active []AnyKey

	// Tombstone is how long a session that is over is remembered, so that its
	// owner can be told why. Default 24 hours.
	Tombstone time.Duration

	// SweepEvery is the pause between two sweeps of what is over. Default 1
	// minute; Never leaves it to somebody else, another node for one.
	SweepEvery time.Duration

	// Observers are told of every event, in order, on the goroutine of the
	// request: they must be quick and must not call the session.
	Observers []func(context.Context, Event)

	// Before runs ahead of sign-ins, ends and administrators' acts, and
	// refuses them by an error.
	Before func(context.Context, Act) error

	// Error writes a problem instead of [WriteProblem].
	Error func(http.ResponseWriter, *http.Request, *Problem)

	// Now is a clock for tests. By default it is the store's clock, whose
	// offset from this machine's is measured where the store is shared.
	Now func() time.Time
}

// Unlimited, as [Options.SessionLimit], is no limit.
const Unlimited = -1

// A LimitPolicy says what a sign-in does that would be one too many.
type LimitPolicy uint8

// The policies. One that denies can be used by whoever knows the password to
// keep the owner out; one that ends cannot.
const (
	EndOldest  LimitPolicy = iota // the session that signed in first ends, with ReasonLimit
	DenySignIn                    // Complete returns ErrLimit
)

const (
	defaultIdle      = time.Hour
	defaultLifetime  = 12 * time.Hour
	defaultTombstone = 24 * time.Hour
	defaultSweep     = time.Minute

	defaultRememberIdle     = 14 * 24 * time.Hour
	defaultRememberLifetime = 30 * 24 * time.Hour
	defaultLimit            = 10

	// The longest cookie that browsers keep, name and value together (RFC
	// 6265bis §5.7).
	maxCookie = 4096
)

// withDefaults returns the options that are in force, or every problem with
// them at once.
func (o *Options) withDefaults() (Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	errs := []error{
		duration("IdleTimeout", &v.IdleTimeout, defaultIdle),
		duration("Lifetime", &v.Lifetime, defaultLifetime),
		duration("SweepEvery", &v.SweepEvery, defaultSweep),
		duration("Tombstone", &v.Tombstone, defaultTombstone),
		duration("RememberIdle", &v.RememberIdle, defaultRememberIdle),
		duration("RememberLifetime", &v.RememberLifetime, defaultRememberLifetime),
		v.renewal(),
		v.DailyEnd.check(),
		v.limits(),
	}
	if v.Tombstone == Never {
		errs = append(errs, errors.New("satra: Options.Tombstone: Never would keep every session that ever was; give a duration"))
	}
	if v.CookieName == "" {
		v.CookieName = "satra"
	}
	errs = append(errs, checkCookieName(v.CookieName))
	if !v.InsecureCookie {
		v.CookieName = "__Host-" + v.CookieName
	}
	switch v.SameSite {
	case 0:
		v.SameSite = http.SameSiteLaxMode
	case http.SameSiteLaxMode, http.SameSiteStrictMode:
	default:
		errs = append(errs, errors.New("satra: Options.SameSite: want http.SameSiteLaxMode or http.SameSiteStrictMode"))
	}
	if v.Activity == nil {
		v.Activity = AnyRequest
	}
	if err := errors.Join(errs...); err != nil {
		return Options{}, err
	}
	return v, nil
}

// renewal sets and checks the renewal by age.
func (o *Options) renewal() error {
	var errs []error
	if o.RenewAfter == 0 {
		o.RenewAfter = Never
	}
	if o.RenewAfter != Never && o.RenewAfter < minRenewAfter {
		errs = append(errs, fmt.Errorf("satra: Options.RenewAfter: %v; want at least %v, or satra.Never", o.RenewAfter, minRenewAfter))
	}
	if o.RenewKeep == 0 {
		o.RenewKeep = defaultRenewed
	}
	if o.RenewKeep < 1 || o.RenewKeep > 100 {
		errs = append(errs, fmt.Errorf("satra: Options.RenewKeep: %d is not between 1 and 100", o.RenewKeep))
	}
	return errors.Join(errs...)
}

// limits sets and checks the limit of sessions.
func (o *Options) limits() error {
	var errs []error
	if o.SessionLimit == 0 {
		o.SessionLimit = defaultLimit
	}
	if o.SessionLimit < Unlimited {
		errs = append(errs, fmt.Errorf("satra: Options.SessionLimit: %d; want a number of sessions, 0 for %d, or satra.Unlimited", o.SessionLimit, defaultLimit))
	}
	if o.AtLimit > DenySignIn {
		errs = append(errs, errors.New("satra: Options.AtLimit: want satra.EndOldest or satra.DenySignIn"))
	}
	return errors.Join(errs...)
}

func duration(name string, d *time.Duration, byDefault time.Duration) error {
	switch {
	case *d == 0:
		*d = byDefault
	case *d == Never:
	case *d < 0:
		return fmt.Errorf("satra: Options.%s: %v is negative; want a positive duration, 0 for %v, or satra.Never", name, *d, byDefault)
	case *d < time.Millisecond:
		return fmt.Errorf("satra: Options.%s: %v is too short; want at least 1ms (is a unit missing?)", name, *d)
	case *d%Precision != 0:
		return fmt.Errorf("satra: Options.%s: %v is not a whole number of microseconds", name, *d)
	}
	return nil
}

func checkCookieName(name string) error {
	if strings.HasPrefix(strings.ToLower(name), "__host-") || strings.HasPrefix(strings.ToLower(name), "__secure-") {
		return fmt.Errorf("satra: Options.CookieName: leave out the prefix of %q, it is added where it may be", name)
	}
	const separators = "()<>@,;:\\\"/[]?={} \t"
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(separators, c) >= 0 {
			return fmt.Errorf("satra: Options.CookieName: %q has a character that no cookie's name may have", name)
		}
	}
	if len(name)+len("__Host-")+tokenLength > maxCookie {
		return fmt.Errorf("satra: Options.CookieName: %d characters are too many", len(name))
	}
	return nil
}

// AnyRequest takes every request for activity, unless it is known to be
// background: the browser fetches ahead of the user (Sec-Purpose: prefetch),
// it opens an event stream or a WebSocket, or the page says so
// (X-Session-Background).
func AnyRequest(r *http.Request) bool {
	h := r.Header
	return len(h["X-Session-Background"]) == 0 &&
		len(h["Sec-Purpose"]) == 0 && len(h["Purpose"]) == 0 &&
		(len(h["Upgrade"]) == 0) &&
		(len(h["Accept"]) == 0 || !strings.Contains(h["Accept"][0], "text/event-stream"))
}

// ByPerson takes for activity only what a person caused: a navigation that
// the browser says a user started (Sec-Fetch-User; where no Sec-Fetch header
// comes, a GET that accepts HTML), an unsafe method, or a request that carries
// the browser client's X-Session-Activity. A page that polls or reloads
// itself does not keep itself alive.
func ByPerson(r *http.Request) bool {
	h := r.Header
	switch {
	case !AnyRequest(r):
		return false
	case len(h["X-Session-Activity"]) > 0, !SafeMethod(r.Method):
		return true
	case len(h["Sec-Fetch-Mode"]) > 0 || len(h["Sec-Fetch-Site"]) > 0:
		return h.Get("Sec-Fetch-User") == "?1"
	}
	return AcceptsHTML(r)
}
