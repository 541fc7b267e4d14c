package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/satra-sessions/satra"
)

// raw sends a request as it stands, which net/http would put right, and returns the
// answer. Each line is a header; the connection is not used again.
func (s *scene) raw(first string, header ...string) (*http.Response, string) {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.host())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	text := first + "\r\n" + strings.Join(header, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	method, _, _ := strings.Cut(first, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		s.t.Fatalf("%s %q: %v", first, header, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // a stream has no end
	return resp, string(body)
}

func (s *scene) host() string { return strings.TrimPrefix(s.origin, "http://") }

// TestAWebSocketFromElsewhere begins a handshake as a page of somebody else's does:
// browsers send the cookie along, and no Sec-Fetch-Site.
func TestAWebSocketFromElsewhere(t *testing.T) {
	s := stage(t)
	ours := s.origin
	refused := 0
	for what, origin := range map[string][]string{
		"another site":                 {"Origin: https://evil.example"},
		"a sandboxed frame":            {"Origin: null"},
		"no origin, which is a script": nil,
		"an empty origin":              {"Origin: "},
		"another port":                 {"Origin: http://127.0.0.1:1"},
		"another scheme":               {"Origin: " + strings.Replace(ours, "http:", "https:", 1)},
		"ours as the user's name":      {"Origin: " + ours + "@evil.example"},
		"ours as the beginning":        {"Origin: " + ours + ".evil.example"},
		"ours and another":             {"Origin: " + ours, "Origin: https://evil.example"},
		"another and ours":             {"Origin: https://evil.example", "Origin: " + ours},
		"a claim of another header":    {"Origin: https://evil.example", "Sec-Fetch-Site: same-origin"},
	} {
		for _, upgrade := range [][]string{
			{"Upgrade: websocket", "Connection: Upgrade"},
			{"upgrade: WebSocket", "connection: keep-alive, upgrade"},
			{"Upgrade: h2c, websocket", "Connection: Upgrade"},
			{"Upgrade: h2c", "Upgrade: websocket", "Connection: Upgrade"},
		} {
			for _, first := range []string{"GET / HTTP/1.1", "GET /market HTTP/1.1", "GET /api/session/events HTTP/1.1", "POST /session/end HTTP/1.1"} {
				header := append([]string{"Host: " + s.host(), "Cookie: " + s.cookie(s.victim), "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="}, upgrade...)
				resp, body := s.raw(first, append(header, origin...)...)
				s.wantRefused(what+", "+first, resp, body, 403, "CROSS_ORIGIN")
				refused++
			}
		}
	}
	resp, body := s.raw("GET / HTTP/1.1", "Host: "+s.host(), "Cookie: "+s.cookie(s.victim), "Upgrade: websocket", "Connection: Upgrade", "Origin: "+ours)
	if resp.StatusCode != 200 {
		t.Errorf("a handshake of our own page: got %d\n%s", resp.StatusCode, body)
	}
	s.wantUnharmed("a WebSocket from elsewhere")
	log := s.recorded()
	s.wantRecorded(log, satra.EventCrossOrigin, refused)
	for _, e := range log {
		if e.Kind == satra.EventCrossOrigin && !strings.Contains(e.Detail, "handshake") {
			t.Errorf("got the detail %q, want that it was a handshake", e.Detail)
		}
	}
}

// TestDNSRebinding asks by a name of the attacker's that resolves to this machine:
// for the browser, its page and the dashboard are one origin then.
func TestDNSRebinding(t *testing.T) {
	s := stage(t)
	_, port, _ := net.SplitHostPort(s.host())
	for _, host := range []string{
		"evil.example", "evil.example:" + port, "127.0.0.1.evil.example:" + port, "localhost.evil.example:" + port,
		"evil.example:80@" + s.host(), "localhost.:" + port, "0.0.0.0:" + port, "127.1:" + port, "[::ffff:203.0.113.7]:" + port, "127.0.0.1", "127.0.0.1:1", "",
	} {
		for _, first := range []string{"GET /", "GET /signin", "GET /market", "GET /api/session/info", "GET /api/session/csrf-token", "GET /api/session/events", "GET /static/nope", "POST /session/end", "POST /api/session/clear"} {
			resp, body := s.raw(first+" HTTP/1.1", "Host: "+host, "Cookie: "+s.cookie(s.victim), "Origin: http://"+host, "Sec-Fetch-Site: same-origin")
			if resp.StatusCode == http.StatusBadRequest && !strings.Contains(body, "code") {
				s.wantCookiesLeft(host, resp) // net/http takes it for no host at all
				continue
			}
			s.wantRefused(first+" by the name "+host, resp, body, 421, "MISDIRECTED_REQUEST")
		}
	}
	for what, sent := range map[string][]string{
		"a proxy's word":                 {"GET / HTTP/1.1", "Host: evil.example", "X-Forwarded-Host: " + s.host(), "Forwarded: host=" + s.host()},
		"an address of the whole, whose": {"GET http://evil.example/ HTTP/1.1", "Host: " + s.host()},
		"no name":                        {"GET / HTTP/1.0"},
	} {
		resp, body := s.raw(sent[0], append(sent[1:], "Cookie: "+s.cookie(s.victim))...)
		s.wantRefused(what, resp, body, 421, "MISDIRECTED_REQUEST")
	}
	if resp, _ := s.raw("GET / HTTP/1.1", "Host: "+s.host(), "Host: evil.example", "Cookie: "+s.cookie(s.victim)); resp.StatusCode != 400 {
		t.Errorf("two hosts: got %d, want 400", resp.StatusCode)
	}
	if resp, body := s.raw("GET / HTTP/1.1", "Host: "+s.host(), "X-Forwarded-Host: evil.example", "Cookie: "+s.cookie(s.victim)); resp.StatusCode != 200 {
		t.Errorf("by our own name: got %d\n%s", resp.StatusCode, body)
	}
	s.wantUnharmed("DNS rebinding")
	for _, want := range []string{"status=421", "host=evil.example ", "host=localhost.evil.example:" + port} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log lacks %q:\n%.2000s", want, s.log)
		}
	}
}

// TestDNSRebindingOverHTTPS asks by HTTP/2, where the host has a header of its own.
// A certificate refuses it first, unless the browser has been told to overlook that.
func TestDNSRebindingOverHTTPS(t *testing.T) {
	s := stageHTTPS(t)
	for _, path := range []string{"/", "/signin", "/api/session/info", "/api/session/csrf-token"} {
		for _, method := range []string{"GET", "POST"} {
			resp, body := s.attack(method, path, "", s.cookie(s.victim), "Host", "evil.example", "Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin")
			if s.wantRefused(method+" "+path, resp, body, 421, "MISDIRECTED_REQUEST"); resp.ProtoMajor != 2 {
				t.Errorf("it came by %s, want HTTP/2", resp.Proto)
			}
		}
	}
	s.wantUnharmed("DNS rebinding")
	if !strings.Contains(s.log.String(), "host=evil.example ") {
		t.Errorf("the log does not name the host:\n%.2000s", s.log)
	}
}
