package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"github.com/satra-sessions/satra"
)

// A sealed value is
//
//	format (1 byte) ‖ key ID (4) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//
// The format's byte is none that JSON begins with, not even in white space: a
// sealed value never passes for a plain one, and the core refuses to decode it.
const (
	formatV1 = 0x01
	header   = 1 + idSize
	overhead = header + 12 + 16
)

// unbelieved stands before a plain value that is not to be read: it makes of it
// what is not JSON either.
const unbelieved = 0x00

// valueDomain keeps what is bound here apart from all else that a key of the
// ring is used for.
const valueDomain = "satra seal value 1"

// isSealed reports whether data has the form of a sealed value.
func isSealed(data []byte) bool { return len(data) >= overhead && data[0] == formatV1 }

// keyOf returns the ID of the key that a sealed value names.
func keyOf(data []byte) KeyID { return KeyID(data[1:header]) }

// bound is what a sealed value is bound to: its header, its session and its key's
// name, each of a length that is fixed or told.
func bound(dst, head []byte, id satra.ID, name string) []byte {
	dst = append(dst[:0], valueDomain...)
	dst = append(dst, head...)
	dst = append(dst, id[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(name)))
	return append(dst, name...)
}

// aead is the cipher of one session's values. A key of its own for each
// session keeps the number of values under one AES key far below the 2³² at
// which random nonces begin to be too few, whatever the application writes.
func (k *key) aead(id satra.ID) cipher.AEAD {
	var secret [32]byte
	k.values.sum(&secret, id[:])
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic(err) // 32 bytes are a key of AES
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES is the block cipher that it wants
	}
	return gcm
}

// sealValues returns the values sealed. kept leaves those that are sealed
// already.
func (k *key) sealValues(id satra.ID, values []satra.Value, kept bool) []satra.Value {
	gcm := k.aead(id)
	sealed := make([]satra.Value, len(values))
	var about []byte
	for i, v := range values {
		sealed[i] = v
		if kept && isSealed(v.Data) {
			continue
		}
		data := make([]byte, 0, overhead+len(v.Data))
		data = append(append(data, formatV1), k.id[:]...)
		about = bound(about, data, id, v.Key)
		sealed[i].Data = gcm.Seal(data, nil, v.Data, about)
	}
	return sealed
}

// openValues returns the values opened. What cannot be opened is left as it is,
// and plain ones are made unreadable, unless they are accepted.
func (s *keySet) openValues(id satra.ID, values []satra.Value, acceptPlain bool) []satra.Value {
	opened := make([]satra.Value, len(values))
	o := opener{set: s, id: id}
	for _, v := range values {
		o.room += max(0, len(v.Data)-overhead)
	}
	for i, v := range values {
		opened[i] = v
		switch data, ok := o.open(v.Key, v.Data); {
		case ok:
			opened[i].Data = data
		case !isSealed(v.Data) && len(v.Data) > 0 && !acceptPlain:
			opened[i].Data = append([]byte{unbelieved}, v.Data...)
		}
	}
	return opened
}

// An opener opens one session's values: most often all with the same key, and
// into one piece of memory.
type opener struct {
	set   *keySet
	id    satra.ID
	room  int // what the plain values take together
	plain []byte
	key   *key
	gcm   cipher.AEAD
	about []byte
}

func (o *opener) open(name string, data []byte) ([]byte, bool) {
	if !isSealed(data) {
		return nil, false
	}
	k := o.set.find(keyOf(data))
	if k == nil {
		return nil, false
	}
	if o.key != k {
		o.key, o.gcm = k, k.aead(o.id)
	}
	if o.plain == nil {
		o.plain = make([]byte, 0, o.room)
	}
	o.about = bound(o.about, data[:header], o.id, name)
	from, most := len(o.plain), len(o.plain)+len(data)-overhead
	plain, err := o.gcm.Open(o.plain[from:from:most], nil, data[header:], o.about)
	o.plain = o.plain[:most]
	return plain, err == nil
}
