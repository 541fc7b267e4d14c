package csrf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
)

// Check applies the cross-origin check and nothing else: no session, no token.
// The error is a [satra.Problem], 403 CROSS_ORIGIN. A request that says
// nothing of its origin passes: only a token can tell about it.
func (p *Protection) Check(r *http.Request) error {
	if v := decide(p.facts(r)); v.refused != "" {
		return crossOrigin()
	}
	return nil
}

func crossOrigin() error {
	return &satra.Problem{Status: http.StatusForbidden, Code: satra.CodeCrossOrigin, Message: "The request came from another site."}
}

// CrossOrigin is [Protection.Check] as middleware. It belongs outside of
// [satra.Manager.Handler], and may be used without sessions.
//
// An unsafe request that says nothing of its origin passes without its cookie,
// so that a route which asks for no token can do nothing in a session's name.
// A token brings the cookie back: one in the header X-CSRF-Token here, because
// no site can make a browser send that header to another without being asked
// first; one in the body in [Protection.RequireToken], which therefore goes
// outside of [satra.RequireSignIn].
func (p *Protection) CrossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := p.facts(r)
		bearer := f.bearer
		f.bearer = false // whether the manager takes such tokens is not known here
		v := decide(f)
		if f.bearer = bearer; v.refused != "" {
			v = decide(f)
		}
		switch {
		case v.refused != "":
			p.refuse(r, satra.Event{Kind: satra.EventCrossOrigin, Detail: describe(v, r)})
			satra.WriteError(w, r, crossOrigin())
			return
		case v.row == rowUnknown && !p.insecure && len(r.Header[headerName]) == 0:
			r = withhold(r)
		case v.use != satra.CookieByOrigin:
			r = satra.UseCookie(r, v.use)
		}
		next.ServeHTTP(w, r)
	})
}

type withheldKey struct{}

// withhold takes the cookie from a request until a token comes.
func withhold(r *http.Request) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), withheldKey{}, true))
	return satra.UseCookie(r, satra.CookieIgnored)
}

// giveBack undoes withhold, for a comparison with the session's token.
func giveBack(ctx context.Context) {
	if ctx.Value(withheldKey{}) != nil {
		satra.UseCookie(new(http.Request).WithContext(ctx), satra.CookieByOrigin)
	}
}

// Handler applies the check, and asks every unsafe request for the token. It
// belongs inside [satra.Manager.Handler], and panics elsewhere.
//
// A session that is over is a 401 that says why, so that an expired page does
// not begin again unnoticed; no session is a 403.
func (p *Protection) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.answer(w, r, next, p.VerifyRequest(r))
	})
}

// RequireToken asks unsafe requests for the token, for routes behind
// [Protection.CrossOrigin]. It belongs inside [satra.Manager.Handler], and
// panics elsewhere.
func (p *Protection) RequireToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if v := decide(p.facts(r)); v.token || v.refused != "" {
			err = p.verifyToken(r, v.row)
		}
		p.answer(w, r, next, err)
	})
}

func (p *Protection) answer(w http.ResponseWriter, r *http.Request, next http.Handler, err error) {
	if err == nil {
		next.ServeHTTP(w, r)
		return
	}
	var ended *satra.EndedError
	if errors.Is(err, satra.ErrNoSession) && !errors.As(err, &ended) {
		err = p.reject(r, "no session")
	}
	satra.WriteError(w, r, err)
}

// VerifyRequest is what [Protection.Handler] asks of a request, for handlers
// with answers of their own. It reports what it refuses to the manager's
// observers. It may put another Body into r, with the same bytes.
//
// Errors: a [satra.Problem] CROSS_ORIGIN; [satra.EndedError];
// [satra.ErrNoSession], which it does not report; a Problem CSRF_INVALID; and
// those of [satra.Derive].
func (p *Protection) VerifyRequest(r *http.Request) error {
	v := decide(p.facts(r))
	if v.refused != "" {
		p.refuse(r, satra.Event{Kind: satra.EventCrossOrigin, Detail: describe(v, r)})
		return crossOrigin()
	}
	if v.use != satra.CookieByOrigin {
		satra.UseCookie(r, v.use)
	}
	if !v.token {
		return nil
	}
	return p.verifyToken(r, v.row)
}

// verifyToken is row 8. The session comes first: no body is read for a request
// that has none.
func (p *Protection) verifyToken(r *http.Request, at row) error {
	if p.insecure && at == rowUnknown {
		if _, found := p.find(r); !found {
			return nil
		}
	}
	giveBack(r.Context())
	want, err := satra.Derive(r.Context(), purpose)
	if err != nil {
		return err
	}
	text, found := p.find(r)
	switch {
	case !found:
		return p.reject(r, "no token")
	case !matches(text, &want):
		return p.reject(r, "not this session's token")
	}
	return nil
}

func (p *Protection) reject(r *http.Request, why string) error {
	p.refuse(r, satra.Event{Kind: satra.EventCSRFRejected, Detail: why})
	return &satra.Problem{Status: http.StatusForbidden, Code: satra.CodeCSRFInvalid, Message: "CSRF token validation failed"}
}

// refuse reports a refusal, and keeps the response from setting or deleting the
// cookie: of a cross-site request it says nothing about the user's session.
func (p *Protection) refuse(r *http.Request, e satra.Event) {
	if satra.UseCookie(r, satra.CookieIgnored) == r { // the manager's own request: it keeps that itself
		satra.Observe(r.Context(), e)
		return
	}
	if p.observe == nil {
		return
	}
	e.At = time.Now().UTC()
	e.Client = satra.ClientOf(r)
	e.UserAgent = clip(r.UserAgent(), 512)
	e.Method, e.Path = r.Method, r.URL.Path
	p.observe(r, e)
}

// describe says for a log why a request was refused, and what it claimed.
func describe(v verdict, r *http.Request) string {
	return fmt.Sprintf("%s (Sec-Fetch-Site %q, Origin %q)", v.refused,
		clip(r.Header.Get("Sec-Fetch-Site"), 32), clip(r.Header.Get("Origin"), 256))
}

func clip(s string, n int) string { return s[:min(len(s), n)] }
