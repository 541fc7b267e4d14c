package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/seal"
)

// newKeys makes a file of keys and returns the setting that names it.
func newKeys(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := seal.CreateFile(path, time.Now()); err != nil {
		t.Fatal(err)
	}
	return "file:" + path
}

// chooseTheme begins a session, has it choose the dark theme, and returns its
// cookie.
func chooseTheme(t *testing.T, p *running) string {
	t.Helper()
	resp, page := ask(t, "GET", p.origin+"/", "")
	cookie, _, _ := strings.Cut(resp.Header.Get("Set-Cookie"), ";")
	_, said := ask(t, "GET", p.origin+"/api/session/csrf-token", cookie)
	token := regexp.MustCompile(`"csrf_token":"([^"]*)"`).FindStringSubmatch(said)
	if token == nil {
		t.Fatalf("no token: %s\n%s", said, page)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.origin+"/preferences/theme", strings.NewReader("theme=dark"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-CSRF-Token", token[1])
	r.Header.Set("Origin", p.origin)
	r.Header.Set("Cookie", cookie)
	if resp, body := send(t, http.DefaultClient, r); resp.StatusCode >= 400 {
		t.Fatalf("the theme: %d %s", resp.StatusCode, body)
	}
	return cookie
}

// TestValuesAreSealedByDefault has a visitor choose a theme, which is a value,
// and looks for it in what is on the disk.
func TestValuesAreSealedByDefault(t *testing.T) {
	for _, c := range []struct {
		args  []string
		found bool
	}{{nil, false}, {[]string{"-seal-keys", "off"}, true}} {
		data := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		p := start(t, ctx, data, c.args...)
		cookie := chooseTheme(t, p)
		if _, page := ask(t, "GET", p.origin+"/", cookie); !strings.Contains(page, `data-theme="dark"`) {
			t.Errorf("%q: the page does not have the theme that was chosen", c.args)
		}
		var all []byte
		files, _ := filepath.Glob(filepath.Join(data, "sessions.db*"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text...)
		}
		if got := bytes.Contains(all, []byte(`"dark"`)); got != c.found || len(all) == 0 {
			t.Errorf("%q: the value is found in %d files of the store: %v, want %v", c.args, len(files), got, c.found)
		}
		if _, err := os.Stat(filepath.Join(data, "keys.json")); (err == nil) == c.found {
			t.Errorf("%q: the file of keys: %v", c.args, err)
		}
		cancel()
		p.wantEnd()
		if c.found {
			continue
		}
		again, cancel := context.WithCancel(t.Context())
		p = start(t, again, data)
		if strings.Contains(p.report, "was made") {
			t.Errorf("the keys are made a second time:\n%s", p.report)
		}
		if _, page := ask(t, "GET", p.origin+"/", cookie); !strings.Contains(page, `data-theme="dark"`) {
			t.Error("after a restart the theme is lost")
		}
		cancel()
		p.wantEnd()
	}
}

func TestASecondNodeWantsTheKeysOfTheFirst(t *testing.T) {
	url, one, two := testserver.StartRedis(t, false).URL(), t.TempDir(), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := start(t, ctx, one, "-store", url)
	if !strings.Contains(first.report, "every other node on this store needs the same file") {
		t.Errorf("the first node does not say that others need its keys:\n%s", first.report)
	}
	cookie := chooseTheme(t, first)
	wantRefusal(t, []string{"-store", url, "-data-dir", two}, "seal-keys: ", "copy the other node's keys.json to "+filepath.Join(two, "keys.json"))

	keys, err := os.ReadFile(filepath.Join(one, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(two, "keys.json"), keys, 0o600); err != nil {
		t.Fatal(err)
	}
	second := start(t, ctx, two, "-store", url)
	if _, page := ask(t, "GET", second.origin+"/", cookie); !strings.Contains(page, `data-theme="dark"`) {
		t.Error("with the first node's keys the second does not read its values")
	}
	cancel()
	first.wantEnd()
	second.wantEnd()
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	wantRefusal(t, []string{"-seal-keys", "file:" + filepath.Join(t.TempDir(), "none.json")}, "seal-keys: ", "no such file")
	open := strings.TrimPrefix(newKeys(t), "file:")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, []string{"-seal-keys", "file:" + open}, "seal-keys: ", "chmod 600")
	t.Setenv("DASHBOARD_TEST_KEYS", `{"keys":[{"id":"01020304","secret":"changeme"},{"id":"x"}]}`)
	wantRefusal(t, []string{"-seal-keys", "env:DASHBOARD_TEST_KEYS"}, "seal-keys: ", "a placeholder", "key 2")
}
