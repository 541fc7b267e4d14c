// Package sessionapi tells a session's own client about it over HTTP, and lets
// it extend and end the session.
//
//	api, err := sessionapi.New(sessions, protection, nil)
//	…
//	mux.Handle("/api/session/", api)
//	http.ListenAndServe(addr, sessions.Handler(mux))
//
// The calls are described by openapi.yaml, see [Description]. Every answer is JSON
// in one envelope, whatever the request accepts, and is never cached; "events"
// alone is a stream of server-sent events. None of the calls counts as activity:
// a page may ask how long the session lasts without making it last.
package sessionapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/csrf"
)

// Options of the API. The zero value is a good choice.
type Options struct {
	// Base is the path that the calls are below. Default "/api/session".
	Base string

	// Warning is how long before the session's end "events" tells that it is
	// near, and never more than half of the idle timeout. Default 5 minutes, as
	// the browser client's; [satra.Never] is not at all.
	Warning time.Duration

	// MaxStreams bounds the streams of "events" that are open at once, of all
	// sessions, and MaxStreamsPerSession those of one: beyond, the answer is 429.
	// A stream costs a connection and two or three goroutines. Default 10,000 and
	// 8; a browser without HTTP/2 has six connections for all of its tabs.
	MaxStreams           int
	MaxStreamsPerSession int

	// Recent is how old the last proof of who is there may be for ending other
	// sessions. Default 5 minutes.
	Recent time.Duration

	// Describe names the browser and the system of a User-Agent, for the list of
	// devices. Default [satra.DescribeUserAgent].
	Describe func(userAgent string) (browser, system string)

	// History is the audit log in which the principal finds what happened to its own
	// sessions. nil: there is no such call.
	History *audit.Reader
}

// An api answers the calls; each is a method.
type api struct {
	protection *csrf.Protection
	base       string
	calls      map[string]call
	recent     time.Duration
	describe   func(userAgent string) (browser, system string)
	warning    time.Duration // 0: none
	streams    streams
	history    *audit.Reader
}

// A call is an address with the one method that it has. HEAD goes with GET.
type call struct {
	method string
	answer func(http.ResponseWriter, *http.Request) error
}

// New returns the API for a manager's sessions, to be mounted at Base inside
// that manager's Handler. nil options are the defaults. The manager's Close ends
// the open streams.
func New(m *satra.Manager, p *csrf.Protection, o *Options) (http.Handler, error) {
	if m == nil || p == nil {
		return nil, errors.New("sessionapi: New needs a manager and a csrf.Protection")
	}
	if o == nil {
		o = &Options{}
	}
	base, err := o.base()
	if err := errors.Join(err, o.check()); err != nil {
		return nil, err
	}
	a := &api{protection: p, base: base, warning: max(0, cmp.Or(o.Warning, defaultWarning))}
	a.recent, a.describe = cmp.Or(o.Recent, defaultRecent), o.Describe
	if a.describe == nil {
		a.describe = satra.DescribeUserAgent
	}
	a.streams.most = cmp.Or(o.MaxStreams, defaultMaxStreams)
	a.streams.mostEach = cmp.Or(o.MaxStreamsPerSession, defaultMaxStreamsPerSession)
	a.streams.each = map[satra.ID]int{}
	a.calls = map[string]call{
		base + "/info":                  {http.MethodGet, a.info},
		base + "/csrf-token":            {http.MethodGet, a.csrfToken},
		base + "/extend":                {http.MethodPost, a.extend},
		base + "/clear":                 {http.MethodPost, a.clear},
		base + "/validate-csrf":         {http.MethodPost, a.validateCSRF},
		base + "/events":                {http.MethodGet, a.events},
		base + "/devices":               {http.MethodGet, a.devices},
		base + "/devices/revoke-others": {http.MethodPost, a.revokeOthers},
	}
	if a.history = o.History; a.history != nil {
		a.calls[base+"/activity"] = call{http.MethodGet, a.activity}
	}
	return satra.Background(http.HandlerFunc(a.serve)), nil
}

