package csrf

import (
	"net/http"
	"strings"

	"github.com/satra-sessions/satra"
)

// Facts are all that the decision asks of a request.
type facts struct {
	exempt, ownProof bool   // its route is on a list
	bearer           bool   // it carries one of our tokens in its Authorization header
	handshake        bool   // it asks for a WebSocket
	safe             bool   // its method changes nothing
	site             site   // its Sec-Fetch-Site header
	origin           origin // its Origin header, where it matters: rows 1, 5 and 6
}

// site is what Sec-Fetch-Site says (W3C Fetch Metadata). No script can set it.
type site uint8

const (
	siteAbsent site = iota
	siteOwn         // same-origin
	siteUser        // none: the user typed the address, or opened a bookmark
	siteOther       // same-site, cross-site, unknown or repeated
)

// A verdict is what rows 0 to 7 say.
type verdict struct {
	row     row
	refused string // why; "" if it passes
	token   bool   // row 8 follows
	use     satra.CookieUse
}

// row is a line of the table, as it is numbered there.
type row string

const (
	rowExempt    row = "0"
	rowBearer    row = "0a"
	rowOwnProof  row = "0b"
	rowHandshake row = "1"
	rowSafe      row = "2"
	rowOwn       row = "3"
	rowUser      row = "4"
	rowOther     row = "5"
	rowOrigin    row = "6"
	rowUnknown   row = "7"
)

// decide is the table: the first row that fits, and nothing after it.
func decide(f facts) verdict {
	known := f.origin == originOwn || f.origin == originTrusted
	switch {
	case f.exempt:
		return verdict{row: rowExempt, use: satra.CookieIgnored}
	// No page can make a browser send this header, and the cookies of a request
	// that has it are ignored.
	case f.bearer:
		return verdict{row: rowBearer, use: satra.CookieIgnored}
	case f.ownProof:
		return verdict{row: rowOwnProof}

	// Browsers send a handshake to any host, with its cookies and without
	// Sec-Fetch-Site; that of a sibling subdomain carries even Strict ones.
	// Only Origin tells (RFC 6455 §10.2, ASVS 4.4.2). One that passes is a GET
	// and needs no more; should it be anything else, the rows below decide.
	case f.handshake && !known:
		return verdict{row: rowHandshake, refused: "a WebSocket handshake without an Origin of ours"}
	case f.handshake && f.safe:
		return verdict{row: rowHandshake}

	case f.safe:
		return verdict{row: rowSafe}

	// Origin is not asked: under Referrer-Policy no-referrer a form of our own
	// sends "null".
	case f.site == siteOwn:
		return verdict{row: rowOwn, token: true}
	case f.site == siteUser:
		return verdict{row: rowUser, token: true}

	case f.site == siteOther && f.origin == originTrusted:
		return verdict{row: rowOther, token: true, use: satra.CookieTrusted}
	case f.site == siteOther:
		return verdict{row: rowOther, refused: "Sec-Fetch-Site says another site"}

	// An old browser, or a page over plain HTTP. The scheme counts: whoever is
	// on the network can write http://our-host/ pages. The cookie is trusted,
	// because our own origin may be a configured one that the core does not
	// know of.
	case known:
		return verdict{row: rowOrigin, token: true, use: satra.CookieTrusted}
	case f.origin == originOther:
		return verdict{row: rowOrigin, refused: "Origin says another site"}
	}
	// Neither header: not a browser of the last years. The token alone decides.
	return verdict{row: rowUnknown, token: true}
}

// facts reads from the request what decide asks.
func (p *Protection) facts(r *http.Request) facts {
	at := routeOf(r)
	f := facts{
		exempt:    p.exempt[at],
		bearer:    len(r.Header["Authorization"]) > 0 && satra.HasBearerToken(r),
		ownProof:  p.ownProof[at],
		handshake: isHandshake(r.Header),
		safe:      satra.SafeMethod(r.Method) || r.Method == http.MethodConnect && len(r.Header[":protocol"]) > 0,
		site:      siteOf(r.Header["Sec-Fetch-Site"]),
	}
	if f.handshake || !f.safe && (f.site == siteAbsent || f.site == siteOther) {
		f.origin = p.originOf(r)
	}
	return f
}

func siteOf(values []string) site {
	switch {
	case len(values) == 0:
		return siteAbsent
	case len(values) > 1:
		return siteOther
	case values[0] == "same-origin":
		return siteOwn
	case values[0] == "none":
		return siteUser
	}
	return siteOther
}

// isHandshake reports whether some WebSocket library might take the request
// for a handshake: those of HTTP/1.1 (RFC 6455 §4.2.1) however the word is
// listed, and the extended CONNECT of HTTP/2 (RFC 8441 §4), whose
// pseudo-header net/http keeps with its colon.
func isHandshake(h http.Header) bool {
	if len(h[":protocol"]) > 0 {
		return true
	}
	for _, value := range h["Upgrade"] {
		if strings.Contains(strings.ToLower(value), "websocket") {
			return true
		}
	}
	return false
}
