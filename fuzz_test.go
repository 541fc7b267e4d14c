package satra

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzPresentedTokens holds the reading of whole Cookie headers, one a line,
// against a slow one, and against net/http's. A digit stands for a token, so
// that the fuzzer need not invent them; 0 is one whose ID is zero.
func FuzzPresentedTokens(f *testing.F) {
	const name = "__Host-satra"
	var pairs [2 * 10]string
	for i := range 10 {
		tok := token{id: ID{byte(i)}, secret: newToken(ID{}).secret}
		pairs[2*i], pairs[2*i+1] = string(rune('0'+i)), tok.cookieValue()
	}
	expand := strings.NewReplacer(append(pairs[:], "N", name)...)
	for _, seed := range []string{
		"N=1", "N=1; N=2", "N=0; N=1", "N=1; N=2; N=2; N=3", "N=1\nN=2; N=3; N=4", "a=b; N=1;N=1 ; N=2", "N=\"1\"", "N =1", " \tN=1\t ", "N=1,N=2", "n=1", "xN=1; Nx=2",
		"N; N=; =1; N==1; N=1=", "N=1;\n;;\nN=2", "N=1\x00", "\u00a0N=1", "N=1;N=12;N=é", strings.Repeat("N=x; ", 50) + "N=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &http.Request{Header: http.Header{}}
		r.Header["Cookie"] = strings.Split(expand.Replace(text), "\n")
		var found [3]presented
		got := found[:presentedTokens(r, name, &found)]
		if want := presentedSlowly(r, name); !slices.Equal(got, want) {
			t.Fatalf("%q: got %d tokens, want %d", r.Header["Cookie"], len(got), len(want))
		}
		if strings.Count(text, ";") > 1000 {
			return // net/http reads no header with that many cookies
		}
		var theirs []presented
		for _, c := range r.CookiesNamed(name) {
			if id, secret, ok := parseToken(c.Value); ok {
				theirs = append(theirs, presented{id, secret})
			}
		}
		for _, p := range got {
			if !slices.Contains(theirs, p) {
				t.Fatalf("%q: got a token that net/http does not find", r.Header["Cookie"])
			}
		}
	})
}

// presentedSlowly keeps every cookie there is, and weeds out afterwards.
func presentedSlowly(r *http.Request, name string) []presented {
	var all []presented
	for pair := range strings.SplitSeq(strings.Join(r.Header["Cookie"], ";"), ";") {
		value, ok := strings.CutPrefix(strings.Trim(pair, " \t"), name+"=")
		raw, err := base64.URLEncoding.DecodeString(value)
		if !ok || err != nil || len(raw) != 48 || base64.URLEncoding.EncodeToString(raw) != value || ID(raw[:16]).IsZero() {
			continue
		}
		if p := (presented{ID(raw[:16]), sha256.Sum256(raw[16:])}); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all[:min(len(all), 3)]
}

// FuzzParseID: what is read has one text form only, in every encoding.
func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"", newID().String(), strings.Repeat("A", 22), strings.Repeat("A", 21) + "B", strings.Repeat("A", 21) + "\n", "éééééééééééaaaa", strings.Repeat("_", 22)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if !id.IsZero() {
				t.Fatalf("%q is refused, and still gives %v", s, id)
			}
			return
		}
		if id.String() != s {
			t.Fatalf("%q is read as %q", s, id)
		}
		var back struct{ ID ID }
		text, err := json.Marshal(struct{ ID ID }{id})
		if err != nil || json.Unmarshal(text, &back) != nil || back.ID != id {
			t.Fatalf("%q: JSON makes %s of it, and %v of that", s, text, back.ID)
		}
	})
}

// FuzzEncode holds what is written without encoding/json against what it
// writes, and both against what is read back.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "dark", `"`, `\`, "<", ">", "&", "é", "\u2028", "\x00", "\x7f", "a\nb", "\xff", "\xed\xa0\x80", "\ufffd"} {
		f.Add(s, int64(len(s)), true)
	}
	for _, n := range []int64{-1, 999999999999999999, 1e18, -999999999999999999, -1e18, math.MaxInt64, math.MinInt64} {
		f.Add("", n, false)
	}
	f.Fuzz(func(t *testing.T, s string, n int64, b bool) {
		written(t, s, utf8.ValidString(s))
		written(t, n, true)
		written(t, int(n), true)
		written(t, b, true)
		written(t, int32(n), true)
		written(t, float64(n), true)
		written(t, [2]string{s, s}, utf8.ValidString(s))
	})
}

func written[T comparable](t *testing.T, v T, exact bool) {
	t.Helper()
	want, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := encode(v)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("encode(%#v): got %s, %v; want %s", v, got, err, want)
	}
	if back, err := decode[T](got); err != nil || exact && back != v {
		t.Fatalf("decode(%s): got %#v, %v; want %#v", got, back, err, v)
	}
}
