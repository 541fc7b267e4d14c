package settings

import (
	"slices"
	"strings"
)

// A rule looks at settings together. It is skipped if one of them has a
// problem already, about which it could only guess.
type rule struct {
	of    []string
	check func(*Settings) (problem string)
}

var rules = []rule{
	{[]string{"add-account"}, func(s *Settings) string {
		if s.AddAccount != "" || s.origins["add-account"] == byDefault {
			return ""
		}
		return "add-account is given without a name; right is the name of the account"
	}},
	{[]string{"tls-cert", "tls-key"}, func(s *Settings) string {
		return together("tls-cert", s.TLSCert, "tls-key", s.TLSKey)
	}},
	{[]string{"addr", "tls-cert", "tls-key", "public-origin", "trusted-proxies", "insecure-listen"}, func(s *Settings) string {
		proxied := s.publicHTTPS() && len(s.TrustedProxies) > 0
		if s.Loopback() || s.TLSCert != "" || s.TLSKey != "" || proxied || s.InsecureListen {
			return ""
		}
		return "addr: " + quote(s.Addr) + " can be reached from other machines, and nothing encrypts; right is a loopback address such as 127.0.0.1:8080, " +
			"or tls-cert and tls-key, or public-origin (https) and trusted-proxies for a proxy in front, or, if you must, insecure-listen"
	}},
	{[]string{"tls-cert", "tls-key", "public-origin"}, func(s *Settings) string {
		if s.TLSCert == "" && s.TLSKey == "" || s.PublicOrigin == "" || s.publicHTTPS() {
			return ""
		}
		return "public-origin: " + quote(s.PublicOrigin) + " is plain HTTP, and with tls-cert and tls-key the dashboard speaks HTTPS; right is https://"
	}},
	{[]string{"cookie-secure", "tls-cert", "tls-key", "public-origin"}, func(s *Settings) string {
		if s.SecureCookie != "off" || s.TLSCert == "" && s.TLSKey == "" && !s.publicHTTPS() {
			return ""
		}
		return "cookie-secure: off would send the session's cookie over plain HTTP as well, though the dashboard is served over HTTPS; right is auto or on"
	}},
}

func (s *Settings) publicHTTPS() bool { return strings.HasPrefix(s.PublicOrigin, "https://") }

// check looks at the settings together.
func (l *loader) check() {
	for _, r := range slices.Concat(rules, detectionRules, alertRules) {
		if l.anyBad(r.of) {
			continue
		}
		if problem := r.check(l.s); problem != "" {
			l.problem("%s", problem)
		}
	}
	if len(l.problems) == 0 {
		l.caution()
	}
}

// caution warns of what works, but perhaps not as it was meant.
func (l *loader) caution() {
	s := l.s
	if s.publicHTTPS() && !s.TLS() && len(s.TrustedProxies) == 0 {
		l.warn("public-origin is given without trusted-proxies: every request seems to come from the proxy, over plain HTTP; name it (127.0.0.1 if it runs on this machine)")
	}
	if s.CookieSecure() && !s.TLS() && !s.Loopback() && s.PublicOrigin == "" {
		l.warn("cookie-secure is on, and browsers keep no such cookie over plain HTTP from another machine: no session will last there; cookie-secure off is needed, too")
	}
	if s.InsecureListen && !s.Loopback() && !s.TLS() && !s.publicHTTPS() {
		l.warn("insecure-listen: whoever sees the network between here and a browser can take its session")
	}
	if s.SessionLifetime < s.SessionTimeout {
		l.warn("session-lifetime (%s) is shorter than session-timeout (%s): it ends every session first", spell(s.SessionLifetime), spell(s.SessionTimeout))
	}
}

func (l *loader) anyBad(names []string) bool {
	for _, n := range names {
		if l.bad[n] {
			return true
		}
	}
	return false
}
