package csrf

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"html/template"

	"github.com/satra-sessions/satra"
)

const (
	purpose    = "csrf"
	headerName = "X-Csrf-Token" // as net/http writes it
	fieldName  = "csrf_token"   // in forms and JSON

	tokenSize    = 32
	stableLength = 43 // of the token in base64url, without padding
	maskedLength = 86 // of pad and masked token
)

// Strict refuses spare bits that are not zero: a token has one text form only.
var encoding = base64.RawURLEncoding.Strict()

// Token returns the session's token for a page, masked afresh: base64url of a
// random pad and of the token ⊕ pad. A page also shows what its visitor
// typed, and is compressed; a value that stood in it time and again could be
// guessed from the lengths of many responses (BREACH).
//
// Errors: those of [satra.Derive]. [satra.ErrNoSession] means that there is
// nothing to protect yet; a page with a form that needs one calls
// [satra.Start] first.
func Token(ctx context.Context) (string, error) {
	token, err := satra.Derive(ctx, purpose)
	if err != nil {
		return "", err
	}
	var raw [2 * tokenSize]byte
	rand.Read(raw[:tokenSize])
	subtle.XORBytes(raw[tokenSize:], token[:], raw[:tokenSize])
	return encoding.EncodeToString(raw[:]), nil
}

// StableToken returns the session's token as it is: base64url of its 32 bytes,
// 43 characters. It is for a response that holds nothing else which the client
// chose; a page wants [Token].
//
// Errors: those of [satra.Derive].
func StableToken(ctx context.Context) (string, error) {
	token, err := satra.Derive(ctx, purpose)
	if err != nil {
		return "", err
	}
	return encoding.EncodeToString(token[:]), nil
}

// FormField returns a hidden input with a [Token], for a page's template.
func FormField(ctx context.Context) (template.HTML, error) {
	token, err := Token(ctx)
	if err != nil {
		return "", err
	}
	return template.HTML(`<input type="hidden" name="` + fieldName + `" value="` + token + `">`), nil
}

// Valid reports whether text is this session's token, in either form.
//
// Errors: those of [satra.Derive].
func Valid(ctx context.Context, text string) (bool, error) {
	giveBack(ctx)
	want, err := satra.Derive(ctx, purpose)
	if err != nil {
		return false, err
	}
	return matches(text, &want), nil
}

// matches compares in constant time. How long it takes tells the form of text,
// which its sender knows.
func matches(text string, want *[tokenSize]byte) bool {
	token, ok := parse(text)
	return subtle.ConstantTimeCompare(token[:], want[:]) == 1 && ok
}

// parse reads a token in either form.
func parse(text string) (token [tokenSize]byte, ok bool) {
	if len(text) != stableLength && len(text) != maskedLength {
		return token, false
	}
	var in [maskedLength]byte
	var raw [2 * tokenSize]byte
	size := encoding.DecodedLen(copy(in[:], text))
	// Line breaks are skipped by the decoder: the count finds them out.
	if n, err := encoding.Decode(raw[:size], in[:len(text)]); err != nil || n != size {
		return token, false
	}
	if size == tokenSize {
		return [tokenSize]byte(raw[:]), true
	}
	subtle.XORBytes(token[:], raw[:tokenSize], raw[tokenSize:])
	return token, true
}
