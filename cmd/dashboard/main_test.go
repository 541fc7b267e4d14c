package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A running dashboard, from its settings to the line that says that it ended.
type running struct {
	t      *testing.T
	stdout *io.PipeReader
	report string
	origin string
	log    *lines
	ended  chan error
}

// lines are what the program has logged so far.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var originLine = regexp.MustCompile(`(?m)^  origin +(\S+)$`)

// start runs the program until it says where it is to be found.
func start(t *testing.T, ctx context.Context, data string, args ...string) *running {
	t.Helper()
	r, w := io.Pipe()
	p := &running{t: t, stdout: r, log: new(lines), ended: make(chan error, 1)}
	args = append([]string{"-addr", "127.0.0.1:0", "-data-dir", data}, args...)
	go func() {
		err := run(ctx, args, nil, w, p.log)
		w.CloseWithError(err)
		p.ended <- err
	}()
	line := make([]byte, 4096)
	for !strings.Contains(p.report, "Ctrl-C") {
		n, err := r.Read(line)
		if p.report += string(line[:n]); err != nil {
			t.Fatalf("the program ended before it had started: %v\n%s", err, p.report)
		}
	}
	p.origin = originLine.FindStringSubmatch(p.report)[1]
	return p
}

// wantEnd waits for the program's end, which must be a good one.
func (p *running) wantEnd() {
	p.t.Helper()
	rest, err := io.ReadAll(p.stdout)
	if err != nil || string(rest) != "  ended\n" {
		p.t.Errorf("got %q and %v at the end, want that it says that it ended", rest, err)
	}
	if err := <-p.ended; err != nil {
		p.t.Errorf("got %v, want no error", err)
	}
	if _, err := http.Get(p.origin); err == nil {
		p.t.Error("it still answers")
	}
}

func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, client, r)
}

// send returns the answer and its body.
func send(t *testing.T, client *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestTheProgramFromStartToEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := start(t, ctx, t.TempDir(), "-session-timeout", "90m", "-store", "memory")
	for _, want := range []string{"memory: sessions end with this program", "end after 1h30m without use, and after 12h at the latest", "satra, over plain HTTP", "covers 2026", "Open " + p.origin} {
		if !strings.Contains(p.report, want) {
			t.Errorf("the report lacks %q:\n%s", want, p.report)
		}
	}
	resp, body := get(t, http.DefaultClient, p.origin)
	if resp.StatusCode != 200 || !strings.Contains(body, "after 1 h 30 min") {
		t.Errorf("got %d:\n%s", resp.StatusCode, body)
	}
	cancel()
	p.wantEnd()
}

func TestASessionOutlivesTheProgram(t *testing.T) {
	data := t.TempDir()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	sessionID := func() string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := start(t, ctx, data)
		if want := "sqlite:" + filepath.Join(data, "sessions.db"); !strings.Contains(p.report, want) {
			t.Errorf("the report lacks %q:\n%s", want, p.report)
		}
		get(t, client, p.origin)
		_, info := get(t, client, p.origin+"/api/session/info")
		cancel()
		p.wantEnd()
		return regexp.MustCompile(`"session_id":"[^"]*"`).FindString(info)
	}
	before := sessionID()
	if after := sessionID(); before == "" || after != before {
		t.Errorf("after a restart: got %s, want %s", after, before)
	}
}

func TestAStoreThatCannotBeOpened(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("not a database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, []string{"-store", "sqlite:" + file}, "store: ", file)
	wantRefusal(t, []string{"-store", "redis://app:hush@127.0.0.1:1/0"}, "store: ", "redis://app:[redacted]@127.0.0.1:1/0")
	wantRefusal(t, []string{"-store", "postgres://app:hush@127.0.0.1:1/app"}, "store: ", "postgres://app:[redacted]@127.0.0.1:1/app")
}

func TestATakenPortIsOneClearLine(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	addr := other.Addr().String()
	wantRefusal(t, []string{"-addr", addr}, "another program listens on "+addr+" already", "-addr")
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("{bad"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := pair(t)
	none := filepath.Join(dir, "none")
	for _, test := range []struct{ args, want []string }{
		{[]string{"-market-calendar", none}, []string{"market-calendar: ", none, "cannot be read"}},
		{[]string{"-market-calendar", bad}, []string{"market-calendar: ", bad, "line 1, column 2"}},
		{[]string{"-config", none}, []string{"-config", none, "cannot be read"}},
		{[]string{"-data-dir", filepath.Join(bad, "data")}, []string{"data-dir: ", "cannot be made", "not a directory"}},
		{[]string{"-tls-cert", none, "-tls-key", key}, []string{"tls-cert: ", none, "cannot be read"}},
		{[]string{"-tls-cert", cert, "-tls-key", none}, []string{"tls-key: ", none, "cannot be read"}},
		{[]string{"-tls-cert", bad, "-tls-key", key}, []string{"tls-cert and tls-key: ", "not a certificate and its key"}},
		{[]string{"-sesion-timeout", "5"}, []string{"-sesion-timeout", "did you mean -session-timeout"}},
	} {
		wantRefusal(t, test.args, test.want...)
	}
}

// wantRefusal wants the program to end before it says that it has started, with
// one line that holds all of these texts.
func wantRefusal(t *testing.T, args []string, texts ...string) {
	t.Helper()
	var stdout strings.Builder
	err := run(t.Context(), args, []string{"DATA_DIR=" + t.TempDir(), "DASHBOARD_ADDR=127.0.0.1:0"}, &stdout, io.Discard)
	if err == nil || stdout.Len() > 0 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q: got %v and %q, want one line that says what is wrong", args, err, stdout.String())
		return
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("%q: got %q, which tells the password", args, err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %q, which lacks %q", args, err, text)
		}
	}
}

func TestPrintConfigAndHelpStartNothing(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for arg, want := range map[string]string{"-print-config": "environment SESSION_TIMEOUT", "-h": "-session-timeout duration"} {
		var stdout strings.Builder
		if err := run(t.Context(), []string{"-data-dir", data, arg}, []string{"SESSION_TIMEOUT=60"}, &stdout, io.Discard); err != nil {
			t.Errorf("%s: %v", arg, err)
		}
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: got\n%s\nwhich lacks %q", arg, stdout.String(), want)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the data directory was made")
	}
}
