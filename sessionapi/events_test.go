package sessionapi_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/sessionapi"
)

// withLive runs a test in a bubble, with a server that is stopped at its end.
func withLive(t *testing.T, o satra.Options, api *sessionapi.Options, test func(*testing.T, *live)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := serveLive(t, o, api)
		defer l.stop()
		test(t, l)
	})
}

// The whole of a stream, byte by byte: it outlives the server's timeouts by far,
// says when the end moves, warns, and ends with the session.
func TestAStreamOfEvents(t *testing.T) {
	withLive(t, satra.Options{}, nil, func(t *testing.T, l *live) {
		cookie := l.act("/signin", l.act("/start", ""))
		s := l.listen(cookie)
		state := s.next("state")
		var told told
		if err := json.Unmarshal([]byte(state.data), &told); err != nil || told.Principal != "alice" || *told.Remaining != 3600 {
			t.Errorf("got the state %s (%v), want alice's session with an hour left", state.data, err)
		}
		time.Sleep(10 * time.Minute)
		l.act("/extend", cookie)
		if e := s.next("extended"); e.after.Round(time.Second) != 10*time.Minute {
			t.Errorf("the extension was told after %v, want at once", e.after)
		}
		if e := s.next("expiring"); e.after.Round(time.Second) != 65*time.Minute {
			t.Errorf("the warning came after %v, want five minutes before the end", e.after)
		}
		if e := s.next("ended"); e.after.Round(time.Second) != 70*time.Minute {
			t.Errorf("the end came after %v, want when the session's did", e.after)
		}
		s.wantOver()

		text := strings.NewReplacer(told.ID.String(), "SESSION-ID").Replace(s.raw.String())
		text = regexp.MustCompile(`retry: [23]\d\d\d\n`).ReplaceAllString(text, "retry: RETRY\n")
		text = regexp.MustCompile(`\.\d+Z`).ReplaceAllString(text, ".FRACTIONZ")
		beats := strings.Count(text, ":\n\n")
		if want := int(70 * time.Minute / (25 * time.Second)); beats != want {
			t.Errorf("got %d heartbeats, want %d: one in 25 seconds", beats, want)
		}
		golden(t, "events.txt", strings.ReplaceAll(text, ":\n\n", ""))
		var headers strings.Builder
		for _, name := range []string{"Content-Type", "Cache-Control", "Vary", "X-Accel-Buffering", "X-Content-Type-Options"} {
			headers.WriteString(s.Header.Get(name) + "; ")
		}
		if got := headers.String(); got != "text/event-stream; no-store; Cookie; no; nosniff; " || s.Header["Set-Cookie"] != nil {
			t.Errorf("got %s and %v", got, s.Header)
		}
	})
}

func TestAStreamEndsWithTheDecision(t *testing.T) {
	withLive(t, satra.Options{}, nil, func(t *testing.T, l *live) {
		cookie := l.act("/start", "")
		first, second := l.listen(cookie), l.listen(cookie)
		first.next("state")
		second.next("state")
		l.act("/signout", cookie)
		synctest.Wait()
		var id string
		for _, s := range []*listener{first, second} {
			e := s.next("ended")
			if id = e.id; !strings.Contains(e.data, `"code":"SESSION_REVOKED","reason":"signed_out"`) || e.after != 0 {
				t.Errorf("got %s after %v, want the reason at once", e.data, e.after)
			}
			s.wantOver()
		}

		// The cookie of before is told once more, and one that knows is told to stop.
		again := l.listen(cookie)
		if e := again.next("ended"); !strings.Contains(e.data, `"reason":"signed_out"`) || e.id != id {
			t.Errorf("got %+v, want the end again", e)
		}
		again.wantOver()
		again = l.listen(cookie, "Last-Event-ID: another")
		again.next("ended")
		again.wantOver()
		if again = l.listen(cookie, "Last-Event-ID: "+id); again.StatusCode != http.StatusNoContent || again.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("with the end's ID: got %d %v, want 204", again.StatusCode, again.Header)
		}
		again.wantOver()
	})
}

// A sign-in closes the stream of the older cookie without a word: it is opened
// anew with the new one. The old one is shown the door for half a minute, and
// then told to stop.
func TestAStreamAndASignIn(t *testing.T) {
	withLive(t, satra.Options{}, nil, func(t *testing.T, l *live) {
		former := l.act("/start", "")
		s := l.listen(former)
		s.next("state")
		cookie := l.act("/signin", former)
		s.wantOver()
		for range 2 {
			s = l.listen(former)
			if s.StatusCode != 200 || !strings.HasPrefix(s.raw.String(), "retry: ") {
				t.Errorf("got %d %q, want an empty stream that is to be opened again", s.StatusCode, s.raw.String())
			}
			s.wantOver()
		}
		s = l.listen(cookie)
		if e := s.next("state"); !strings.Contains(e.data, `"principal":"alice"`) {
			t.Errorf("got %s, want alice's session", e.data)
		}
		time.Sleep(31 * time.Second)
		if old := l.listen(former); old.StatusCode != http.StatusNoContent {
			t.Errorf("the old cookie after half a minute: got %d, want 204", old.StatusCode)
		}
		l.act("/signout", cookie)
		s.next("ended")
		s.wantOver()
	})
}

