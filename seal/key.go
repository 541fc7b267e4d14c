package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	idSize     = 4
	secretSize = 32
)

// A KeyID names a key of a ring. It stands in front of what the key has sealed,
// and tells nothing of the key. The zero ID names no key.
type KeyID [idSize]byte

// ParseKeyID reads the eight hexadecimal digits of an ID.
func ParseKeyID(text string) (id KeyID, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != idSize || KeyID(raw) == (KeyID{}) {
		return KeyID{}, fmt.Errorf("seal: %.20q is not the ID of a key: want eight hexadecimal digits, not all zero", text)
	}
	return KeyID(raw), nil
}

// String returns the eight digits that [ParseKeyID] reads.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// A KeyInfo is what may be told of a key.
type KeyInfo struct {
	ID         KeyID
	Created    time.Time // when it was made; zero: not told
	ActiveFrom time.Time // from when on it may seal; zero: at once
	RetiredAt  time.Time // from when on it is of no use; zero: it is in use
}

// retired reports whether the key neither seals nor opens at that time.
func (k KeyInfo) retired(at time.Time) bool { return !k.RetiredAt.IsZero() && !at.Before(k.RetiredAt) }

// active reports whether the key may seal at that time.
func (k KeyInfo) active(at time.Time) bool { return !k.retired(at) && !at.Before(k.ActiveFrom) }

// later reports whether k is the newer of two keys that are active.
func (k KeyInfo) later(than KeyInfo) bool {
	switch c := k.ActiveFrom.Compare(than.ActiveFrom); {
	case c != 0:
		return c > 0
	case !k.Created.Equal(than.Created):
		return k.Created.After(than.Created)
	}
	return k.ID.String() > than.ID.String() // whichever, but the same on all nodes
}

// Sealing returns the key among these that seals at that time: of those that
// are active, the one that became so last.
func Sealing(keys []KeyInfo, at time.Time) (newest KeyInfo, ok bool) {
	for _, k := range keys {
		if k.active(at) && (!ok || k.later(newest)) {
			newest, ok = k, true
		}
	}
	return newest, ok
}

// material is a key's secret. It is held by a pointer to a pointer, because fmt
// and slog print an array in somebody's unexported field without asking Format.
type material struct{ secret **[secretSize]byte }

func newMaterial(secret [secretSize]byte) material {
	p := &secret
	return material{&p}
}

func randomMaterial() material {
	var secret [secretSize]byte
	rand.Read(secret[:])
	return newMaterial(secret)
}

func (m material) empty() bool { return m.secret == nil }

// bytes is the only place where a secret leaves its type.
func (m material) bytes() []byte { return (*m.secret)[:] }

// Format hides the secret from every fmt verb.
func (material) Format(w fmt.State, _ rune) { io.WriteString(w, "[key]") }

// LogValue hides it from slog.
func (material) LogValue() slog.Value { return slog.StringValue("[key]") }

// MarshalJSON hides it from JSON; the file of keys is written by other means.
func (material) MarshalJSON() ([]byte, error) { return []byte(`"[key]"`), nil }

// A key is what a ring works with: for each use a key of its own, derived from
// the secret, which is not kept.
type key struct {
	id         KeyID
	info       KeyInfo
	values     *prf // makes the keys of sessions' values
	seedTag    *prf
	seedStream *prf
}

func newKey(info KeyInfo, m material) (*key, error) {
	k := &key{id: info.ID, info: info}
	for _, use := range []struct {
		name string
		prf  **prf
	}{{"satra seal values 1", &k.values}, {"satra seal seed tag 1", &k.seedTag}, {"satra seal seed stream 1", &k.seedStream}} {
		secret, err := hkdf.Key(sha256.New, m.bytes(), nil, use.name, sha256.Size)
		if err != nil {
			return nil, errors.New("seal: no key can be derived on this system")
		}
		*use.prf = newPRF(secret)
	}
	return k, nil
}

// Format prints the key's ID.
func (k *key) Format(w fmt.State, _ rune) { io.WriteString(w, "key "+k.id.String()) }

// A prf is HMAC-SHA-256 with one key. What is hashed together has to have
// lengths that tell it apart.
type prf struct{ pool sync.Pool }

func newPRF(secret []byte) *prf {
	p := &prf{}
	p.pool.New = func() any { return hmac.New(sha256.New, secret) }
	return p
}

func (p *prf) sum(dst *[sha256.Size]byte, parts ...[]byte) {
	mac := p.pool.Get().(hash.Hash)
	mac.Reset()
	for _, part := range parts {
		mac.Write(part)
	}
	mac.Sum(dst[:0])
	p.pool.Put(mac)
}

// Format hides the key.
func (*prf) Format(w fmt.State, _ rune) { io.WriteString(w, "[key]") }
