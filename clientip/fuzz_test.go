package clientip

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
)

// FuzzXForwardedFor holds the walk against a slow one that splits everything
// first, within the bounds. Lines are separated by line breaks.
func FuzzXForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"", "198.51.100.7", "6.6.6.6, 198.51.100.7, 10.0.0.2", "6.6.6.6\n198.51.100.7\n10.0.0.2", ",", ", ,\t,10.0.0.2", "10.0.0.2,\n,10.0.0.3",
		`"[2001:db8::1]:80", 10.0.0.2:1`, "::ffff:10.0.0.2, ::ffff:198.51.100.7", "fe80::1%eth0", "[10.0.0.2]", "10.0.0.2:", "198.51.100.7, 10.0.0.2\v", "unknown, 10.0.0.2",
		"10.0.0.2:_x, 10.0.0.2:65536", "10.0.0.2:_", "10.0.0.2:+1", strings.Repeat("10.0.0.2,", 40), "2001:db8:aaaa::1, 198.51.100.7:80, 2001:db8:aaaa::2",
	} {
		f.Add(seed)
	}
	res, err := New(&Options{TrustedProxies: []string{"10.0.0.0/8", "2001:db8:aaaa::/48"}, Headers: XForwardedFor})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:4000"
		r.Header["X-Forwarded-For"] = strings.Split(text, "\n")
		got := res.Client(r)
		if got.Scheme != "http" || got.Host != "example.com" {
			t.Fatalf("%q: got %+v, want the scheme and the host left alone", text, got)
		}
		elements := strings.Split(strings.ReplaceAll(text, "\n", ","), ",")
		if len(elements) > maxElements || len(text) >= maxBytes {
			return
		}
		want := netip.MustParseAddr("10.0.0.1")
		for _, element := range slices.Backward(elements) {
			addr, ok := nodeSlowly(unquote(strings.Trim(element, " \t")))
			if !ok {
				break
			}
			if want = addr; !res.trusts(addr) {
				break
			}
		}
		if got.Addr != want {
			t.Fatalf("%q: got %s, want %s", text, got.Addr, want)
		}
	})
}

// nodeSlowly tries every form that a node can have.
func nodeSlowly(s string) (netip.Addr, bool) {
	forms := []string{s}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && portSlowly(s[i+1:]) {
		forms = append(forms, s[:i])
	}
	for i, form := range forms {
		inner, opened := strings.CutPrefix(form, "[")
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		switch {
		case err != nil || opened != closed:
		case opened && !addr.Is6():
		case strings.Trim(addr.Zone(), obfuscated) != "":
		case !opened && i > 0 && addr.Is6(): // the last group, not a port
		default:
			return addr.WithZone("").Unmap(), true
		}
	}
	return netip.Addr{}, false
}

const obfuscated = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

func portSlowly(s string) bool {
	if name, ok := strings.CutPrefix(s, "_"); ok {
		return name != "" && strings.Trim(name, obfuscated) == ""
	}
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n < 1<<16 && s[0] != '+' && s[0] != '-'
}