func TestStreamsThatAreNotOpened(t *testing.T) {
	withLive(t, satra.Options{}, &sessionapi.Options{MaxStreamsPerSession: 1}, func(t *testing.T, l *live) {
		s := l.listen("")
		if s.StatusCode != http.StatusNoContent {
			t.Errorf("without a session: got %d, want 204", s.StatusCode)
		}
		s.wantOver()
		cookie := l.act("/start", "")
		for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
			resp := l.do("GET", base+"/events", cookie, header, "Origin: https://evil.example")
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "CROSS_ORIGIN") {
				t.Errorf("%s: got %d %s, want 403", header, resp.StatusCode, body)
			}
		}
		resp := l.do("HEAD", base+"/events", cookie)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("HEAD: got %d %v", resp.StatusCode, resp.Header)
		}
		resp.Body.Close()
		synctest.Wait()
		l.listen(cookie).next("state") // HEAD holds no place
		l.m.Close(t.Context())
		resp = l.do("GET", base+"/events", cookie)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("while the server stops: got %d %v, want 503 with Retry-After", resp.StatusCode, resp.Header)
		}
		resp.Body.Close()
	})
}

func TestStreamsAreBounded(t *testing.T) {
	withLive(t, satra.Options{}, &sessionapi.Options{MaxStreams: 10}, func(t *testing.T, l *live) {
		cookie, other, third := l.act("/start", ""), l.act("/start", ""), l.act("/start", "")
		refused := func(cookie string) {
			t.Helper()
			resp := l.do("GET", base+"/events", cookie)
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "60" || !strings.Contains(string(body), "RATE_LIMITED") {
				t.Errorf("got %d %v %s, want 429", resp.StatusCode, resp.Header, body)
			}
		}
		var eight []*listener
		for range 8 {
			eight = append(eight, l.listen(cookie))
			eight[len(eight)-1].next("state")
		}
		refused(cookie)
		for range 2 {
			l.listen(other).next("state")
		}
		refused(third)
		eight[0].Body.Close()
		synctest.Wait()
		l.listen(cookie).next("state")
		refused(third)
		l.act("/signout", cookie)
		synctest.Wait()
		l.listen(third).next("state")
	})
}

// A client that takes nothing holds its place for no longer than a write may
// take.
func TestAClientThatTakesNothing(t *testing.T) {
	withLive(t, satra.Options{}, &sessionapi.Options{MaxStreams: 1}, func(t *testing.T, l *live) {
		cookie := l.act("/start", "")
		conn, err := l.transport.DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ask(conn, "GET", base+"/events", cookie)
		time.Sleep(9 * time.Second)
		resp := l.do("GET", base+"/events", cookie)
		if resp.Body.Close(); resp.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("got %d, want that there is no place", resp.StatusCode)
		}
		time.Sleep(2 * time.Second)
		l.listen(cookie).next("state")
	})
}

func ask(conn net.Conn, method, path, cookie string) {
	io.WriteString(conn, method+" "+path+" HTTP/1.1\r\nHost: dash.example\r\nCookie: "+cookie+"\r\n\r\n")
}

func TestOptionsOfStreams(t *testing.T) {
	_, err := sessionapi.New(newApp(t, satra.Options{}, nil).m, newApp(t, satra.Options{}, nil).p,
		&sessionapi.Options{Base: "x", Warning: -time.Second, MaxStreams: -1, MaxStreamsPerSession: -1})
	for _, want := range []string{"Options.Base", "Options.Warning", "Options.MaxStreams:", "Options.MaxStreamsPerSession"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want that %s is wrong", err, want)
		}
	}
	for warning, want := range map[time.Duration]time.Duration{
		satra.Never: -1, time.Minute: 59 * time.Minute, 2 * time.Hour: 30 * time.Minute,
	} {
		withLive(t, satra.Options{}, &sessionapi.Options{Warning: warning}, func(t *testing.T, l *live) {
			s := l.listen(l.act("/start", ""))
			s.next("state")
			if want >= 0 {
				if e := s.next("expiring"); e.after.Round(time.Second) != want {
					t.Errorf("Warning %v: got it after %v, want after %v", warning, e.after, want)
				}
			}
			s.next("ended")
			s.wantOver()
		})
	}
}
