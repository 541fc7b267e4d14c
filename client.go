package satra

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A Client is who sent a request. Package clientip fills it behind proxies;
// without it, it is what the connection shows.
type Client struct {
	Addr   netip.Addr // invalid if unknown; IPv4 is never in its IPv6 form
	Scheme string     // "http" or "https", as the client used it
	Host   string     // the Host that the client asked for, its port included if it named one
}

// Origin returns the origin that a browser would state for a page of this
// host: lower case, without the scheme's own port.
func (c Client) Origin() string {
	host := strings.ToLower(c.Host)
	switch c.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return c.Scheme + "://" + host
}

type clientKey struct{}

// WithClient returns the request with its client.
func WithClient(r *http.Request, c Client) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), clientKey{}, c))
}

// ClientOf returns the client that [WithClient] gave to the request, else what
// the connection shows.
func ClientOf(r *http.Request) Client {
	if c, ok := r.Context().Value(clientKey{}).(Client); ok {
		return c
	}
	c := Client{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		c.Scheme = "https"
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		if addr, err := netip.ParseAddr(host); err == nil {
			c.Addr = addr.Unmap().WithZone("")
		}
	}
	return c
}

// CookieUse says what a request may do with the session's cookie.
type CookieUse uint8

const (
	// CookieByOrigin is the rule without a cross-origin check: an unsafe
	// request from another origin reads the cookie that came, but sets and
	// deletes none. A Lax cookie is absent on it, and a new one would throw
	// the user's session away.
	CookieByOrigin CookieUse = iota

	// CookieTrusted lets a request from another origin that the check trusts
	// set the cookie as well.
	CookieTrusted

	// CookieIgnored is a request without a session, whatever cookie came; a
	// bearer token is none.
	CookieIgnored
)

type cookieUseKey struct{}

// UseCookie returns the request with what it may do with the cookie. Inside
// [Manager.Handler] it must come before the first use of the session.
func UseCookie(r *http.Request, use CookieUse) *http.Request {
	if s := stateOf(r.Context()); s != nil {
		s.useCookie(use)
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), cookieUseKey{}, use))
}

// SafeMethod reports whether the method promises to change nothing (RFC 9110
// §9.2.1). TRACE is not among them: nobody needs it.
func SafeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// fromElsewhere reports whether an unsafe request came from another origin, as
// far as the browser says so.
func fromElsewhere(r *http.Request) bool {
	if SafeMethod(r.Method) {
		return false
	}
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 0 {
		return len(site) > 1 || site[0] != "same-origin" && site[0] != "none"
	}
	if origin := r.Header["Origin"]; len(origin) > 0 {
		return len(origin) > 1 || origin[0] != ClientOf(r).Origin()
	}
	return false
}
