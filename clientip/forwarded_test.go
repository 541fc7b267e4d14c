package clientip_test

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/clientip"
)

// The values of the header are those of RFC 7239, with "10.0.0." for a proxy
// of ours.
func TestForwarded(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"§4: an obfuscated identifier", []string{`for="_gazonk"`}, "10.0.0.1"},
		{"§4: IPv6 with port, any case", []string{`For="[2001:db8:cafe::17]:4711"`}, "2001:db8:cafe::17"},
		{"§4: several parameters", []string{`for=192.0.2.60;proto=http;by=203.0.113.43`}, "192.0.2.60"},
		{"§4: a list", []string{`for=192.0.2.43, for=198.51.100.17`}, "198.51.100.17"},
		{"§6: IPv4 with port", []string{`for="192.0.2.43:47011"`}, "192.0.2.43"},
		{"§6: IPv6", []string{`for="[2001:db8:cafe::17]"`}, "2001:db8:cafe::17"},
		{"§6: unknown", []string{`for=192.0.2.43, for=unknown`}, "10.0.0.1"},
		{"§6.3: obfuscated and address", []string{`for=_hidden, for=_SEVKISEK`}, "10.0.0.1"},
		{"§7.1: several lines", []string{`for=192.0.2.43`, `for="[2001:db8:cafe::17]"`}, "2001:db8:cafe::17"},
		{"§7.1: lines and lists", []string{`for=192.0.2.43, for="[2001:db8:cafe::17]"`, `for=10.0.0.2`}, "2001:db8:cafe::17"},
		{"§6.2: an obfuscated port", []string{`for="192.0.2.43:_p.1-x"`}, "192.0.2.43"},

		{"through two proxies of ours", []string{`for=6.6.6.6, for=192.0.2.43;host="a", for=10.0.0.2;by=10.0.0.1`}, "192.0.2.43"},
		{"white space around semicolons", []string{"for=192.0.2.43 ; proto=http ;\tby=10.0.0.2;"}, "192.0.2.43"},
		{"an extension with escapes", []string{`secret="a\"b\\";for=192.0.2.43`}, "192.0.2.43"},
		{"a quoted semicolon", []string{`x=";for=6.6.6.6;";for=192.0.2.43`}, "192.0.2.43"},

		{"no address", []string{`for=6.6.6.6, proto=http`}, "10.0.0.1"},
		{"an empty element", []string{`for=6.6.6.6, `}, "10.0.0.1"},
		{"a parameter twice", []string{`for=192.0.2.43;For=6.6.6.6`}, "10.0.0.1"},
		{"a name without value", []string{`for=192.0.2.43;secure`}, "10.0.0.1"},
		{"an empty value", []string{`for=`}, "10.0.0.1"},
		{"white space around the equals sign", []string{`for =192.0.2.43`}, "10.0.0.1"},
		{"two values", []string{`for=192.0.2.43 6.6.6.6`}, "10.0.0.1"},
		{"IPv6 without quotes", []string{`for=[2001:db8:cafe::17]`}, "10.0.0.1"},
		{"IPv6 without brackets and quotes", []string{`for=2001:db8:cafe::17`}, "10.0.0.1"},
		{"a quote that does not end", []string{`for="192.0.2.43`}, "10.0.0.1"},
		{"an escaped address", []string{`for="192.0.2.4\3"`}, "10.0.0.1"},
		{"words behind a quote", []string{`for="192.0.2.43"x`}, "10.0.0.1"},
		{"an obfuscated port without name", []string{`for="192.0.2.43:_"`}, "10.0.0.1"},
	} {
		r := request("10.0.0.1:4000")
		r.Header["Forwarded"] = test.lines
		if got := proxies(t, clientip.Forwarded).Client(r).Addr.String(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// What a client gets a proxy to quote, its Host for one, must not become an
// element: then it would name the address it likes.
func TestForwardedCannotBeSpoofed(t *testing.T) {
	for name, line := range map[string]string{
		"a quoted comma":                     `for=198.51.100.7;host="a, for=6.6.6.6"`,
		"a quoted comma and more parameters": `for=198.51.100.7;host="a, for=6.6.6.6;b=";proto=http`,
		"escaped quotes":                     `for=198.51.100.7;host="a\", for=6.6.6.6;b=\"c"`,
		"an escaped backslash":               `for=198.51.100.7;host="a\\, for=6.6.6.6"`,
		"a quote that is left open":          `for="6.6.6.6, for=198.51.100.7`,
		"a quote and an escape left open":    `for="6.6.6.6\, for=198.51.100.7`,
	} {
		got := proxies(t, clientip.Forwarded).Client(request("10.0.0.1:1", "Forwarded: "+line)).Addr.String()
		if got != "198.51.100.7" && got != "10.0.0.1" {
			t.Errorf("%s: got %s, want the true address or the proxy's", name, got)
		}
	}
}

// FuzzClient sends whatever it likes, and then a proxy of ours appends the true
// address, in a line of its own or to the last one.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{"", "6.6.6.6", `for="6.6.6.6`, "for=10.0.0.2, for=unknown", "10.0.0.2,", ",", `"`, `\`, "[::1", "a:b:c", strings.Repeat(" ", 5000)} {
		f.Add(seed, "10.0.0.1:4000", true)
		f.Add(seed, "203.0.113.9:1", false)
	}
	f.Fuzz(func(t *testing.T, claim, peer string, ownLine bool) {
		nobody := &clientip.Resolver{}
		for header, headers := range map[string]clientip.Headers{"Forwarded": clientip.Forwarded, "X-Forwarded-For": clientip.XForwarded} {
			truth := "198.51.100.7"
			if headers == clientip.Forwarded {
				truth = "for=198.51.100.7"
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = peer
			r.Header[header] = []string{claim}
			r.Header["X-Forwarded-Host"], r.Header["X-Forwarded-Proto"] = []string{claim}, []string{claim}
			shown := satra.ClientOf(r)
			if got := nobody.Client(r); got != shown {
				t.Fatalf("without trusted proxies: got %+v, want the peer %+v", got, shown)
			}
			res := proxies(t, headers)
			if c := res.Client(r); c.Addr != shown.Addr && !strings.HasPrefix(shown.Addr.String(), "10.") && !strings.HasPrefix(shown.Addr.String(), "2001:db8:aaaa:") {
				t.Fatalf("a peer that is not ours: got %s, want %s", c.Addr, shown.Addr)
			}
			r.RemoteAddr = "10.0.0.1:4000"
			c := res.Client(r)
			if c.Addr.Is4In6() || c.Addr.Zone() != "" || c.Scheme != "http" && c.Scheme != "https" || strings.ContainsAny(c.Host, " ,/\"<>\\@") {
				t.Fatalf("got %+v", c)
			}
			if ownLine {
				r.Header.Add(header, truth)
			} else {
				r.Header[header] = []string{claim + ", " + truth}
			}
			if got := res.Client(r).Addr; got != netip.MustParseAddr("198.51.100.7") {
				t.Fatalf("%s %q: got %s, want the address that the proxy appended", header, r.Header[header], got)
			}
		}
	})
}

var sink satra.Client

func BenchmarkClient(b *testing.B) {
	for _, bench := range []struct {
		name    string
		headers clientip.Headers
		header  string
	}{
		{"XForwarded", clientip.XForwarded, "X-Forwarded-For: 203.0.113.1, 198.51.100.7, 10.0.0.2"},
		{"Forwarded", clientip.Forwarded, `Forwarded: for=203.0.113.1, for="[2001:db8::17]:4711";proto=https;host=dash.example, for=10.0.0.2;proto=https`},
	} {
		res, r := proxies(b, bench.headers), request("10.0.0.1:4000", bench.header)
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = res.Client(r)
			}
		})
	}
	b.Run("Nobody", func(b *testing.B) {
		r := request("203.0.113.9:4000", "X-Forwarded-For: 6.6.6.6")
		b.ReportAllocs()
		for b.Loop() {
			sink = (&clientip.Resolver{}).Client(r)
		}
	})
}

