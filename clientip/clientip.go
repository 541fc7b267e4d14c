// Package clientip finds out who sent a request that came through proxies: the
// client's address, and the scheme and host that it used.
//
// A [Resolver] goes around the session manager and everything else that asks
// for the client:
//
//	clients, err := clientip.New(&clientip.Options{
//		TrustedProxies: []string{"10.0.0.0/8"},
//		Headers:        clientip.XForwardedFor | clientip.XForwardedProto,
//	})
//	…
//	http.ListenAndServe(addr, clients.Handler(sessions.Handler(mux)))
//
// What it found is then in [satra.ClientOf].
//
// # What is believed
//
// Every client can send every header. A header is worth something only as far
// as a proxy of ours wrote it, so [Options] names both: the proxies by their
// addresses, and the headers that they set or append to. The zero value
// believes nobody (ASVS 4.1.3).
//
// The address is the rightmost one that is not a proxy of ours. Each proxy
// appends the address that it was connected from, so the walk goes from the
// right, from one trusted witness to the next, and ends at the first address
// that nobody vouches for any further. What stands left of it is the client's
// own word. An element that cannot be read ends the walk as well, at the last
// address that was vouched for.
//
// Scheme and host are those of the last element of their header: the one that
// the proxy wrote which is connected to us. Where there is a chain of proxies
// the inner one must therefore pass on what the outer one saw.
//
// To verify a setup, send the server a forged header from outside through the
// proxies: the address that comes out must still be yours.
package clientip

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/satra-sessions/satra"
)

// Headers says which headers the proxies write. Believe one only if every
// trusted proxy sets it or appends to it: nginx, for one, passes on a header
// that it was not told to set, and what arrives is then the client's word.
type Headers uint8

// The headers. Forwarded does not go together with the others: of two headers
// that disagree one was written by the client.
const (
	XForwardedFor   Headers = 1 << iota // the address
	XForwardedProto                     // the scheme
	XForwardedHost                      // the host
	Forwarded                           // all three, as RFC 7239 has it

	XForwarded = XForwardedFor | XForwardedProto | XForwardedHost
)

// Options of a [Resolver]. The zero value believes nobody.
type Options struct {
	// TrustedProxies are the addresses that our proxies connect from, single
	// ones ("192.0.2.7") or networks ("10.0.0.0/8", "2001:db8::/32").
	TrustedProxies []string

	// Headers are those that all of the proxies write.
	Headers Headers
}

// A Resolver tells the clients of requests. It is safe for concurrent use, and
// its zero value believes nobody.
type Resolver struct {
	trusted []netip.Prefix
	headers Headers
}

// New returns a resolver, or all problems with the options at once. nil
// options believe nobody.
func New(o *Options) (*Resolver, error) {
	if o == nil {
		o = &Options{}
	}
	res := &Resolver{headers: o.Headers}
	var errs []error
	for _, text := range o.TrustedProxies {
		prefix, err := parseProxy(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		res.trusted = append(res.trusted, prefix)
	}
	errs = append(errs, checkHeaders(o))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return res, nil
}

func checkHeaders(o *Options) error {
	switch {
	case o.Headers&^(XForwarded|Forwarded) != 0:
		return fmt.Errorf("clientip: Options.Headers: %#x has a bit that stands for no header", uint8(o.Headers))
	case o.Headers&Forwarded != 0 && o.Headers&XForwarded != 0:
		return errors.New("clientip: Options.Headers: Forwarded and the X-Forwarded headers exclude each other")
	case o.Headers != 0 && len(o.TrustedProxies) == 0:
		return errors.New("clientip: Options.TrustedProxies is empty: nobody would be believed; name the proxies that write the headers")
	case o.Headers == 0 && len(o.TrustedProxies) > 0:
		return errors.New("clientip: Options.Headers is 0: nothing would be believed; name the headers that the proxies write")
	}
	return nil
}

// parseProxy reads an address or a network. A network in the IPv4-mapped part
// of IPv6 becomes IPv4, because addresses do.
func parseProxy(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("clientip: Options.TrustedProxies: %q is neither an address nor a network", text)
		}
		addr = addr.WithZone("")
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	switch {
	case prefix.Bits() == 0:
		return netip.Prefix{}, fmt.Errorf("clientip: Options.TrustedProxies: %q is everybody, and everybody could then name any address", text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("clientip: Options.TrustedProxies: %q has bits behind its length; want %s", text, prefix.Masked())
	}
	return prefix, nil
}

// Handler gives each request that came from a trusted proxy its client, with
// [satra.WithClient]. All others are left alone: [satra.ClientOf] then tells
// what the connection shows, which is right. It belongs outside of
// [satra.Manager.Handler] and of a cross-origin check.
func (res *Resolver) Handler(next http.Handler) http.Handler {
	if len(res.trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := satra.ClientOf(r)
		if c := res.behind(peer, r.Header); c != peer {
			r = satra.WithClient(r, c)
		}
		next.ServeHTTP(w, r)
	})
}

// Client tells who sent the request.
func (res *Resolver) Client(r *http.Request) satra.Client {
	return res.behind(satra.ClientOf(r), r.Header)
}

// behind tells who is behind the peer: the peer itself unless it is a trusted
// proxy.
func (res *Resolver) behind(peer satra.Client, h http.Header) satra.Client {
	if !res.trusts(peer.Addr) {
		return peer
	}
	if res.headers&Forwarded != 0 {
		return res.forwarded(peer, h["Forwarded"])
	}
	return res.xForwarded(peer, h)
}

func (res *Resolver) trusts(addr netip.Addr) bool {
	for _, prefix := range res.trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Network returns the network that an address stands for where clients are
// counted: an IPv4 address itself, and of an IPv6 address the /64, because a
// host there takes any of its addresses at will (RFC 8981). An invalid address
// has the zero network.
func Network(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
