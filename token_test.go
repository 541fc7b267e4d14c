package satra

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestTokenRoundTrip(t *testing.T) {
	want := newToken(newID())
	s := want.cookieValue()
	if len(s) != 64 {
		t.Errorf("got %d characters, want 64", len(s))
	}
	id, secret, ok := parseToken(s)
	if !ok || id != want.id || secret != want.hash() {
		t.Errorf("a token that was written is not read back")
	}
}

func TestParseTokenRefuses(t *testing.T) {
	good := newToken(newID()).cookieValue()
	for name, s := range map[string]string{
		"empty":        "",
		"short":        good[:63],
		"long":         good + "A",
		"16 kB":        strings.Repeat("A", 16<<10),
		"std alphabet": "+" + good[1:],
		"padding":      good[:63] + "=",
		"newline":      good[:63] + "\n",
		"NUL":          good[:63] + "\x00",
		"non-ASCII":    good[:62] + "é",
		"zero ID":      strings.Repeat("A", 64),
	} {
		if _, _, ok := parseToken(s); ok {
			t.Errorf("%s: got a token, want none", name)
		}
	}
}

func TestIDText(t *testing.T) {
	id := newID()
	got, err := ParseID(id.String())
	if err != nil || got != id {
		t.Errorf("ParseID(%q) = %v, %v", id.String(), got, err)
	}
	// The 22nd character has four spare bits: only one text form may be read.
	s := id.String()
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		other := s[:21] + string(c)
		if got, err := ParseID(other); err == nil && other != s && got == id {
			t.Errorf("%q and %q are read as the same ID", s, other)
		}
	}
	var decoded struct{ ID ID }
	if err := json.Unmarshal([]byte(`{"ID":"`+s+`"}`), &decoded); err != nil || decoded.ID != id {
		t.Errorf("from JSON: got %v, %v", decoded.ID, err)
	}
	if err := json.Unmarshal([]byte(`{"ID":"x"}`), &decoded); err == nil {
		t.Error("a malformed ID in JSON: got no error")
	}
}

// A holder hides its token in an unexported field, where fmt does not ask
// Format.
type holder struct {
	Name  string
	token token
}

func TestSecretsDoNotPrint(t *testing.T) {
	tok := newToken(newID())
	secret := tok.cookieValue()[22:]
	rec := &Record{ID: tok.id, Secret: tok.hash(), Seed: newSeed(), Values: []Value{{Key: "k", Data: []byte("valueinside")}}}
	request := &state{Context: t.Context(), token: tok, seed: rec.Seed, rec: rec, cookie: "satra=" + tok.cookieValue()}
	var out bytes.Buffer
	for _, v := range []any{
		tok, &tok, holder{"h", tok}, &holder{"h", tok}, []token{tok}, rec, rec.Seed, rec.Secret, []*Record{rec},
		request, context.WithValue(request, holder{}, 1),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, "%T "+verb+" "+verb[1:]+"\n", v, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	forms := map[string]string{
		"the secret in base64": secret, "the secret in hex": fmt.Sprintf("%x", (*tok.secret)[:]),
		"the secret in decimal": strings.Trim(fmt.Sprint((*tok.secret)[:]), "[]"), "a value": "valueinside",
		"a value in base64": base64.StdEncoding.EncodeToString([]byte("valueinside")),
		"the seed in JSON":  strings.ReplaceAll(strings.Trim(fmt.Sprint([32]byte(rec.Seed)), "[]"), " ", ","),
		"the hash in JSON":  strings.ReplaceAll(strings.Trim(fmt.Sprint([32]byte(rec.Secret)), "[]"), " ", ","),
		"the seed in hex":   fmt.Sprintf("%x", [32]byte(rec.Seed)), "the seed in decimal": strings.Trim(fmt.Sprint([32]byte(rec.Seed)), "[]"),
	}
	for name, form := range forms {
		if strings.Contains(out.String(), form) {
			line := out.String()[:strings.Index(out.String(), form)]
			t.Errorf("%s was printed: %s", name, line[strings.LastIndex(line, "\n")+1:])
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(newToken(newID()).cookieValue())
	f.Add(strings.Repeat("A", 64))
	f.Add(strings.Repeat("_", 64))
	f.Add("é" + strings.Repeat("A", 62))
	f.Fuzz(func(t *testing.T, s string) {
		id, secret, ok := parseToken(s)
		if !ok {
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || len(raw) != 48 {
			t.Fatalf("%q is read as a token, and is none: %v", s, err)
		}
		if id != ID(raw[:16]) || secret != sha256.Sum256(raw[16:]) {
			t.Errorf("%q is read as another token", s)
		}
		if again := base64.RawURLEncoding.EncodeToString(raw); again != s {
			t.Errorf("%q and %q are one token: two texts", s, again)
		}
	})
}

func TestASeedLeavesRoomForItsSealing(t *testing.T) {
	one, two := newSeed(), newSeed()
	if one == two || [8]byte(one[seedRandom:]) != [8]byte{} || [8]byte(one[seedRandom-8:seedRandom]) == [8]byte{} {
		t.Error("a new seed is not 24 random bytes and eight that are zero")
	}
}
