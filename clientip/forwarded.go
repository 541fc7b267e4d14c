package clientip

import (
	"strings"

	"github.com/satra-sessions/satra"
)

// forwarded reads the header of RFC 7239.
func (res *Resolver) forwarded(c satra.Client, lines []string) satra.Client {
	list := backward(lines)
	for nearest := true; ; nearest = false {
		element, ok := list.next()
		if !ok {
			return c
		}
		hop, ok := parseHop(element)
		if !ok {
			return c
		}
		if nearest {
			setScheme(&c, hop.proto)
			setHost(&c, hop.host)
		}
		addr, ok := parseNode(hop.node)
		if !ok {
			return c // "unknown", an obfuscated identifier, or none at all
		}
		if c.Addr = addr; !res.trusts(addr) {
			return c
		}
	}
}

// A hop is one element of the header: what a proxy tells of the one before it.
type hop struct {
	node, proto, host string
}

// parseHop reads the parameters of an element (RFC 7239 §4). White space
// around a semicolon is not in its grammar, but in much that is sent.
func parseHop(s string) (hop, bool) {
	var h hop
	var seen struct{ node, proto, host bool }
	for s != "" {
		name, value, rest, ok := parsePair(s)
		if !ok {
			return hop{}, false
		}
		switch {
		case strings.EqualFold(name, "for"):
			ok = once(&seen.node, &h.node, value)
		case strings.EqualFold(name, "proto"):
			ok = once(&seen.proto, &h.proto, value)
		case strings.EqualFold(name, "host"):
			ok = once(&seen.host, &h.host, value)
		}
		if !ok {
			return hop{}, false
		}
		s = rest
	}
	return h, true
}

// once sets a parameter that must not come twice.
func once(seen *bool, to *string, value string) bool {
	if *seen {
		return false
	}
	*seen, *to = true, value
	return true
}

// parsePair reads name=value and the semicolon behind it. Of a quoted value it
// returns what is between the quotes, escapes and all: no value that is of use
// here needs one, and one that has one is refused where it is read.
func parsePair(s string) (name, value, rest string, ok bool) {
	name, s, ok = strings.Cut(s, "=")
	if !ok || !isToken(name) {
		return "", "", "", false
	}
	if strings.HasPrefix(s, `"`) {
		end := closingQuote(s)
		if end < 0 {
			return "", "", "", false
		}
		value, rest = s[1:end], s[end+1:]
	} else {
		end := strings.IndexAny(s, "; \t")
		if end < 0 {
			end = len(s)
		}
		value, rest = s[:end], s[end:]
		if !isToken(value) {
			return "", "", "", false
		}
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" {
		return name, value, "", true
	}
	if rest[0] != ';' {
		return "", "", "", false
	}
	return name, value, strings.TrimLeft(rest[1:], " \t"), true
}

// closingQuote returns the index of the quote that ends the quoted string at
// the beginning of s, or -1.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}
