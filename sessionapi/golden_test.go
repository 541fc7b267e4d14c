package sessionapi_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s(go test -update writes it anew)", path, got, want)
	}
}

// TestGolden holds the answers to what clients have been written for, byte by
// byte: the bodies in a file each, statuses and headers in one. What is random
// stands there as a word.
func TestGolden(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	var headers strings.Builder
	answered := func(name string, got answer, random ...string) {
		body := strings.NewReplacer(random...).Replace(got.raw)
		golden(t, name+".json", body)
		fmt.Fprintf(&headers, "%s: %d\n", name, got.StatusCode)
		for _, key := range slices.Sorted(maps.Keys(got.Header)) {
			for _, value := range got.Header[key] {
				fmt.Fprintf(&headers, "\t%s: %s\n", key, strings.NewReplacer(random...).Replace(value))
			}
		}
	}

	answered("info-none", a.send(request("GET", base+"/info")))
	answered("extend-none", a.send(request("POST", base+"/extend")))
	answered("clear-none", a.send(request("POST", base+"/clear")))

	begun := a.send(request("GET", base+"/csrf-token"))
	cookie := a.cookie(begun.Header)
	answered("csrf-token", begun, begun.Token, "TOKEN", strings.TrimPrefix(cookie, "Cookie: __Host-satra="), "COOKIE")
	id := []string{a.id(cookie).String(), "SESSION-ID"}
	a.clock.Advance(10*time.Minute + 1500*time.Millisecond)
	answered("info-anonymous", a.send(request("GET", base+"/info", cookie)), id...)
	former := cookie
	cookie = a.with(cookie, signIn("alice"))
	a.with(cookie, func(ctx context.Context) error { return theme.Set(ctx, "dark") })
	answered("retry", a.send(request("GET", base+"/info", former)))
	a.clock.Advance(time.Minute)
	answered("info-signed-in", a.send(request("GET", base+"/info", cookie)), id...)
	token := a.send(request("GET", base+"/csrf-token", cookie)).Token
	answered("extend", a.call("POST extend", cookie, token), id...)
	answered("validate", a.send(validating(token, cookie)))
	answered("validate-other", a.send(validating("other", cookie)))
	answered("csrf-invalid", a.call("POST extend", cookie, "other"))
	answered("cross-origin", a.send(request("POST", base+"/clear", cookie, "Sec-Fetch-Site: cross-site")))

	answered("token-required", a.send(withBody(request("POST", base+"/validate-csrf", cookie), "application/json", "{}")))
	answered("malformed", a.send(withBody(request("POST", base+"/validate-csrf", cookie), "application/json", "{")))
	answered("media-type", a.send(withBody(request("POST", base+"/validate-csrf", cookie), "text/plain", "x")))
	answered("too-large", a.send(withBody(request("POST", base+"/validate-csrf", cookie), "application/json", strings.Repeat(" ", 1<<17))))
	answered("not-found", a.send(request("GET", base+"/nothing", cookie)))
	answered("method-not-allowed", a.send(request("DELETE", base+"/info", cookie)))

	answered("clear", a.call("POST clear", cookie, token))
	answered("revoked", a.send(request("GET", base+"/info", cookie)))
	cookie, _ = a.session()
	a.clock.Advance(time.Hour)
	answered("expired", a.send(request("GET", base+"/info", cookie)))
	a.store.down = true
	answered("store-unavailable", a.send(request("GET", base+"/info", cookie)))

	golden(t, "headers.txt", headers.String())
}
