package audit

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	keyIDSize  = 4
	secretSize = 32
)

// A Key is a secret from which everything is derived that vouches for the log
// and hides what it tells. It is kept outside the database: whoever has it can
// write a log that verifies. It does not print.
type Key struct {
	id     [keyIDSize]byte
	secret *[secretSize]byte
}

// NewKey makes a key at random.
func NewKey() Key {
	k := Key{secret: new([secretSize]byte)}
	rand.Read(k.secret[:])
	for k.id == [keyIDSize]byte{} {
		rand.Read(k.id[:])
	}
	return k
}

// ParseKey reads a key as [Key.Secret] writes it. Its errors tell nothing of
// what stands there.
func ParseKey(text string) (Key, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return Key{}, errors.New("audit: this is no key: want eight hexadecimal digits, a space, and 32 bytes in base64")
	}
	k := Key{secret: new([secretSize]byte)}
	id, err := hex.DecodeString(fields[0])
	if err != nil || len(id) != keyIDSize || bytes.Equal(id, k.id[:]) {
		return Key{}, errors.New("audit: the key's ID is not eight hexadecimal digits, or zero")
	}
	copy(k.id[:], id)
	secret, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil || len(secret) != secretSize {
		return Key{}, fmt.Errorf("audit: key %x: its secret is not %d bytes in base64", k.id, secretSize)
	}
	copy(k.secret[:], secret)
	if made := differentBytes(secret); made < 12 {
		return Key{}, fmt.Errorf("audit: key %x: its secret has %d different bytes; it was not made at random", k.id, made)
	}
	return k, nil
}

// differentBytes tells a secret that somebody has typed from one made at
// random: that has fewer than 12 less often than once in 10¹⁵ keys.
func differentBytes(secret []byte) int {
	seen := map[byte]bool{}
	for _, b := range secret {
		seen[b] = true
	}
	return len(seen)
}

// ID names the key, in eight hexadecimal digits. It is no secret.
func (k Key) ID() string { return hex.EncodeToString(k.id[:]) }

// Secret is the key as a line of text, for the file or the vault that keeps it.
func (k Key) Secret() string {
	if k.secret == nil {
		return ""
	}
	return k.ID() + " " + base64.StdEncoding.EncodeToString(k.secret[:])
}

// Format prints the key's ID alone.
func (k Key) Format(w fmt.State, _ rune) { io.WriteString(w, "key "+k.ID()) }
