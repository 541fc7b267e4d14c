package clientip

import (
	"net/http"
	"strings"

	"github.com/satra-sessions/satra"
)

// The bounds of a walk. A chain of proxies is a handful, an address with its
// port and quotes at most 50 bytes; what is beyond was sent to cost time.
const (
	maxElements = 32
	maxBytes    = 4096
)

// xForwarded reads the three headers that everybody uses and no standard
// describes.
func (res *Resolver) xForwarded(c satra.Client, h http.Header) satra.Client {
	if res.headers&XForwardedFor != 0 {
		for list := backward(h["X-Forwarded-For"]); ; {
			element, ok := list.next()
			if !ok {
				break
			}
			addr, ok := parseNode(unquote(element))
			if !ok {
				break
			}
			if c.Addr = addr; !res.trusts(addr) {
				break
			}
		}
	}
	if res.headers&XForwardedProto != 0 {
		list := backward(h["X-Forwarded-Proto"])
		proto, _ := list.next()
		setScheme(&c, proto)
	}
	if res.headers&XForwardedHost != 0 {
		list := backward(h["X-Forwarded-Host"])
		host, _ := list.next()
		setHost(&c, host)
	}
	return c
}

// setScheme takes the scheme over if it is one of HTTP's.
func setScheme(c *satra.Client, proto string) {
	switch {
	case strings.EqualFold(proto, "https"):
		c.Scheme = "https"
	case strings.EqualFold(proto, "http"):
		c.Scheme = "http"
	}
}

// setHost takes the host over if it is one: it ends up in links and in the
// origin that requests are compared with.
func setHost(c *satra.Client, host string) {
	if validHost(host) {
		c.Host = host
	}
}

// elements reads a list header from the right, several lines as one (RFC 9110
// §5.3), within the bounds. It splits at every comma, also at one inside a
// quoted string: what is then right of the comma has an odd number of quotes
// and is refused by whoever parses it, so that nothing that a client managed to
// get quoted by a proxy can pass as an element of its own. And nothing further
// to the left, a quote that never ends for one, can change how an element is
// read that a proxy appended.
type elements struct {
	lines []string
	line  string // what is left of the line in hand
	open  bool   // a line is in hand
	count int
	bytes int
}

func backward(lines []string) elements {
	return elements{lines: lines, count: maxElements, bytes: maxBytes}
}

// next returns the next element to the left, without the white space around
// it. It returns false at the end and at the bounds.
func (e *elements) next() (string, bool) {
	if !e.open {
		if len(e.lines) == 0 {
			return "", false
		}
		last := len(e.lines) - 1
		e.line, e.lines, e.open = e.lines[last], e.lines[:last], true
	}
	window := e.line[max(0, len(e.line)-e.bytes):]
	comma := strings.LastIndexByte(window, ',')
	if e.count == 0 || comma < 0 && len(window) < len(e.line) {
		e.lines, e.line, e.open = nil, "", false
		return "", false
	}
	e.count--
	element := window[comma+1:]
	e.bytes -= min(len(element)+1, e.bytes)
	e.line = e.line[:max(0, len(e.line)-len(element)-1)]
	e.open = comma >= 0
	return strings.Trim(element, " \t"), true
}
