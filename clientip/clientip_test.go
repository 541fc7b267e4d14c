package clientip_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/clientip"
)

// proxies trusts 10.0.0.0/8 and 2001:db8:aaaa::/48.
func proxies(t testing.TB, headers clientip.Headers) *clientip.Resolver {
	t.Helper()
	res, err := clientip.New(&clientip.Options{
		TrustedProxies: []string{"10.0.0.0/8", "2001:db8:aaaa::/48"},
		Headers:        headers,
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// request comes from the peer, over plain HTTP; header is "Name: value".
func request(peer string, header ...string) *http.Request {
	r := httptest.NewRequest("GET", "http://inside.example/", nil)
	r.RemoteAddr = peer
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func TestAddress(t *testing.T) {
	const proxy, edge = "10.0.0.1:4000", "198.51.100.7"
	for _, test := range []struct {
		name    string
		headers clientip.Headers
		peer    string
		lines   []string
		want    string
	}{
		{"no header: the peer", clientip.XForwarded, proxy, nil, "10.0.0.1"},
		{"one hop", clientip.XForwarded, proxy, []string{"198.51.100.7"}, edge},
		{"the rightmost that is not ours", clientip.XForwarded, proxy, []string{"198.51.100.7, 10.2.2.2, 10.3.3.3"}, edge},
		{"what the client claims is left of it", clientip.XForwarded, proxy, []string{"6.6.6.6, 198.51.100.7"}, edge},
		{"a proxy of ours that the client claims", clientip.XForwarded, proxy, []string{"6.6.6.6, 10.9.9.9, 198.51.100.7"}, edge},
		{"all are ours: the first", clientip.XForwarded, proxy, []string{"10.4.4.4,10.2.2.2"}, "10.4.4.4"},
		{"several lines are one list", clientip.XForwarded, proxy, []string{"6.6.6.6", "198.51.100.7", "10.2.2.2"}, edge},
		{"white space", clientip.XForwarded, proxy, []string{"6.6.6.6 ,\t198.51.100.7 "}, edge},
		{"a peer that is not ours", clientip.XForwarded, "203.0.113.9:5", []string{"198.51.100.7"}, "203.0.113.9"},
		{"a peer without an address", clientip.XForwarded, "@", []string{"198.51.100.7"}, "invalid IP"},
		{"a peer in its IPv6 form", clientip.XForwarded, "[::ffff:10.0.0.1]:4000", []string{"198.51.100.7"}, edge},
		{"a peer with a zone", clientip.XForwarded, "[2001:db8:aaaa::1%eth0]:4000", []string{"198.51.100.7"}, edge},

		{"IPv6", clientip.XForwarded, proxy, []string{"2001:db8::17"}, "2001:db8::17"},
		{"IPv6 in brackets", clientip.XForwarded, proxy, []string{"[2001:db8::17]"}, "2001:db8::17"},
		{"IPv6 with port", clientip.XForwarded, proxy, []string{"[2001:db8::17]:4711"}, "2001:db8::17"},
		{"IPv6 quoted", clientip.XForwarded, proxy, []string{`"[2001:db8::17]:4711"`}, "2001:db8::17"},
		{"IPv6 with a zone", clientip.XForwarded, proxy, []string{"fe80::1%eth0"}, "fe80::1"},
		{"IPv4 with port", clientip.XForwarded, proxy, []string{"198.51.100.7:4711"}, edge},
		{"IPv4 in its IPv6 form", clientip.XForwarded, proxy, []string{"::ffff:198.51.100.7"}, edge},
		{"a proxy in its IPv6 form", clientip.XForwarded, proxy, []string{"198.51.100.7, ::ffff:10.2.2.2"}, edge},
		{"a proxy with a zone", clientip.XForwarded, proxy, []string{"198.51.100.7, 2001:db8:aaaa::2%1"}, edge},

		{"unknown ends the walk", clientip.XForwarded, proxy, []string{"198.51.100.7, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"an obfuscated identifier ends it", clientip.XForwarded, proxy, []string{"198.51.100.7, _hidden"}, "10.0.0.1"},
		{"an empty element ends it", clientip.XForwarded, proxy, []string{"198.51.100.7,,10.2.2.2"}, "10.2.2.2"},
		{"an empty line ends it", clientip.XForwarded, proxy, []string{"198.51.100.7", "", "10.2.2.2"}, "10.2.2.2"},
		{"leading zeros", clientip.XForwarded, proxy, []string{"198.051.100.007"}, "10.0.0.1"},
		{"a port that is none", clientip.XForwarded, proxy, []string{"198.51.100.7:http"}, "10.0.0.1"},
		{"a port too high", clientip.XForwarded, proxy, []string{"198.51.100.7:65536"}, "10.0.0.1"},
		{"IPv4 in brackets", clientip.XForwarded, proxy, []string{"[198.51.100.7]"}, "10.0.0.1"},
		{"brackets that do not close", clientip.XForwarded, proxy, []string{"[2001:db8::17"}, "10.0.0.1"},
		{"words behind brackets", clientip.XForwarded, proxy, []string{"[2001:db8::17]x"}, "10.0.0.1"},
		{"a header that is not believed", clientip.XForwardedProto, proxy, []string{"198.51.100.7"}, "10.0.0.1"},
		{"the header of the other kind", clientip.Forwarded, proxy, []string{"198.51.100.7"}, "10.0.0.1"},
	} {
		r := request(test.peer)
		r.Header["X-Forwarded-For"] = test.lines
		if got := proxies(t, test.headers).Client(r).Addr.String(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestTheWalkIsBounded(t *testing.T) {
	res := proxies(t, clientip.XForwarded)
	for name, lines := range map[string][]string{
		"elements in one line":  {"6.6.6.6" + strings.Repeat(", 10.0.0.2", 32)},
		"elements in many":      append([]string{"6.6.6.6"}, strings.Split(strings.Repeat("10.0.0.2,", 32), ",")[:32]...),
		"bytes of white space":  {"6.6.6.6," + strings.Repeat(" ", 4096) + "10.0.0.2"},
		"bytes of white space,": {"6.6.6.6," + strings.Repeat(" ", 4090) + "10.0.0.2"},
	} {
		r := request("10.0.0.1:4000")
		r.Header["X-Forwarded-For"] = lines
		if got := res.Client(r).Addr.String(); got == "6.6.6.6" {
			t.Errorf("%s: got %s, want the walk to end before it", name, got)
		}
	}
	cut := "198.51.100.7"
	r := request("10.0.0.1:4000", "X-Forwarded-For: "+cut+strings.Repeat(" ", 4096-len(cut)+1))
	if got := res.Client(r).Addr.String(); got != "10.0.0.1" {
		t.Errorf("got %s, an address that the bound has cut", got)
	}
	r = request("10.0.0.1:4000", "X-Forwarded-For: "+strings.Repeat("6.6.6.6, ", 100_000)+"198.51.100.7"+strings.Repeat(", 10.0.0.2", 31))
	if got := res.Client(r).Addr.String(); got != "198.51.100.7" {
		t.Errorf("got %s, want the address within the bounds, whatever is left of it", got)
	}
}

func TestSchemeAndHost(t *testing.T) {
	for _, test := range []struct {
		name    string
		headers clientip.Headers
		peer    string
		header  []string
		want    string
	}{
		{"no header", clientip.XForwarded, "10.0.0.1:1", nil, "http://inside.example"},
		{"both", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: dash.example"}, "https://dash.example"},
		{"a peer that is not ours", clientip.XForwarded, "203.0.113.9:1", []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"}, "http://inside.example"},
		{"the last of a list", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Proto: http, https", "X-Forwarded-Host: evil.example, dash.example:8443"}, "https://dash.example:8443"},
		{"the last line", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: evil.example", "X-Forwarded-Host: dash.example"}, "http://dash.example"},
		{"any case", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Proto: HTTPS"}, "https://inside.example"},
		{"a scheme that is none of ours", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Proto: javascript"}, "http://inside.example"},
		{"a host with a path", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: dash.example/path"}, "http://inside.example"},
		{"a host with a user", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: user@dash.example"}, "http://inside.example"},
		{"a host with white space", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: dash example"}, "http://inside.example"},
		{"a host with markup", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: <b>"}, "http://inside.example"},
		{"a host of dots", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: ..", "X-Forwarded-Proto: https"}, "https://inside.example"},
		{"a host that begins with a dot", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: .dash.example"}, "http://inside.example"},
		{"an empty host", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: dash.example,"}, "http://inside.example"},
		{"a port alone", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: :80"}, "http://inside.example"},
		{"a port too high", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: dash.example:99999"}, "http://inside.example"},
		{"a very long host", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: " + strings.Repeat("a", 300)}, "http://inside.example"},
		{"IPv6", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: [2001:db8::1]:8443"}, "http://[2001:db8::1]:8443"},
		{"IPv4 in brackets", clientip.XForwarded, "10.0.0.1:1", []string{"X-Forwarded-Host: [192.0.2.1]"}, "http://inside.example"},
		{"only the scheme is believed", clientip.XForwardedProto, "10.0.0.1:1", []string{"X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"}, "https://inside.example"},
		{"Forwarded", clientip.Forwarded, "10.0.0.1:1", []string{`Forwarded: proto=http;host=evil.example, for=198.51.100.7;proto=https;host="dash.example:8443"`}, "https://dash.example:8443"},
		{"Forwarded, further left", clientip.Forwarded, "10.0.0.1:1", []string{"Forwarded: proto=https;host=evil.example, for=10.0.0.2"}, "http://inside.example"},
		{"Forwarded, without an address", clientip.Forwarded, "10.0.0.1:1", []string{"Forwarded: proto=https;for=unknown"}, "https://inside.example"},
		{"Forwarded, malformed", clientip.Forwarded, "10.0.0.1:1", []string{"Forwarded: proto=https;host=dash.example;proto=https"}, "http://inside.example"},
	} {
		c := proxies(t, test.headers).Client(request(test.peer, test.header...))
		if got := c.Scheme + "://" + c.Host; got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
	r := request("10.0.0.1:1", "X-Forwarded-Proto: http")
	r.TLS = &tls.ConnectionState{}
	if got := proxies(t, clientip.XForwarded).Client(r).Scheme; got != "http" {
		t.Errorf("got scheme %s behind a proxy that speaks TLS to us, want what the client used: http", got)
	}
}

func TestHandlerTellsThePackagesBehindIt(t *testing.T) {
	var got satra.Client
	var passed *http.Request
	h := proxies(t, clientip.XForwarded).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, passed = satra.ClientOf(r), r }))
	h.ServeHTTP(httptest.NewRecorder(), request("10.0.0.1:1", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: dash.example"))
	want := satra.Client{Addr: netip.MustParseAddr("198.51.100.7"), Scheme: "https", Host: "dash.example"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r := request("203.0.113.9:1", "X-Forwarded-For: 198.51.100.7")
	h.ServeHTTP(httptest.NewRecorder(), r)
	want = satra.Client{Addr: netip.MustParseAddr("203.0.113.9"), Scheme: "http", Host: "inside.example"}
	if got != want || passed != r {
		t.Errorf("not behind a proxy: got %+v, want %+v", got, want)
	}
}

func TestNobodyIsBelievedByDefault(t *testing.T) {
	fromNil, err := clientip.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, res := range map[string]*clientip.Resolver{"New(nil)": fromNil, "zero value": {}} {
		r := request("127.0.0.1:1", "X-Forwarded-For: 198.51.100.7", "Forwarded: for=198.51.100.7", "X-Forwarded-Host: evil.example")
		next := http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
			if got != r {
				t.Errorf("%s: got another request, want it left alone", name)
			}
		})
		res.Handler(next).ServeHTTP(nil, r)
		if c := res.Client(r); c.Addr.String() != "127.0.0.1" || c.Host != "inside.example" {
			t.Errorf("%s: got %+v, want the peer", name, c)
		}
	}
}

func TestNewTellsEveryProblem(t *testing.T) {
	for _, test := range []struct {
		name string
		o    clientip.Options
		want []string
	}{
		{"not addresses", clientip.Options{TrustedProxies: []string{"nginx", "10.0.0.0/33"}, Headers: clientip.Forwarded}, []string{`"nginx"`, `"10.0.0.0/33"`}},
		{"everybody", clientip.Options{TrustedProxies: []string{"0.0.0.0/0", "::/0", "::ffff:0:0/96"}, Headers: clientip.XForwarded}, []string{`"0.0.0.0/0"`, `"::/0"`, `"::ffff:0:0/96"`}},
		{"bits behind the length", clientip.Options{TrustedProxies: []string{"10.1.2.3/8"}, Headers: clientip.XForwarded}, []string{"10.0.0.0/8"}},
		{"headers of both kinds", clientip.Options{TrustedProxies: []string{"10.0.0.1"}, Headers: clientip.Forwarded | clientip.XForwardedFor}, []string{"exclude"}},
		{"no headers", clientip.Options{TrustedProxies: []string{"10.0.0.1"}}, []string{"Headers is 0"}},
		{"no proxies", clientip.Options{Headers: clientip.XForwarded}, []string{"TrustedProxies is empty"}},
		{"a bit too many", clientip.Options{TrustedProxies: []string{"x"}, Headers: 128}, []string{"0x80", `"x"`}},
	} {
		res, err := clientip.New(&test.o)
		if err == nil || res != nil {
			t.Errorf("%s: got no error", test.name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got error %q, want it to name %s", test.name, err, want)
			}
		}
	}
}

func TestProxiesInOtherForms(t *testing.T) {
	res, err := clientip.New(&clientip.Options{
		TrustedProxies: []string{"::ffff:10.0.0.0/104", "192.0.2.7", "fe80::1%eth0"},
		Headers:        clientip.XForwardedFor,
	})
	if err != nil {
		t.Fatal(err)
	}
	for peer, want := range map[string]string{
		"10.77.0.1:1": "198.51.100.7", "192.0.2.7:1": "198.51.100.7", "192.0.2.8:1": "192.0.2.8",
		"[fe80::1%eth7]:1": "198.51.100.7", "11.0.0.1:1": "11.0.0.1",
	} {
		if got := res.Client(request(peer, "X-Forwarded-For: 198.51.100.7")).Addr.String(); got != want {
			t.Errorf("peer %s: got %s, want %s", peer, got, want)
		}
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"198.51.100.7":        "198.51.100.7/32",
		"::ffff:198.51.100.7": "198.51.100.7/32",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"fe80::1%eth0":        "fe80::/64",
	} {
		if got := clientip.Network(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if got := clientip.Network(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("no address: got %s, want the zero network", got)
	}
}