// FuzzForwarded holds the header of RFC 7239 against a reader that splits the
// list first and matches its parameters by a regular expression, where the two
// must agree: in a list without a comma in quotes. (One in quotes ends the walk; a reader from the left would
// let a quote that is left open swallow what our proxy appended.)
func FuzzForwarded(f *testing.F) {
	for _, seed := range []string{
		"for=198.51.100.7", `for="[2001:db8::1]:80";proto=https;host=dash.example, for=10.0.0.2`, "for=6.6.6.6,for=198.51.100.7\nfor=10.0.0.2;proto=https;by=x",
		`For=10.0.0.2;HOST="a\"b";x="\\"`, "for=_hidden", "for=unknown;host=dash.example", ";", "for=1.1.1.1;", "for=1.1.1.1 ; proto=http", `for="1.1.1.1"x`,
		"for=1.1.1.1;for=2.2.2.2", "x=y", "for=", "for==", `for="`, `host="[::1]:8443";for=10.0.0.3`, "proto=HTTPS;for=10.0.0.2, ,for=1.1.1.1", "host=a:99999;for=10.0.0.2",
		`x="\";for=6.6.6.6;\"";for=1.1.1.1`, "for=1.1.1.1;;proto=https", "for=1.1.1.1;secure", " for=1.1.1.1\t,for=10.0.0.2 ;\thost=a", "proto=https;x=1;x=2;for=1.1.1.1",
	} {
		f.Add(seed)
	}
	res, err := New(&Options{TrustedProxies: []string{"10.0.0.0/8"}, Headers: Forwarded})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:4000"
		r.Header["Forwarded"] = strings.Split(text, "\n")
		got := res.Client(r)
		list := strings.ReplaceAll(text, "\n", ",")
		elements := strings.Split(list, ",")
		if commaInQuotes(list) || len(elements) > maxElements || len(text) >= maxBytes {
			return
		}
		want := satra.Client{Addr: netip.MustParseAddr("10.0.0.1"), Scheme: "http", Host: "example.com"}
		for i, element := range slices.Backward(elements) {
			hop, ok := hopSlowly(strings.Trim(element, " \t"))
			if !ok {
				break
			}
			if i == len(elements)-1 {
				setScheme(&want, hop["proto"])
				setHost(&want, hop["host"])
			}
			addr, ok := nodeSlowly(hop["for"])
			if !ok {
				break
			}
			if want.Addr = addr; !res.trusts(addr) {
				break
			}
		}
		if got != want {
			t.Fatalf("%q: got %+v, want %+v", text, got, want)
		}
	})
}

// commaInQuotes reads from the left.
func commaInQuotes(s string) bool {
	inQuotes := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			inQuotes = !inQuotes
		case inQuotes && s[i] == '\\':
			i++
			if i < len(s) && s[i] == ',' {
				return true
			}
		case inQuotes && s[i] == ',':
			return true
		}
	}
	return false
}

// pair is name=value with a semicolon or the end behind it.
var pair = regexp.MustCompile(`^([^=]*)=(?:"((?:[^"\\]|\\(?s:.))*)"|([^"; \t][^; \t]*))[ \t]*(?:;[ \t]*|$)`)

// hopSlowly reads the parameters of an element; those that matter come once.
func hopSlowly(s string) (map[string]string, bool) {
	hop := map[string]string{}
	for s != "" {
		m := pair.FindStringSubmatch(s)
		if m == nil || !isToken(m[1]) || m[3] != "" && !isToken(m[3]) {
			return nil, false
		}
		name := strings.ToLower(m[1])
		if _, twice := hop[name]; twice && slices.Contains([]string{"for", "proto", "host"}, name) {
			return nil, false
		}
		hop[name] = m[2] + m[3]
		s = s[len(m[0]):]
	}
	return hop, true
}

// FuzzHost: what is taken over as a host can stand in a URL, and is its host,
// all of it and nothing else.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"dash.example", "dash.example:8443", "[::1]:80", "127.0.0.1", "a_b", "", ":", "[", "[]", "[::1", "::1", "a:b", "a:", "a:65536", "a..b", ".a", "[::1%25x]", "[1.2.3.4]", "a:1:2", "A.", "xn--a:0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !validHost(s) {
			return
		}
		if strings.Contains("."+s, "..") {
			t.Fatalf("%q is taken for a host, and has an empty label", s)
		}
		u, err := url.Parse("https://" + s + "/path")
		if err != nil || u.Host != s || u.User != nil || u.Path != "/path" || u.RawQuery != "" || u.Hostname() == "" {
			t.Fatalf("%q is taken for a host; in a URL it is %+v, %v", s, u, err)
		}
		origin := satra.Client{Scheme: "https", Host: s}.Origin()
		if again, err := url.Parse(origin); err != nil || again.String() != origin || strings.ToLower(u.Hostname()) != again.Hostname() {
			t.Fatalf("%q makes the origin %q, %v", s, origin, err)
		}
	})
}
