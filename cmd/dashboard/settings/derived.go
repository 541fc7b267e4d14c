package settings

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parseOrigin reads a public origin and writes it as browsers do, in small
// letters and without the scheme's own port: it is compared with theirs.
func parseOrigin(s *Settings, v string) error {
	if v == "" {
		s.PublicOrigin = ""
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" {
		return errors.New("not an origin")
	}
	if u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(v, "#") {
		return errors.New("more than an origin")
	}
	host := strings.ToLower(u.Hostname())
	addr, err := netip.ParseAddr(host)
	switch {
	case err == nil && addr.Zone() != "", err != nil && (strings.Contains(host, ":") || !validHost(host)):
		return errors.New("without a valid host")
	case u.Scheme == "http" && !isLoopback(host):
		return errors.New("not encrypted")
	}
	port := u.Port()
	if strings.HasSuffix(u.Host, ":") {
		return errors.New("without the port after its colon")
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0 || port != strconv.FormatUint(n, 10)) {
		return errors.New("without a valid port")
	}
	if err == nil {
		host = addr.String()
	}
	s.PublicOrigin = u.Scheme + "://" + hostPort(host, port, u.Scheme)
	return nil
}

// hostPort writes a host as it stands in a Host header.
func hostPort(host, port, scheme string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return host
	}
	return host + ":" + port
}

// validHost takes a name of letters, digits and hyphens (RFC 1123 §2.1); an
// international one has to be in its ASCII form, as browsers send it. The last
// label cannot be a number: that would be a mistyped address.
func validHost(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	labels := strings.Split(strings.ToLower(host), ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// host is the host part of Addr.
func (s *Settings) host() string {
	host, _, _ := net.SplitHostPort(s.Addr) // parseAddr has made sure of it
	return host
}

// Loopback reports whether only this machine can reach the dashboard.
func (s *Settings) Loopback() bool { return isLoopback(s.host()) }

// TLS reports whether the dashboard itself speaks HTTPS.
func (s *Settings) TLS() bool { return s.TLSCert != "" }

// CookieSecure reports whether the session's cookie is for HTTPS only. With
// "auto" it is, except where that would only keep a newcomer from trying the
// dashboard: on loopback, without TLS and without a public origin.
func (s *Settings) CookieSecure() bool {
	if s.SecureCookie == "auto" {
		return !s.Loopback() || s.TLS() || s.PublicOrigin != ""
	}
	return s.SecureCookie == "on"
}

func showCookie(s *Settings) string {
	if s.SecureCookie != "auto" {
		return s.SecureCookie
	}
	if s.CookieSecure() {
		return "auto (on)"
	}
	return "auto (off)"
}

// Origin is the origin of the dashboard's pages: the public one, or else that
// of the address that it listens on. The port is the one that it really has:
// Addr may leave the choice to the system.
func (s *Settings) Origin(port int) string {
	if s.PublicOrigin != "" {
		return s.PublicOrigin
	}
	host := s.host()
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && addr.IsUnspecified():
		host = "localhost"
	case err == nil:
		host = addr.WithZone("").String() // as browsers write it
	}
	return s.scheme() + "://" + hostPort(strings.ToLower(host), strconv.Itoa(port), s.scheme())
}

func (s *Settings) scheme() string {
	if s.TLS() {
		return "https"
	}
	return "http"
}

// Hosts lists the Host headers that the dashboard answers for, in small
// letters: loopback's names and addresses with the port, the host that it
// listens on, and the public origin's. A page of somebody else's that has its
// name resolve to this machine is not among them.
func (s *Settings) Hosts(port int) []string {
	var list []string
	add := func(host string) {
		if !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", strings.ToLower(s.host())} {
		addr, err := netip.ParseAddr(host)
		if host == "" || err == nil && addr.IsUnspecified() {
			continue
		}
		if err == nil {
			host = addr.WithZone("").String() // as browsers write it
		}
		add(hostPort(host, strconv.Itoa(port), s.scheme()))
	}
	if _, host, ok := strings.Cut(s.PublicOrigin, "://"); ok {
		add(host)
	}
	return list
}

// AnyAddress reports whether the dashboard listens on all of the machine's
// addresses without a public origin, so that requests name whichever of them
// they came to. A literal address cannot be made to point elsewhere.
func (s *Settings) AnyAddress() bool {
	addr, err := netip.ParseAddr(s.host())
	return s.PublicOrigin == "" && (s.host() == "" || err == nil && addr.IsUnspecified())
}

// Proxies lists the trusted proxies as texts.
func (s *Settings) Proxies() []string {
	var list []string
	for _, p := range s.TrustedProxies {
		list = append(list, p.String())
	}
	return list
}
