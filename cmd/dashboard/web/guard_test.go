package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/memstore"
)

func TestHostsThatAreNotOurs(t *testing.T) {
	v := newVisitor(t, web.Config{Hosts: []string{"localhost:8080", "dash.example"}})
	for host, want := range map[string]int{
		"localhost:8080": 200, "dash.example": 200, "DASH.example": 200,
		"evil.example": 421, "localhost:8081": 421, "localhost": 421, "dash.example.evil.example": 421, "": 421,
	} {
		v.cookie = ""
		resp, body := v.get("/", "Host: "+host)
		if resp.StatusCode != want || want == 421 && resp.Header["Set-Cookie"] != nil {
			t.Errorf("host %q: got %d with %q, want %d", host, resp.StatusCode, resp.Header["Set-Cookie"], want)
		}
		_ = body
	}
	resp, body := v.get("/api/session/info", "Host: evil.example", "Accept: application/json")
	v.want(resp, body, 421, "MISDIRECTED_REQUEST")
}

// policy is the whole Content-Security-Policy: a directive less is a hole.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

var guards = map[string]string{
	"Content-Security-Policy":      policy,
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Strict-Transport-Security":    "", // over plain HTTP
}

func (v *visitor) wantGuarded(what string, resp *http.Response, body string) {
	v.t.Helper()
	for name, want := range guards {
		if got := strings.Join(resp.Header[name], " and "); got != want {
			v.t.Errorf("%s: got %s %q, want %q", what, name, got, want)
		}
	}
	if !strings.Contains(resp.Header.Get("Content-Type"), "html") {
		return
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		v.t.Errorf("%s: the page may be cached: %q", what, resp.Header.Get("Cache-Control"))
	}
	for _, inline := range []string{"<style", " style=", "javascript:", " onclick", " onload", "<script>", "http://", "https://", "//cdn"} {
		if strings.Contains(body, inline) {
			v.t.Errorf("%s: the page has %q: inline, or from elsewhere", what, inline)
		}
	}
	for _, tag := range strings.SplitAfter(body, ">") {
		if (strings.Contains(tag, "<script") || strings.Contains(tag, "stylesheet")) && !strings.Contains(tag, ` integrity="sha384-`) {
			v.t.Errorf("%s: nothing says what this must be: %s", what, tag)
		}
	}
}

func TestEveryResponseIsGuarded(t *testing.T) {
	v := newVisitor(t, web.Config{})
	_, page := v.get("/")
	paths := []string{"/", "/nope", "/ended", "/market", "/session/end", "/api/session/info", "/api/session/nope", "/static/nope.js"}
	for _, found := range regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		paths = append(paths, found[1])
	}
	if len(paths) != 14 {
		t.Fatalf("got %v, want the page to load six files", paths)
	}
	for _, path := range paths {
		resp, body := v.get(path)
		v.wantGuarded(path, resp, body)
	}
	resp, body := v.do("POST", "/session/end", url.Values{})
	v.wantGuarded("a form without its token", resp, body)
	resp, body = v.do("POST", "/session/end", url.Values{}, "Sec-Fetch-Site: cross-site")
	v.wantGuarded("a form from another site", resp, body)
	resp, body = v.get("/", "Host: evil.example")
	v.wantGuarded("another host", resp, body)

	v = visiting(t, panicking{Store: memstore.New(nil)}, web.Config{})
	resp, body = v.get("/")
	v.wantGuarded("a panic", resp, body)
	store := &down{Store: memstore.New(nil)}
	v = visiting(t, store, web.Config{})
	v.get("/")
	store.is = true
	resp, body = v.get("/")
	v.want(resp, body, 503)
	v.wantGuarded("a store that is down", resp, body)
}

func TestBehindAProxy(t *testing.T) {
	v := newVisitor(t, web.Config{Proxies: []string{"192.0.2.1"}, PublicOrigin: "https://dash.example", Hosts: []string{"dash.example"}})
	resp, body := v.get("/", "Host: dash.example", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")
	v.want(resp, body, 200, "from 203.0.113.9")
	if resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over HTTPS")
	}
}

func TestNobodyIsBelievedToBeAProxy(t *testing.T) {
	v := newVisitor(t, web.Config{})
	resp, body := v.get("/", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "Forwarded: for=203.0.113.9;proto=https")
	v.want(resp, body, 200, "from 192.0.2.1")
	if resp.Header.Get("Strict-Transport-Security") != "" {
		t.Error("a client's word made the request one over HTTPS")
	}
	resp, body = v.get("/", "Host: evil.example", "X-Forwarded-Host: localhost:8080")
	v.want(resp, body, 421, "Wrong address")
}
