package csrf

import (
	"crypto/subtle"
	"strings"
	"testing"
)

// FuzzParse: what is accepted has one text form only, so that a token cannot
// be varied past a list of used or logged ones.
func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add(strings.Repeat("A", stableLength))
	f.Add(strings.Repeat("_", maskedLength-1) + "w")
	f.Add(strings.Repeat("A", stableLength-1) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := parse(text)
		if matches(text, &token) != ok {
			t.Fatalf("%q: parse says %t, matches something else", text, ok)
		}
		if !ok {
			if token != [tokenSize]byte{} {
				t.Fatalf("%q is refused, and still gives %x", text, token)
			}
			return
		}
		form := encoding.EncodeToString(token[:])
		if len(text) == maskedLength {
			raw, err := encoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			var pad [tokenSize]byte
			subtle.XORBytes(pad[:], raw[tokenSize:], token[:])
			form = encoding.EncodeToString(append(pad[:], raw[tokenSize:]...))
		}
		if form != text {
			t.Fatalf("%q is accepted; its form is %q", text, form)
		}
	})
}

// FuzzOrigin: what is accepted is written as a browser writes it, once and for
// all.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"https://dash.example", "HTTP://Dash.Example:80", "https://[2001:DB8::1]:8443", "null", "https://a@b", "https://a%41", "a://b:c", "https://a:00443"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		origin, err := parseOrigin(text)
		if err != nil {
			return
		}
		if again, err := parseOrigin(origin); err != nil || again != origin {
			t.Fatalf("%q gives %q, which gives %q, %v", text, origin, again, err)
		}
		if rest := strings.Replace(origin, "://", "", 1); strings.ContainsAny(rest, "/?#@%*\\ \"'<>") || strings.ToLower(origin) != origin {
			t.Fatalf("%q gives %q", text, origin)
		}
	})
}