func TestItAllocatesNothing(t *testing.T) {
	for name, r := range map[string]struct {
		headers clientip.Headers
		header  string
	}{
		"X-Forwarded": {clientip.XForwarded, "X-Forwarded-For: 6.6.6.6, 198.51.100.7, 10.0.0.2"},
		"Forwarded":   {clientip.Forwarded, `Forwarded: for="[2001:db8::17]:4711";proto=https;host=dash.example, for=10.0.0.2`},
	} {
		res, req := proxies(t, r.headers), request("10.0.0.1:4000", r.header)
		if got := testing.AllocsPerRun(100, func() { sink = res.Client(req) }); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}

func ExampleResolver_Client() {
	clients, err := clientip.New(&clientip.Options{
		TrustedProxies: []string{"10.0.0.0/8"},
		Headers:        clientip.XForwardedFor | clientip.XForwardedProto,
	})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("GET", "http://dash.example/", nil)
	r.RemoteAddr = "10.0.0.1:4000"
	r.Header.Set("X-Forwarded-For", "6.6.6.6, 198.51.100.7") // 6.6.6.6 is what the client sent
	r.Header.Set("X-Forwarded-Proto", "https")
	c := clients.Client(r)
	fmt.Println(c.Addr, c.Origin())
	// Output: 198.51.100.7 https://dash.example
}
