package csrf

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/satra-sessions/satra"
)

// parseOrigin reads scheme://host[:port] and returns it as a browser would
// write it (RFC 6454 §6.2): lower case, without the scheme's own port.
func parseOrigin(text string) (string, error) {
	if text == "null" {
		return "", errors.New(`"null" is what every sandboxed frame says, of whatever site; it cannot be trusted`)
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q is no origin; want scheme://host[:port]", text)
	}
	if u.Scheme == "" || u.Host == "" || !strings.EqualFold(text, u.Scheme+"://"+u.Host) {
		return "", fmt.Errorf("%q is no origin; want scheme://host[:port] and nothing else", text)
	}
	host, err := parseHost(u.Hostname(), strings.HasPrefix(u.Host, "["))
	if err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	port := u.Port()
	if strings.HasSuffix(u.Host, ":") {
		return "", fmt.Errorf("%q has a colon and no port", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return "", fmt.Errorf("%q has a port that is none", text)
	}
	if port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return u.Scheme + "://" + host, nil
	}
	return u.Scheme + "://" + host + ":" + port, nil
}

// parseHost holds a host to what can stand in an Origin header.
func parseHost(host string, brackets bool) (string, error) {
	if brackets {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", errors.New("what is in brackets is no IPv6 address")
		}
		return "[" + addr.String() + "]", nil
	}
	for i := 0; i < len(host); i++ {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.' && i > 0 && host[i-1] != '.':
		case c >= 0x80:
			return "", errors.New("the name is not ASCII; browsers send its xn-- form")
		case c == '*':
			return "", errors.New("there are no wildcards; name each origin")
		default:
			return "", fmt.Errorf("no host has the character %q there", c)
		}
	}
	if host == "" {
		return "", errors.New("the host is missing")
	}
	return strings.ToLower(host), nil
}

// origin says whose the request's Origin header is.
type origin uint8

const (
	originAbsent  origin = iota
	originOther          // null, repeated and malformed ones, too
	originOwn            // the application's
	originTrusted        // one of Options.TrustedOrigins
)

func (p *Protection) originOf(r *http.Request) origin {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return originAbsent
	}
	if len(values) > 1 {
		return originOther
	}
	own := p.public
	if own == "" {
		own = satra.ClientOf(r).Origin()
	}
	if whose := p.compare(values[0], own); whose != originOther {
		return whose // as a browser writes it
	}
	stated, err := parseOrigin(values[0])
	if err != nil {
		return originOther
	}
	return p.compare(stated, own)
}

func (p *Protection) compare(stated, own string) origin {
	switch {
	case stated == own:
		return originOwn
	case p.trusted[stated]:
		return originTrusted
	}
	return originOther
}
