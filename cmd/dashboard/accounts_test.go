package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/internal/testserver"
)

const passphrase = "tulsi wok glimt"

// add runs the program that makes an account.
func add(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	s, err := settings.Load(args, nil, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	err = addAccount(t.Context(), s, strings.NewReader(stdin), &stdout)
	return stdout.String(), err
}

var hiddenToken = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)

// signIn signs in as a browser does, and returns the last page.
func signIn(t *testing.T, client *http.Client, origin, name string) string {
	t.Helper()
	_, page := get(t, client, origin+"/signin")
	token := hiddenToken.FindStringSubmatch(page)
	if token == nil {
		t.Fatalf("no form:\n%s", page)
	}
	form := url.Values{"csrf_token": {token[1]}, "name": {name}, "passphrase": {passphrase}}
	r, err := http.NewRequestWithContext(t.Context(), "POST", origin+"/signin", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	_, page = send(t, client, r)
	return page
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func TestAnAccountIsMadeOnTheCommandLine(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	said, err := add(t, passphrase+"\nmore\n", "-data-dir", data, "-add-account", "asha")
	if err != nil || !strings.Contains(said, "The account asha was made") || strings.Contains(said, passphrase) {
		t.Fatalf("got %q and %v", said, err)
	}
	for stdin, want := range map[string]string{
		passphrase + "\n": "there is an account with the name asha already",
		"":                "standard input is empty",
		"\n":              "standard input is empty",
		"short\n":         "too short",
	} {
		said, err := add(t, stdin, "-data-dir", data, "-add-account", "asha")
		if err == nil || said != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %q and %v, want one line with %q", stdin, said, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := start(t, ctx, data, "-store", "memory", "-signup", "closed")
	if want := "app.db, sign-up is closed: -add-account makes one"; !strings.Contains(p.report, want) {
		t.Errorf("the report lacks %q:\n%s", want, p.report)
	}
	if page := signIn(t, browser(t), p.origin, "asha"); !strings.Contains(page, "<strong>asha</strong>") {
		t.Errorf("after the sign-in:\n%s", page)
	}
	if resp, page := get(t, browser(t), p.origin+"/signup"); resp.StatusCode != 403 {
		t.Errorf("the sign-up that is closed: got %d\n%s", resp.StatusCode, page)
	}
	cancel()
	p.wantEnd()
}

// TestTwoNodesShareAccounts signs in on one node and ends that session on the
// other, both on one PostgreSQL.
func TestTwoNodesShareAccounts(t *testing.T) {
	database := testserver.StartPostgres(t).URL("postgres")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := add(t, passphrase, "-data-dir", t.TempDir(), "-database", database, "-add-account", "asha"); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "audit-keys")
	shared := []string{"-store", database, "-database", database, "-audit", database, "-audit-keys", keys, "-seal-keys", newKeys(t)}
	here := start(t, ctx, t.TempDir(), shared...)
	there := start(t, ctx, t.TempDir(), shared...)
	wantRefusal(t, append(shared[:6:6], "-data-dir", t.TempDir()), "audit: ", "written with keys that are not in", "copy the file of the other node")
	for _, node := range []*running{here, there} {
		if page := signIn(t, browser(t), node.origin, "asha"); !strings.Contains(page, "<strong>asha</strong>") {
			t.Fatalf("after the sign-in:\n%s", page)
		}
	}
	client := browser(t)
	signIn(t, client, there.origin, "asha")
	if _, page := get(t, client, there.origin+"/security"); strings.Count(page, `action="/security/end"`) != 2 {
		t.Errorf("the devices of both nodes:\n%s", page)
	}
	activity(t, client, there.origin, 3) // on both nodes
	cancel()
	here.wantEnd()
	there.wantEnd()
}

func TestADatabaseThatCannotBeOpened(t *testing.T) {
	wantRefusal(t, []string{"-store", "memory", "-database", "postgres://app:hush@127.0.0.1:1/app"}, "database: ", "postgres://app:[redacted]@127.0.0.1:1/app")
	wantRefusal(t, []string{"-store", "memory", "-database", "sqlite:" + t.TempDir()}, "database: ")
	forgotten := []string{"-addr", "127.0.0.1:0", "-data-dir", t.TempDir(), "-store", "memory", "-database", "postgres://app:6hush/x"}
	if err := run(t.Context(), forgotten, nil, io.Discard, io.Discard); err == nil || strings.Contains(err.Error(), "6hush") {
		t.Errorf("an address without its @: got %v", err)
	}
	if err := run(t.Context(), []string{"-data-dir", t.TempDir(), "-add-account="}, nil, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "without a name") {
		t.Errorf("an account without a name: got %v", err)
	}
}
