package web

import (
	"net/url"
	"testing"
)

func TestLocalPaths(t *testing.T) {
	for next, want := range map[string]string{
		"/": "/", "/security": "/security", "/security?done=ended": "/security?done=ended", "/security/passphrase": "/security/passphrase",
		"": "/", "security": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/", "/%2F/evil.example": "/", "/%2e%2e//evil.example": "/",
		"/a/../b": "/", "/a#b": "/", "/a b": "/", "/a\nb": "/", "/é": "/", "/%zz": "/", "/a//b": "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("%q: got %q, want %q", next, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/", "//evil.example", "/\\evil.example", "/a?b=//c", "/%2f%2fevil.example", "/;@evil.example:80", "/\t/evil.example"} {
		f.Add(next)
	}
	here, err := url.Parse("https://dash.example/signin?next=x")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		u, err := here.Parse(got)
		if err != nil || u.Scheme != "https" || u.Host != "dash.example" || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Errorf("%q leads to %v (%v)", next, u, err)
		}
		for _, c := range []byte(got) {
			if c <= ' ' || c >= 0x7f || c == '\\' {
				t.Errorf("%q has the character %q", got, c)
			}
		}
	})
}
