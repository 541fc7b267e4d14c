package satra_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheProgramOfTheReadme compiles and runs the README's first program, and
// visits it.
func TestTheProgramOfTheReadme(t *testing.T) {
	program := readmeProgram(t)
	if n := strings.Count(program, "\n"); n >= 20 {
		t.Errorf("the program has %d lines; the README promises fewer than 20", n)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	file, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "readme")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(program, "127.0.0.1:8000", addr)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"public/index.html", "members/page.txt"} {
		os.MkdirAll(filepath.Join(dir, filepath.Dir(page)), 0o700)
		os.WriteFile(filepath.Join(dir, page), []byte("the page "+page), 0o600)
	}
	if out, err := exec.Command("go", "build", "-o", binary, file).CombinedOutput(); err != nil {
		t.Fatalf("it does not compile: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, binary)
	run.Dir = dir
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		run.Process.Signal(syscall.SIGTERM)
		run.Wait()
	}()

	resp := visit(t, ctx, addr, "/members/page.txt", "")
	wantStatus(t, resp, http.StatusUnauthorized)
	resp = visit(t, ctx, addr, "/", "")
	wantStatus(t, resp, http.StatusOK)
	cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	resp = visit(t, ctx, addr, "/members/page.txt", cookie)
	if got := bodyOf(resp); resp.StatusCode != 200 || got != "the page members/page.txt" {
		t.Errorf("with the session: got %d %q", resp.StatusCode, got)
	}
}

// visit asks until the program listens or ctx is done.
func visit(t *testing.T, ctx context.Context, addr, path, cookie string) *http.Response {
	t.Helper()
	for {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			t.Cleanup(func() { resp.Body.Close() })
			return resp
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// readmeProgram returns the first Go program of the README.
func readmeProgram(t *testing.T) string {
	t.Helper()
	f, err := os.Open("README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var program strings.Builder
	inside := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		switch {
		case lines.Text() == "```go":
			inside = true
		case inside && lines.Text() == "```":
			return program.String()
		case inside:
			program.WriteString(lines.Text() + "\n")
		}
	}
	t.Fatal("the README has no Go program")
	return ""
}
