package satra

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors of the calls on a request's session. The errors of a store that a
// caller branches on ([ErrLimit], [ErrEpoch], [ErrDisabled], [ErrUnavailable])
// come through as they are.
var (
	// ErrNoSession: the request has no session.
	ErrNoSession = errors.New("satra: no session")

	// ErrRetry: the request shows a secret that another request has just
	// replaced. Nothing is wrong: the next one shows the new secret.
	ErrRetry = errors.New("satra: the session was renewed by another request")

	// errChanged: what the handler had set could not be saved, because a sign-in
	// or a fresh proof came between. Unlike ErrRetry it is told after the handler
	// has run, and whatever else that did is done.
	errChanged = errors.New("satra: the session was signed in by another request meanwhile")

	// ErrAmbiguous: the request shows two live sessions, so that one of them
	// must have been planted.
	ErrAmbiguous = errors.New("satra: the request shows two live sessions")

	// ErrElsewhere: an unsafe request from another origin starts no session.
	ErrElsewhere = errors.New("satra: a request from another origin starts no session")

	// ErrCommitted: the response has begun, and can carry no new cookie.
	ErrCommitted = errors.New("satra: the response has begun")

	// ErrUnreadable: a value cannot be decoded. It is left as it is.
	ErrUnreadable = errors.New("satra: the value cannot be read")

	// ErrClosed: the manager was closed, and has no more streams.
	ErrClosed = errors.New("satra: the manager is closed")

	// ErrStale: the last authentication is too old for what is asked.
	ErrStale = errors.New("satra: a fresh authentication is needed")
)

// An EndedError says that the request showed the token of a session that is
// over, and why. It is an [ErrNoSession], too.
type EndedError struct {
	Session ID
	End     End
	Idle    time.Duration // the idle timeout that the session had
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("satra: the session is over (%s)", e.End.Reason)
}

// Is makes the error an ErrNoSession.
func (e *EndedError) Is(target error) bool { return target == ErrNoSession }

// Codes of the API.
const (
	CodeSessionRequired  = "SESSION_REQUIRED"
	CodeSessionExpired   = "SESSION_EXPIRED"
	CodeSessionRevoked   = "SESSION_REVOKED"
	CodeSessionRetry     = "SESSION_RETRY"
	CodeSessionChanged   = "SESSION_CHANGED"
	CodeSignInRequired   = "SIGN_IN_REQUIRED"
	CodeReauthRequired   = "REAUTH_REQUIRED"
	CodeCSRFInvalid      = "CSRF_INVALID"
	CodeCrossOrigin      = "CROSS_ORIGIN"
	CodeBadRequest       = "BAD_REQUEST"
	CodeForbidden        = "FORBIDDEN"
	CodeNotFound         = "NOT_FOUND"
	CodeMethodNotAllowed = "METHOD_NOT_ALLOWED"
	CodeMediaType        = "UNSUPPORTED_MEDIA_TYPE"
	CodeMisdirected      = "MISDIRECTED_REQUEST"
	CodeLimit            = "SESSION_LIMIT"
	CodeRateLimited      = "RATE_LIMITED"
	CodeStoreUnavailable = "STORE_UNAVAILABLE"
	CodeInternal         = "INTERNAL"
)

// A Problem is an error as a client sees it: nothing in it is internal.
type Problem struct {
	Status     int           // of the response
	Code       string        // for programs
	Message    string        // for people: a sentence
	Reason     Reason        // why the session is over, if that is the problem
	RetryAfter time.Duration // sent as whole seconds, rounded up; 0: not sent
	Allow      string        // the methods that would do, with a 405
	Ended      *EndedError   // details of the end; not sent
}

func (p *Problem) Error() string { return p.Message }

