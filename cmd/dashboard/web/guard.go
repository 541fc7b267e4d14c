package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/satra-sessions/satra"
)

// A hostGuard lets through the hosts that this program answers for. A page of
// somebody else's that has its name resolve to this machine (DNS rebinding)
// sends that name as the host, and is refused before anything else happens.
type hostGuard struct {
	hosts      []string
	anyAddress bool
}

func newHostGuard(c Config) hostGuard {
	return hostGuard{hosts: c.Hosts, anyAddress: c.AnyAddress}
}

func (g hostGuard) guard(next http.Handler, refuse http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.allows(r) {
			refuse(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g hostGuard) allows(r *http.Request) bool {
	host := strings.ToLower(satra.ClientOf(r).Host)
	if len(g.hosts) > 0 && slices.Contains(g.hosts, host) || len(g.hosts) == 0 && isLoopback(host) {
		return true
	}
	// A literal address is nobody's name: there is nothing to rebind.
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return g.anyAddress && ok && sameAddress(host, local.String())
}

func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && addr.IsLoopback()
}

func sameAddress(host, local string) bool {
	a, errA := netip.ParseAddrPort(host)
	b, errB := netip.ParseAddrPort(local)
	return errA == nil && errB == nil && a.Addr().Unmap() == b.Addr().Unmap().WithZone("") && a.Port() == b.Port()
}

// contentSecurityPolicy lets a page load what this program serves, and nothing
// inline: there is no way from a value that slipped through into a script.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// securityHeaders sets what holds for every response. HSTS is for HTTPS only:
// elsewhere browsers ignore it (RFC 6797 §8.1).
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		if satra.ClientOf(r).Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}
