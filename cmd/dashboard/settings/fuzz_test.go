package settings

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// valid checks what must hold for whatever Load returns.
func valid(t *testing.T, s *Settings, err error) {
	t.Helper()
	if (s == nil) != (err != nil) {
		t.Fatalf("got the settings %v and the error %v, want one of them", s, err)
	}
	if err != nil {
		var p *Problems
		if !errors.Is(err, ErrHelp) && (!errors.As(err, &p) || len(p.List) == 0 || slices.Contains(p.List, "")) {
			t.Fatalf("got the error %v, want help or problems", err)
		}
		if len(err.Error()) > 100_000 || strings.ContainsAny(err.Error(), "\x00\x1b\r\t") {
			t.Fatalf("got the error %q, want one that can be shown", err)
		}
		return
	}
	for _, d := range []time.Duration{s.SessionTimeout, s.SessionLifetime} {
		if d < time.Second || d > maxLife || d%time.Second != 0 {
			t.Fatalf("got the duration %v, want whole seconds in the bounds", d)
		}
	}
	protected := s.TLS() || s.publicHTTPS() && len(s.TrustedProxies) > 0
	if !s.Loopback() && !protected && !s.InsecureListen {
		t.Fatalf("got %+v, want no plain listener beyond loopback", s)
	}
	if (protected || s.publicHTTPS()) && !s.CookieSecure() {
		t.Fatalf("got %+v, want a secure cookie", s)
	}
	u, uerr := url.Parse(s.Origin(8080))
	if uerr != nil || u.Scheme+"://"+u.Host != s.Origin(8080) || !slices.Contains(s.Hosts(8080), u.Host) {
		t.Fatalf("got the origin %q and the hosts %q, want an origin whose host is among them", s.Origin(8080), s.Hosts(8080))
	}
	var b bytes.Buffer
	if perr := s.Print(&b); perr != nil || strings.Count(b.String(), "\n") != shown() || strings.ContainsAny(b.String(), "\x00\x1b\r\t") {
		t.Fatalf("got %q, want a line for each setting", b.String())
	}
}

func FuzzDuration(f *testing.F) {
	for _, v := range []string{"3600", "90m", "0", "-1", "1h30m", "1e3", "9223372036854775807", "2562047h47m16.854775807s", "1ns", "٣", "+5", "1_000"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		var s Settings
		if err := find("session-timeout").parse(&s, v); err != nil {
			if s.SessionTimeout != 0 {
				t.Fatalf("%q: got %v beside the error, want nothing changed", v, s.SessionTimeout)
			}
			return
		}
		if s.SessionTimeout < time.Second || s.SessionTimeout > maxTimeout {
			t.Fatalf("%q: got %v, want it in the bounds", v, s.SessionTimeout)
		}
		again := s
		if err := find("session-timeout").parse(&again, spell(s.SessionTimeout)); err != nil || again.SessionTimeout != s.SessionTimeout {
			t.Fatalf("%q: got %v (%v) from %s, want what it was written from", v, again.SessionTimeout, err, spell(s.SessionTimeout))
		}
	})
}

func FuzzFile(f *testing.F) {
	for _, file := range []string{`{"session-timeout": 60, "log-level": "warn"}`, `{"trusted-proxies": ["::1"], "public-origin": "https://a.b"}`,
		`{"addr": ":1", "insecure-listen": true}`, `{"tls-cert": "c", "tls-key": "k"}`, "{}", "[", `{"a":1,"a":2}`, "{\"addr\": \"\\u0000\"}", `{"store": "x://u:p@h"}`} {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := Load([]string{"-config", "c.json"}, nil, func(string) ([]byte, error) { return file, nil })
		valid(t, s, err)
	})
}

// Whole sets of flags (one a line) and environments (one a line).
func FuzzLoad(f *testing.F) {
	f.Add("-addr\n:8080\n-insecure-listen", "SESSION_TIMEOUT=90m\nLOG_LEVEL=debug")
	f.Add("-public-origin=https://a.b\n-trusted-proxies\n10.0.0.0/8,::1\n-addr=:1", "SESSION_COOKIE_SECURE=off")
	f.Add("--tls-cert=c\n-tls-key\nk\n-cookie-secure=on", "DASHBOARD_ADDR=[::]:443\nDASHBOARD_ADR=1\nSESSION_MANAGER=x")
	f.Add("-h\n-\n--\n---\n-=\nx", "=\n==\nPUBLIC_ORIGIN=http://127.0.0.1\nDASHBOARD_CONFIG=c.json")
	f.Add("-addr=[fe80::1%e]:1\n-insecure-listen", "PUBLIC_ORIGIN=https://[::ffff:1.2.3.4]:443")
	f.Fuzz(func(t *testing.T, args, environ string) {
		s, err := Load(strings.Split(args, "\n"), strings.Split(environ, "\n"), files(map[string]string{"c.json": `{"log-level": "warn"}`}))
		valid(t, s, err)
	})
}