// ProblemOf translates an error for a client: the one place where that is
// done. What it does not know is a 500 that tells nothing.
func ProblemOf(err error) *Problem {
	var p *Problem
	var ended *EndedError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &ended):
		return ended.problem()
	case errors.Is(err, ErrNoSession):
		return &Problem{Status: 401, Code: CodeSessionRequired, Message: "No active session. Please refresh the page."}
	case errors.Is(err, ErrRetry), errors.Is(err, ErrConflict):
		return &Problem{Status: 409, Code: CodeSessionRetry, Message: "The session was just renewed. Please try again."}
	case errors.Is(err, errChanged):
		return &Problem{Status: 409, Code: CodeSessionChanged, Message: "The session was signed in elsewhere meanwhile, and this was not saved. Please look before you try again."}
	case errors.Is(err, ErrEnded), errors.Is(err, ErrNotFound):
		return &Problem{Status: 404, Code: CodeNotFound, Message: "There is no such session."}
	case errors.Is(err, ErrAmbiguous):
		return &Problem{Status: 400, Code: CodeBadRequest, Message: "The request shows two sessions. Please delete this site's cookies."}
	case errors.Is(err, ErrBearer):
		return &Problem{Status: 400, Code: CodeBadRequest, Message: "This is for browsers: a request with a bearer token has no cookie to set."}
	case errors.Is(err, ErrElsewhere):
		return &Problem{Status: 403, Code: CodeCrossOrigin, Message: "The request came from another site."}
	case errors.Is(err, ErrStale):
		return &Problem{Status: 403, Code: CodeReauthRequired, Message: "Please confirm that it is you."}
	case errors.Is(err, ErrLimit):
		return &Problem{Status: 403, Code: CodeLimit, Message: "There are too many open sessions. Please end one of them first."}
	case errors.Is(err, ErrDisabled), errors.Is(err, ErrEpoch):
		return &Problem{Status: 403, Code: CodeForbidden, Message: "The sign-in was refused."}
	case errors.Is(err, ErrTooLarge):
		return &Problem{Status: 413, Code: CodeBadRequest, Message: "The session cannot hold that much."}
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrFull), errors.Is(err, ErrClosed):
		return &Problem{Status: 503, Code: CodeStoreUnavailable, Message: "Sessions cannot be reached just now. Please try again shortly.", RetryAfter: 5 * time.Second}
	}
	return &Problem{Status: 500, Code: CodeInternal, Message: "Something went wrong on our side."}
}

func (e *EndedError) problem() *Problem {
	p := &Problem{Status: 401, Code: CodeSessionRevoked, Reason: e.End.Reason, Ended: e, Message: "The session has ended. Please refresh the page."}
	if e.End.Reason.Expired() {
		p.Code, p.Message = CodeSessionExpired, "Session expired. Please refresh the page."
	}
	return p
}

// WriteError answers with the error as a client may see it: a JSON envelope,
// or a page for a request that accepts one; [Options.Error] replaces both.
// Inside [Manager.Handler], a navigation that is told that its session is over
// has its cookie deleted, so that the next one begins again.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(err)
	write := WriteProblem
	if s := stateOf(r.Context()); s != nil {
		s.telling(r, p)
		if s.m.options.Error != nil {
			write = s.m.options.Error
		}
	}
	write(w, r, p)
}

// WriteProblem is what [WriteError] does unless [Options.Error] replaces it.
func WriteProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	h := w.Header()
	p.SetHeaders(h, r)
	body, kind := p.json(), "application/json"
	if AcceptsHTML(r) {
		body, kind = p.page(r), "text/html; charset=utf-8"
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	}
	h.Set("Content-Type", kind)
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// SetHeaders sets what a response with this problem says beside its body, for
// an application that writes its own pages ([Options.Error]): no-store, nosniff,
// Allow, Retry-After, and for a navigation that should repeat itself Refresh.
func (p *Problem) SetHeaders(h http.Header, r *http.Request) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	if p.Allow != "" {
		h.Set("Allow", p.Allow)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	if p.Code == CodeSessionRetry && SafeMethod(r.Method) && AcceptsHTML(r) && !repeated(r) {
		h.Set("Refresh", "1")
	}
}

// repeated reports whether the browser says that no person caused this
// navigation: then it is a page that repeats itself, and once is enough.
func repeated(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") != "" && r.Header.Get("Sec-Fetch-User") != "?1"
}

// AcceptsHTML reports whether the request asks for a page: a browser that
// navigates does, a program or a fetch does not.
func AcceptsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (p *Problem) json() []byte {
	body, err := json.Marshal(struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Code    string `json:"code"`
		Reason  Reason `json:"reason,omitempty"`
	}{"error", p.Message, p.Code, p.Reason})
	if err != nil { // strings only: it cannot fail
		panic(err)
	}
	return append(body, '\n')
}
