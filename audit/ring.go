package audit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
)

// A Ring is the keys of a log. The last one seals; all of them verify and open.
// A key stays as long as there are entries that were made with it: without it
// they can be neither verified nor read, nor removed by retention.
type Ring struct {
	keys []*derived
}

// A derived is a key as it is used: one secret for each purpose.
type derived struct {
	key   Key
	chain []byte // MACs of rows
	index []byte // blind indexes
	wrap  cipher.AEAD
	own   []byte // from which a chain's own key is made
	point []byte // MACs of checkpoints
}

// NewRing returns a ring of those keys, the oldest first.
func NewRing(keys ...Key) (*Ring, error) {
	r := &Ring{}
	for _, k := range keys {
		if k.secret == nil {
			return nil, errors.New("audit: a key is empty; NewKey and ParseKey make one")
		}
		if r.find(k.id) != nil {
			return nil, fmt.Errorf("audit: there are two keys %s", k.ID())
		}
		r.keys = append(r.keys, derive(k))
	}
	if len(keys) == 0 {
		return nil, errors.New("audit: a ring needs a key: NewKey makes one, CreateKeys makes a file of keys")
	}
	return r, nil
}

func derive(k Key) *derived {
	purpose := func(what string) []byte {
		key, err := hkdf.Key(sha256.New, k.secret[:], nil, "satra audit "+what, sha256.Size)
		if err != nil {
			panic(err) // a length that HKDF does not give
		}
		return key
	}
	return &derived{
		key: k, chain: purpose("chain"), index: purpose("index"), wrap: newAEAD(purpose("wrap")),
		own: purpose("own"), point: purpose("checkpoint"),
	}
}

func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // a length that AES does not take
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// IDs lists the keys' IDs, the one that seals last.
func (r *Ring) IDs() []string {
	var ids []string
	for _, k := range r.keys {
		ids = append(ids, k.key.ID())
	}
	return ids
}

// Format prints the keys' IDs alone.
func (r *Ring) Format(w fmt.State, _ rune) { io.WriteString(w, "keys "+strings.Join(r.IDs(), " ")) }

// LogValue prints the keys' IDs alone.
func (r *Ring) LogValue() slog.Value { return slog.AnyValue(r.IDs()) }

func (r *Ring) active() *derived { return r.keys[len(r.keys)-1] }

func (r *Ring) find(id [keyIDSize]byte) *derived {
	for _, k := range r.keys {
		if k.key.id == id {
			return k
		}
	}
	return nil
}

// indexSize is the length of a blind index: that two of a billion principals
// have the same one happens once in 10²⁰ logs.
const indexSize = 16

// principalIndex names a principal blindly; nil for none.
func (k *derived) principalIndex(principal string) []byte {
	if principal == "" {
		return nil
	}
	return k.blind("principal", []byte(principal))
}

// addressIndex names an address blindly; nil for none.
func (k *derived) addressIndex(a netip.Addr) []byte {
	if !a.IsValid() {
		return nil
	}
	full := a.As16()
	return k.blind("address", full[:])
}

func (k *derived) blind(what string, value []byte) []byte {
	mac := hmac.New(sha256.New, k.index)
	io.WriteString(mac, what)
	mac.Write([]byte{0})
	mac.Write(value)
	return mac.Sum(nil)[:indexSize]
}

// wrapped returns a person's key, encrypted: ID of the key it is under, nonce,
// ciphertext.
func (k *derived) wrapped(owner, secret []byte) []byte {
	out := append(k.key.id[:len(k.key.id):len(k.key.id)], randomNonce()...)
	return k.wrap.Seal(out, out[keyIDSize:], secret, owner)
}

// unwrapped opens what wrapped returned, or returns nil.
func (r *Ring) unwrapped(owner, text []byte) []byte {
	if len(text) < keyIDSize+nonceSize {
		return nil
	}
	k := r.find([keyIDSize]byte(text))
	if k == nil {
		return nil
	}
	secret, err := k.wrap.Open(nil, text[keyIDSize:keyIDSize+nonceSize], text[keyIDSize+nonceSize:], owner)
	if err != nil || len(secret) != secretSize {
		return nil
	}
	return secret
}
