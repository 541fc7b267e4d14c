package satra

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Sizes of a token, in bytes and in characters of base64url.
const (
	idSize      = 16
	secretSize  = 32
	tokenLength = (idSize + secretSize) / 3 * 4 // 64: no padding, no spare bits
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// An ID names a session: in the store, the API, the log, a list of devices. It
// opens nothing, because a token also holds a secret, and may therefore be
// shown. The zero ID names no session.
type ID [idSize]byte

var errMalformedID = errors.New("satra: malformed session ID: want 22 characters of base64url")

// ParseID reads the text form of an ID. Every ID has one text form only.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != tokenEncoding.EncodedLen(idSize) {
		return ID{}, errMalformedID
	}
	// Line breaks are skipped by the decoder: the count finds them out.
	if n, err := tokenEncoding.Decode(id[:], []byte(s)); err != nil || n != idSize {
		return ID{}, errMalformedID
	}
	return id, nil
}

// String returns the 22 characters of base64url that [ParseID] reads.
func (id ID) String() string { return tokenEncoding.EncodeToString(id[:]) }

// IsZero reports whether id names no session.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText returns the text form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the text form.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// A Hash is the SHA-256 of a token's secret: all that a store ever sees of it.
// A fast hash is right here: a secret has 256 random bits, so there is nothing
// to guess that a slow one would protect.
type Hash [sha256.Size]byte

// Equal compares in constant time.
func (h Hash) Equal(other Hash) bool { return subtle.ConstantTimeCompare(h[:], other[:]) == 1 }

// Format hides the hash from fmt and log: it is of no use to a reader.
func (Hash) Format(w fmt.State, _ rune) { io.WriteString(w, "[hash]") }

// MarshalJSON hides the hash from JSON, and so from a log.
func (Hash) MarshalJSON() ([]byte, error) { return []byte(`"[hash]"`), nil }

// A Seed is the secret of a session from which [Derive] makes others, the CSRF
// token among them. Unlike the token's secret it is stored as it is: 24 random
// bytes and eight that are zero, the room in which a wrapper that seals it
// (package seal) notes the key and a check. A store keeps all 32 as they are.
type Seed [32]byte

// seedRandom is how many bytes of a seed are random: 192 bits, which is far
// beyond guessing. Nothing compares or shows a seed itself; derive hashes it.
const seedRandom = 24

// Format hides the seed from every fmt verb.
func (Seed) Format(w fmt.State, _ rune) { io.WriteString(w, "[seed]") }

// MarshalJSON hides the seed from JSON, and so from a log.
func (Seed) MarshalJSON() ([]byte, error) { return []byte(`"[seed]"`), nil }

// A token is what a new cookie will hold: the ID and the secret. The secret is
// held by a pointer to a pointer, because fmt and slog print an array in
// somebody's unexported field without asking Format, and what one pointer leads
// to as well when the verb does not fit.
type token struct {
	id     ID
	secret **[secretSize]byte
}

// newToken returns a token for id with a new secret. crypto/rand.Read does not
// fail: it ends the program if the system has no randomness.
func newToken(id ID) token {
	secret := new([secretSize]byte)
	rand.Read(secret[:])
	return token{id: id, secret: &secret}
}

func newID() (id ID) {
	rand.Read(id[:])
	return id
}

func newSeed() (s Seed) {
	rand.Read(s[:seedRandom])
	return s
}

// parseToken reads a cookie's value. Anything but 64 characters of the
// alphabet is no token, and no store is asked for it. The secret is hashed at
// once: nothing else is done with one that was shown.
func parseToken(s string) (id ID, secret Hash, ok bool) {
	if len(s) != tokenLength {
		return ID{}, Hash{}, false
	}
	var raw [idSize + secretSize]byte
	var text [tokenLength]byte
	copy(text[:], s)
	if n, err := tokenEncoding.Decode(raw[:], text[:]); err != nil || n != len(raw) {
		return ID{}, Hash{}, false
	}
	id = ID(raw[:idSize])
	return id, sha256.Sum256(raw[idSize:]), !id.IsZero()
}

// cookieValue returns the 64 characters of the token. It is the only place
// where a secret leaves its type.
func (t token) cookieValue() string {
	var raw [idSize + secretSize]byte
	copy(raw[:idSize], t.id[:])
	copy(raw[idSize:], (*t.secret)[:])
	return tokenEncoding.EncodeToString(raw[:])
}

func (t token) hash() Hash { return sha256.Sum256((*t.secret)[:]) }

// Format hides the token from every fmt verb.
func (token) Format(w fmt.State, _ rune) { io.WriteString(w, "[token]") }

// LogValue hides the token from slog.
func (token) LogValue() slog.Value { return slog.StringValue("[token]") }
