package clientip

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseNode reads the address of a node (RFC 7239 §6), with or without a port
// and brackets, and without a zone, which means nothing outside the host that
// named it; netip would take whatever stands behind the percent sign for one.
// "unknown" and obfuscated identifiers are no addresses.
func parseNode(s string) (netip.Addr, bool) {
	host, six := s, false
	if inner, ok := strings.CutPrefix(s, "["); ok {
		var port string
		host, port, ok = strings.Cut(inner, "]")
		if !ok || port != "" && !validPort(port) {
			return netip.Addr{}, false
		}
		six = true
	} else if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') {
		host = s[:i]
		if !validPort(s[i:]) {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || six && !addr.Is6() || !every(addr.Zone(), isHost) {
		return netip.Addr{}, false
	}
	return addr.WithZone("").Unmap(), true
}

// validPort reports whether s is a colon and a port, or an obfuscated port
// (RFC 7239 §6.2).
func validPort(s string) bool {
	port := s[1:]
	if s[0] != ':' || port == "" {
		return false
	}
	if port[0] == '_' {
		return len(port) > 1 && every(port[1:], isObfuscated)
	}
	return validNumber(port)
}

func validNumber(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

// unquote takes off the quotes that some proxies put around an IPv6 address.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// validHost reports whether s can be the host of a URL: a name or an address,
// with or without a port. Names are held to the characters that DNS names and
// those of container networks have, fewer than RFC 3986 allows.
func validHost(s string) bool {
	if len(s) > 255+len(":65535") {
		return false
	}
	host := s
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host = s[:i]
		if !validNumber(s[i+1:]) {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr.Is6() && addr.Zone() == ""
	}
	return host != "" && host[0] != '.' && !strings.Contains(host, "..") && every(host, isHost)
}

func every(s string, is func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHost(c byte) bool { return isAlphanumeric(c) || c == '.' || c == '-' || c == '_' }

func isObfuscated(c byte) bool { return isHost(c) }

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	return s != "" && every(s, func(c byte) bool {
		return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
	})
}