const (
	defaultWarning = 5 * time.Minute
	defaultRecent  = 5 * time.Minute
)

// check returns every problem with the options but the path's.
func (o *Options) check() error {
	var errs []error
	if o.Warning < 0 && o.Warning != satra.Never {
		errs = append(errs, fmt.Errorf("sessionapi: Options.Warning: %v is negative; want a positive duration, 0 for %v, or satra.Never", o.Warning, defaultWarning))
	}
	if o.Recent < 0 {
		errs = append(errs, fmt.Errorf("sessionapi: Options.Recent: %v is negative; want a positive duration, or 0 for %v", o.Recent, defaultRecent))
	}
	if o.MaxStreams < 0 {
		errs = append(errs, fmt.Errorf("sessionapi: Options.MaxStreams: %d is negative; want a positive number, or 0 for %d", o.MaxStreams, defaultMaxStreams))
	}
	if o.MaxStreamsPerSession < 0 {
		errs = append(errs, fmt.Errorf("sessionapi: Options.MaxStreamsPerSession: %d is negative; want a positive number, or 0 for %d", o.MaxStreamsPerSession, defaultMaxStreamsPerSession))
	}
	return errors.Join(errs...)
}

// base is the path without a slash at its end. A path that a mux would redirect
// or decode into another never reaches a call.
func (o *Options) base() (string, error) {
	if o.Base == "" {
		return "/api/session", nil
	}
	base := strings.TrimSuffix(o.Base, "/")
	if call := base + "/info"; call[0] != '/' || path.Clean(call) != call || strings.ContainsAny(call, "%?#{}") {
		return "", fmt.Errorf("sessionapi: Options.Base: %q is not a clean path; want one such as /api/session", o.Base)
	}
	return base, nil
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	if err := a.answer(w, r); err != nil {
		writeProblem(w, r, satra.ProblemOf(err))
	}
}

// answer finds the call. On a POST the order is: address and method, then where
// the request comes from, then the call's own.
func (a *api) answer(w http.ResponseWriter, r *http.Request) error {
	c, ok := a.find(r)
	if !ok {
		return &satra.Problem{Status: http.StatusNotFound, Code: satra.CodeNotFound, Message: "There is no such call."}
	}
	allowed := []string{c.method}
	if c.method == http.MethodGet {
		allowed = append(allowed, http.MethodHead)
	}
	if !slices.Contains(allowed, r.Method) {
		return &satra.Problem{
			Status: http.StatusMethodNotAllowed, Code: satra.CodeMethodNotAllowed, Allow: strings.Join(allowed, ", "),
			Message: "This call does not have that method.",
		}
	}
	if err := a.check(r); err != nil {
		return err
	}
	return c.answer(w, r)
}

// check refuses what comes from another site. It asks no store.
func (a *api) check(r *http.Request) error {
	if a.protection.Check(r) == nil {
		return nil
	}
	return a.protection.VerifyRequest(r) // the same answer, and reported
}

// checkAsPost judges a GET as a POST would be, if another site must not be able
// to make a visitor's browser send it.
func (a *api) checkAsPost(r *http.Request) error {
	unsafe := r.WithContext(r.Context())
	unsafe.Method = http.MethodPost
	return a.check(unsafe)
}

// write sends an answer. What is sent is a struct of this package: it always
// has a JSON form. A value that the application encoded itself may have bytes
// in its strings that are not UTF-8, and a client's parser would refuse all of
// the answer for them.
func write(w http.ResponseWriter, r *http.Request, answer any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodHead {
		w.Write(append(bytes.ToValidUTF8(body, []byte("\ufffd")), '\n'))
	}
	return nil
}

// writeProblem answers in JSON also where a page is accepted, and leaves the
// cookie of a session that is over alone: the reason in this answer is read by
// a program, and the next page still has to tell it to a person.
func writeProblem(w http.ResponseWriter, r *http.Request, p *satra.Problem) {
	plain := r.Clone(r.Context())
	plain.Header.Set("Accept", "application/json")
	plain.Header.Del("Sec-Fetch-Mode")
	satra.WriteError(w, plain, p)
}
