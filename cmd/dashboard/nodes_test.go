package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/internal/testserver"
)

// TestTwoNodesOnOneStore signs out on one node and shows the old cookie to the
// other, where a stream was open.
func TestTwoNodesOnOneStore(t *testing.T) {
	for kind, address := range map[string]func(*testing.T) string{
		"redis":    func(t *testing.T) string { return testserver.StartRedis(t, false).URL() },
		"postgres": func(t *testing.T) string { return testserver.StartPostgres(t).URL("postgres") },
		"a shared file": func(t *testing.T) string {
			return "sqlite:" + t.TempDir() + "/sessions.db?shared=1"
		},
	} {
		t.Run(kind, func(t *testing.T) {
			store := address(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			keys := newKeys(t)
			here := start(t, ctx, t.TempDir(), "-store", store, "-seal-keys", keys)
			there := start(t, ctx, t.TempDir(), "-store", store, "-seal-keys", keys)

			resp, _ := ask(t, "GET", here.origin+"/", "")
			cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
			_, info := ask(t, "GET", there.origin+"/api/session/info", cookie)
			if !strings.Contains(info, `"is_active":true`) {
				t.Fatalf("the other node knows nothing of the session: %s", info)
			}
			stream := follow(t, there.origin, cookie)
			_, said := ask(t, "GET", here.origin+"/api/session/csrf-token", cookie)
			token := regexp.MustCompile(`"csrf_token":"([^"]*)"`).FindStringSubmatch(said)
			if token == nil {
				t.Fatalf("no token: %s", said)
			}
			if resp, said := ask(t, "POST", here.origin+"/api/session/clear", cookie, "X-CSRF-Token", token[1]); resp.StatusCode != 200 {
				t.Fatalf("the sign-out: %d %s", resp.StatusCode, said)
			}
			if rest, err := io.ReadAll(stream); err != nil || !strings.Contains(string(rest), "event: ended") || !strings.Contains(string(rest), `"reason":"signed_out"`) {
				t.Errorf("the stream on the other node: got %q and %v, want that it ends with the reason", rest, err)
			} else if strings.Contains(string(rest), "\n:\n") {
				t.Error("a heartbeat came before the end, which was announced")
			}
			if resp, info := ask(t, "GET", there.origin+"/api/session/info", cookie); resp.StatusCode != 401 || !strings.Contains(info, `"reason":"signed_out"`) {
				t.Errorf("the old cookie on the other node: got %d %s, want 401 signed_out", resp.StatusCode, info)
			}

			resp, _ = ask(t, "GET", there.origin+"/", "")
			cookie, _, _ = strings.Cut(resp.Header.Get("Set-Cookie"), ";")
			stream = follow(t, there.origin, cookie)
			cancel()
			here.wantEnd()
			there.wantEnd()
			if rest, err := io.ReadAll(stream); err != nil || strings.Contains(string(rest), "event:") {
				t.Errorf("as the program ends: got %q and %v, want that the stream is closed and tells of no end", rest, err)
			}
		})
	}
}

// follow opens a stream of the session's events and reads the first of them.
func follow(t *testing.T, origin, cookie string) *bufio.Reader {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", origin+"/api/session/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	in := bufio.NewReader(resp.Body)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended without a state: %d, %v", resp.StatusCode, err)
		}
		if strings.HasPrefix(line, `data: {"session_id"`) {
			return in
		}
	}
}

func ask(t *testing.T, method, url, cookie string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return send(t, http.DefaultClient, r)
}
