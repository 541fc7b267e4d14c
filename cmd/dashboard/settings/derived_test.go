package settings

import (
	"slices"
	"strings"
	"testing"
)

func TestCookieSecure(t *testing.T) {
	const lan, tls = "-addr 192.0.2.7:8080 -insecure-listen ", "-tls-cert c -tls-key k "
	for _, c := range []struct {
		flags string
		want  bool
	}{
		{"", false},
		{"-addr localhost:0", false},
		{"-addr 127.9.9.9:1", false},
		{"-addr [::1]:1", false},
		{"-addr [::ffff:127.0.0.1]:1", false},
		{"-cookie-secure on", true},
		{"-cookie-secure off", false},
		{tls, true},
		{"-public-origin https://dash.example", true},
		{"-public-origin http://localhost:8080", true},
		{"-public-origin http://localhost:8080 -cookie-secure off", false},
		{lan, true},
		{lan + "-cookie-secure off", false},
		{"-addr :8080 " + tls, true},
	} {
		s, err := load(c.flags, nil, "")
		if err != nil {
			t.Errorf("%s: got the error %v, want none", c.flags, err)
		} else if got := s.CookieSecure(); got != c.want {
			t.Errorf("%s: got secure %v, want %v", c.flags, got, c.want)
		}
	}
}

// Settings that are right alone and wrong together.
func TestRules(t *testing.T) {
	const proxied = "-public-origin https://dash.example -trusted-proxies 10.0.0.0/8 "
	const reachable = "can be reached from other machines, and nothing encrypts"
	for _, c := range []struct{ flags, want string }{
		{"-addr :8080", reachable},
		{"-addr 0.0.0.0:8080", reachable},
		{"-addr [::]:8080", reachable},
		{"-addr 192.0.2.7:8080", reachable},
		{"-addr dash.example:8080", reachable},
		{"-addr localhost.example:8080", reachable},
		{"-addr :8080 -public-origin https://dash.example", reachable},
		{"-addr :8080 -trusted-proxies 10.0.0.0/8", reachable},
		{"-addr :8080 -public-origin http://localhost:8080 -trusted-proxies 10.0.0.0/8", reachable},
		{"-addr :8080 -insecure-listen=false", reachable},
		{"-addr :8080 -insecure-listen", ""},
		{"-addr :8080 " + proxied, ""},
		{"-addr :8080 -tls-cert c -tls-key k", ""},
		{"-addr :8080 -tls-cert c", "tls-cert is given without tls-key"},
		{proxied + "-cookie-secure off", "cookie-secure: off would send"},
		{"-tls-cert c -tls-key k -cookie-secure off", "cookie-secure: off would send"},
		{"-tls-cert c -tls-key k -public-origin http://localhost:8080", "is plain HTTP, and with tls-cert and tls-key"},
		{"-tls-cert c -tls-key k -public-origin https://localhost:8080", ""},
	} {
		_, err := load(c.flags, nil, "")
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got the error %v, want none", c.flags, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got the error %v, want one line with %s", c.flags, err, c.want)
		}
	}
}

// A rule does not guess about a setting that has a problem already.
func TestNoFollowUpProblems(t *testing.T) {
	_, err := load("-addr :8080 -tls-cert c -tls-key k -public-origin http://x -cookie-secure off", nil, "")
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "-public-origin") {
		t.Errorf("got the error %v, want the public origin's only", err)
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"", ""},
		{"-addr 192.0.2.7:80 -insecure-listen", "cookie-secure is on, and browsers keep no such cookie"},
		{"-addr 192.0.2.7:80 -insecure-listen -cookie-secure off", "insecure-listen: whoever sees the network"},
		{"-insecure-listen", ""}, // it loosens nothing on loopback
		{"-session-timeout 2h -session-lifetime 1h", "session-lifetime (1h) is shorter than session-timeout (2h)"},
		{"-public-origin https://dash.example", "public-origin is given without trusted-proxies"},
		{"-public-origin https://dash.example -trusted-proxies ::1", ""},
		{"-public-origin https://dash.example -tls-cert c -tls-key k", ""},
	} {
		s, err := load(c.flags, nil, "")
		if err != nil {
			t.Errorf("%s: got the error %v, want none", c.flags, err)
			continue
		}
		if got := strings.Join(s.Warnings, "\n"); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got the warnings %q, want %q", c.flags, got, c.want)
		}
	}
}

func TestOriginAndHosts(t *testing.T) {
	const tls = " -tls-cert c -tls-key k"
	for _, c := range []struct {
		flags, origin, hosts string
		port                 int
		any                  bool
	}{
		{"", "http://127.0.0.1:8080", "localhost:8080 127.0.0.1:8080 [::1]:8080", 8080, false},
		{"-addr localhost:0", "http://localhost:34567", "localhost:34567 127.0.0.1:34567 [::1]:34567", 34567, false},
		{"-addr LOCALHOST:80", "http://localhost", "localhost 127.0.0.1 [::1]", 80, false},
		{"-addr [0:0::1]:443" + tls, "https://[::1]", "localhost 127.0.0.1 [::1]", 443, false},
		{"-addr 127.0.0.5:80", "http://127.0.0.5", "localhost 127.0.0.1 [::1] 127.0.0.5", 80, false},
		{"-addr :8443" + tls, "https://localhost:8443", "localhost:8443 127.0.0.1:8443 [::1]:8443", 8443, true},
		{"-addr [::]:8443" + tls, "https://localhost:8443", "localhost:8443 127.0.0.1:8443 [::1]:8443", 8443, true},
		{"-addr Dash.Example:443" + tls, "https://dash.example", "localhost 127.0.0.1 [::1] dash.example", 443, false},
		{"-public-origin https://Dash.Example:443 -addr :8080 -trusted-proxies ::1", "https://dash.example", "localhost:8080 127.0.0.1:8080 [::1]:8080 dash.example", 8080, false},
		{"-public-origin https://dash.example:8443", "https://dash.example:8443", "localhost:8080 127.0.0.1:8080 [::1]:8080 dash.example:8443", 8080, false},
		{"-public-origin https://[2001:DB8::1]", "https://[2001:db8::1]", "localhost:8080 127.0.0.1:8080 [::1]:8080 [2001:db8::1]", 8080, false},
		{"-public-origin http://localhost:80", "http://localhost", "localhost:8080 127.0.0.1:8080 [::1]:8080 localhost", 8080, false},
	} {
		s, err := load(c.flags, nil, "")
		if err != nil {
			t.Errorf("%s: got the error %v, want none", c.flags, err)
			continue
		}
		if got := s.Origin(c.port); got != c.origin {
			t.Errorf("%s: got the origin %s, want %s", c.flags, got, c.origin)
		}
		if got := s.Hosts(c.port); !slices.Equal(got, strings.Fields(c.hosts)) {
			t.Errorf("%s: got the hosts %q, want %s", c.flags, got, c.hosts)
		}
		if got := s.AnyAddress(); got != c.any {
			t.Errorf("%s: got any address %v, want %v", c.flags, got, c.any)
		}
	}
}
