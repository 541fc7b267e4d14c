// Package csrf refuses requests that another site made a browser send, by two
// defences that do not need each other: the cross-origin check, from what the
// browser says of the request's origin, and a token that is bound to the
// session (ASVS 3.5.1).
//
// A [Protection] goes inside the session manager and around the routes. Every
// unsafe request, any but GET, HEAD and OPTIONS, then needs a token:
//
//	protection, err := csrf.New(nil)
//	…
//	http.ListenAndServe(addr, sessions.Handler(protection.Handler(mux)))
//
// A page puts the token into its forms, and its scripts send it in the header
// X-CSRF-Token:
//
//	field, err := csrf.FormField(r.Context()) // {{.Field}} inside <form method="post">
//
// An application that asks for the token on some routes only takes the two
// apart. The check needs no session and goes around everything, so that what it
// refuses costs no store anything; the token is asked for route by route:
//
//	mux.Handle("POST /orders", protection.RequireToken(orders))
//	http.ListenAndServe(addr, protection.CrossOrigin(sessions.Handler(mux)))
//
// The scheme and host that a request came to are those of [satra.ClientOf]:
// behind a proxy, package clientip goes outside of all this, or
// [Options.PublicOrigin] names the application's origin.
package csrf

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/satra-sessions/satra"
)

// Options of a [Protection]. The zero value is the strictest choice.
type Options struct {
	// PublicOrigin is the application's own origin, "https://dash.example".
	// By default it is the one that the request came to. To name it helps
	// against a Host header that somebody else chose.
	PublicOrigin string

	// TrustedOrigins are other origins whose requests are treated as the
	// application's own: they need the token, and may set the cookie. Each is
	// compared as a whole; there are no wildcards, because a subdomain is
	// often the easiest one to take over.
	TrustedOrigins []string

	// Exempt are exact routes, "POST /hooks/kite", that other servers call.
	// Nothing is asked of them, and they have no session, whatever cookie
	// comes. What the request is worth is for the handler to find out, from a
	// signature in it for one.
	Exempt []string

	// OwnProof are exact routes whose body carries its own proof, a signature
	// by a key that is bound to the session. Nothing else is asked of them,
	// and they do have a session: a handler that does not check its proof is
	// open to every site.
	OwnProof []string

	// InsecureAllowUnknownOrigin lets an unsafe request use its session
	// without a token if it says nothing of its origin: neither Sec-Fetch-Site
	// nor Origin. It is for programs that keep a session and cannot send a
	// token. Browsers of before 2020 send such requests, too, on behalf of any
	// site: their users are then without protection. A token that does come
	// must be right.
	InsecureAllowUnknownOrigin bool

	// MaxBody bounds how much of a body is read in search of the token. The
	// handler gets the whole body in any case. Default 64 kB.
	MaxBody int64

	// Observe is told of what [Protection.CrossOrigin] refuses outside
	// [satra.Manager.Handler]. Inside, the manager's observers are.
	Observe func(*http.Request, satra.Event)
}

const defaultMaxBody = 64 << 10

// A Protection decides on requests. It is safe for concurrent use; the zero
// value is that of New(nil).
type Protection struct {
	public           string
	trusted          map[string]bool
	exempt, ownProof map[route]bool
	insecure         bool
	maxBody          int64
	observe          func(*http.Request, satra.Event)
}

// New returns a protection, or all problems with the options at once. nil
// options are the defaults.
func New(o *Options) (*Protection, error) {
	if o == nil {
		o = &Options{}
	}
	p := &Protection{insecure: o.InsecureAllowUnknownOrigin, maxBody: o.MaxBody, observe: o.Observe}
	errs := []error{p.setOrigins(o)}
	var err error
	p.exempt, err = routes("Exempt", o.Exempt)
	errs = append(errs, err)
	p.ownProof, err = routes("OwnProof", o.OwnProof)
	errs = append(errs, err, checkOwnProof(p))
	if o.MaxBody < 0 {
		errs = append(errs, fmt.Errorf("csrf: Options.MaxBody: %d is negative; 0 is %d", o.MaxBody, defaultMaxBody))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Protection) setOrigins(o *Options) error {
	var errs []error
	if o.PublicOrigin != "" {
		var err error
		p.public, err = parseOrigin(o.PublicOrigin)
		if err == nil && !strings.HasPrefix(p.public, "https://") && !strings.HasPrefix(p.public, "http://") {
			err = fmt.Errorf("%q: an application's own scheme is https or http", o.PublicOrigin)
		}
		errs = append(errs, named("PublicOrigin", err))
	}
	p.trusted = make(map[string]bool, len(o.TrustedOrigins))
	for _, text := range o.TrustedOrigins {
		origin, err := parseOrigin(text)
		errs = append(errs, named("TrustedOrigins", err))
		p.trusted[origin] = true
	}
	return errors.Join(errs...)
}

func named(option string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("csrf: Options.%s: %w", option, err)
}

// A route is compared as a whole with what a request line says.
type route struct{ method, path string }

// routeOf returns the route of a request. A path that is encoded otherwise than
// it would be by itself has none: "/a%2Fb" reads "/a/b" once it is decoded, and
// a mux takes it for one segment, which is another handler's.
func routeOf(r *http.Request) route {
	if r.URL.RawPath != "" {
		return route{}
	}
	return route{r.Method, r.URL.Path}
}

func routes(option string, texts []string) (map[route]bool, error) {
	set := make(map[route]bool, len(texts))
	var errs []error
	for _, text := range texts {
		r, err := parseRoute(text)
		errs = append(errs, named(option, err))
		set[r] = true
	}
	return set, errors.Join(errs...)
}

func parseRoute(text string) (route, error) {
	method, at, ok := strings.Cut(text, " ")
	switch {
	case !ok || method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || !strings.HasPrefix(at, "/"):
		return route{}, fmt.Errorf("%q is no exact route; want one like \"POST /hooks/kite\"", text)
	case strings.ContainsAny(at, "{}*%?# \t"):
		return route{}, fmt.Errorf("%q has a pattern, an escape or a query; routes are exact", text)
	case path.Clean(at) != strings.TrimSuffix(at, "/") && at != "/":
		return route{}, fmt.Errorf("%q is not clean; want %q", text, method+" "+path.Clean(at))
	}
	return route{method, at}, nil
}

// checkOwnProof finds out the routes that cannot be what OwnProof says: a
// request without a body, and one that is on both lists.
func checkOwnProof(p *Protection) error {
	var errs []error
	for r := range p.ownProof {
		if satra.SafeMethod(r.method) || r.method == http.MethodConnect {
			errs = append(errs, fmt.Errorf("csrf: Options.OwnProof: %s %s has no body that could carry a proof", r.method, r.path))
		}
		if p.exempt[r] && r != (route{}) {
			errs = append(errs, fmt.Errorf("csrf: %s %s is in Options.Exempt and in Options.OwnProof; with a session or without?", r.method, r.path))
		}
	}
	return errors.Join(errs...)
}
