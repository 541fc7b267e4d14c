package ratelimit

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/satra-sessions/satra"
)

// A Key tells whose use a request is; "" is nobody's, and not limited.
type Key func(*http.Request) string

// Address is the client's address, or the /64 of an IPv6 address, of which every
// customer has a whole one at least.
func Address(r *http.Request) string { return Network(satra.ClientOf(r).Addr) }

// Network is the address as limits count it; "" for one that is unknown.
func Network(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return ""
	case addr.Is4() || addr.Is4In6():
		return addr.Unmap().String()
	}
	network, err := addr.WithZone("").Prefix(64)
	if err != nil { // it has 128 bits
		panic(err)
	}
	return network.String()
}

// Limit bounds the requests of each key. What is too much is answered 429 with
// Retry-After; every response tells by the RateLimit header how much is left.
// It panics for a limit that is none.
func (l *Limiter) Limit(name string, limit Limit, key Key) func(http.Handler) http.Handler {
	if err := limit.valid(); err != nil {
		panic(err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if k := key(r); k == "" || l.pass(w, r, name, k, limit) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// crowd is how much higher the limit of an address is than that of a session:
// many honest users are behind one of a carrier's.
const crowd = 10

// PerSession bounds the requests of each session, and ten times as high those
// that come without one from each address. A session that is signed in or begun is
// thus never kept out by others behind its address, nor is one that is over kept from
// being told so. It belongs inside
// [satra.Manager.Handler], and panics elsewhere, and for a limit that is none, or
// none ten times as high.
//
// It asks the store for the session, as the handler would. While that cannot be
// reached, a request counts as one without.
func (l *Limiter) PerSession(name string, limit Limit) func(http.Handler) http.Handler {
	if err := errors.Join(limit.valid(), limit.Times(crowd).valid()); err != nil {
		panic(err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ok := true
			var over *satra.EndedError
			if s, err := satra.From(r.Context()); err == nil {
				ok = l.pass(w, r, name, s.ID.String(), limit)
			} else if errors.As(err, &over) { // its owner is to be told why
				ok = l.pass(w, r, name, over.Session.String(), limit)
			} else if address := Address(r); address != "" {
				ok = l.pass(w, r, name+" without a session", address, limit.Times(crowd))
			}
			if ok {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// pass reports whether the request may go on; else it has answered it.
func (l *Limiter) pass(w http.ResponseWriter, r *http.Request, name, key string, limit Limit) bool {
	result, err := l.Take(r.Context(), name, key, limit)
	if err != nil {
		satra.WriteError(w, r, err)
		return false
	}
	result.SetHeaders(w.Header(), name)
	if !result.Allowed() {
		satra.WriteError(w, r, result.Problem())
	}
	return result.Allowed()
}

// SetHeaders tells the client what is left (draft-ietf-httpapi-ratelimit-headers).
func (r Result) SetHeaders(h http.Header, name string) {
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", name, r.Limit.Count, seconds(r.Limit.Per)))
	h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", name, r.Left, seconds(r.Full)))
}

// seconds is a duration in whole ones, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Problem is the 429 of what was not allowed.
func (r Result) Problem() *satra.Problem {
	return &satra.Problem{
		Status: http.StatusTooManyRequests, Code: satra.CodeRateLimited, RetryAfter: r.Wait,
		Message: "That was too often. Please wait a moment and try again.",
	}
}
