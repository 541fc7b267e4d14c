package seal

import (
	"crypto/hmac"
	"errors"

	"github.com/satra-sessions/satra"
)

// A sealed seed has the 32 bytes that a seed has in every store's format,
// because stores move seeds by themselves at a sign-in:
//
//	key ID (4 bytes) ‖ tag (4) ‖ ciphertext (24)
//
// A plain one is 24 random bytes and eight that are zero. The tag is a MAC over
// session ID and seed, and the ciphertext is the seed under a stream that is
// made from session ID and tag: a deterministic encryption in the manner of SIV
// (RFC 5297). It needs no nonce because a seed is random and sealed once. Should
// two seeds of one session have the same tag, one in 2³², a dump tells their
// difference, and of two random seeds that tells neither.
//
// A tag of four bytes does not keep somebody who writes to the data from making
// one that opens, after some 2³² attempts on a live session; but what it opens to
// is nothing they know, and a seed that nobody knows is as good as any.
const (
	seedRandom = 24
	tagSize    = 4
)

var errSeed = errors.New("seal: the seed has no room for its seal: want 24 random bytes and eight that are zero")

// plainSeed reports whether a seed has the form that the core makes, which
// includes the zero seed. A sealed seed has it never: see sealSeed.
func plainSeed(seed satra.Seed) bool {
	return [32 - seedRandom]byte(seed[seedRandom:]) == [32 - seedRandom]byte{}
}

// sealNewSeed seals a seed that the core has made.
func (k *key) sealNewSeed(id satra.ID, seed satra.Seed) (satra.Seed, error) {
	if !plainSeed(seed) {
		return satra.Seed{}, errSeed
	}
	sealed := k.sealSeed(id, seed)
	if plainSeed(sealed) { // one in 2⁶⁴
		return satra.Seed{}, errors.New("seal: the sealed seed looks like a plain one: try again")
	}
	return sealed, nil
}

func (k *key) sealSeed(id satra.ID, seed satra.Seed) (sealed satra.Seed) {
	tag := k.tag(id, seed[:seedRandom])
	copy(sealed[:], k.id[:])
	copy(sealed[idSize:], tag[:])
	stream := k.stream(id, tag[:])
	for i := range seedRandom {
		sealed[idSize+tagSize+i] = seed[i] ^ stream[i]
	}
	return sealed
}

func (k *key) unsealSeed(id satra.ID, sealed satra.Seed) (seed satra.Seed, ok bool) {
	tag := sealed[idSize : idSize+tagSize]
	stream := k.stream(id, tag)
	for i := range seedRandom {
		seed[i] = sealed[idSize+tagSize+i] ^ stream[i]
	}
	want := k.tag(id, seed[:seedRandom])
	return seed, hmac.Equal(tag, want[:])
}

func (k *key) tag(id satra.ID, seed []byte) [tagSize]byte {
	var sum [32]byte
	k.seedTag.sum(&sum, id[:], seed)
	return [tagSize]byte(sum[:])
}

func (k *key) stream(id satra.ID, tag []byte) (stream [32]byte) {
	k.seedStream.sum(&stream, id[:], tag)
	return stream
}

// openSeed opens a seed. One that is not to be believed is replaced by what a
// secret of this process makes from it: a session has one seed here, and nobody
// can foresee it.
func (s *keySet) openSeed(id satra.ID, sealed satra.Seed, acceptPlain bool) satra.Seed {
	if plainSeed(sealed) {
		if acceptPlain {
			return sealed
		}
	} else if k := s.find(KeyID(sealed[:idSize])); k != nil {
		if seed, ok := k.unsealSeed(id, sealed); ok {
			return seed
		}
	}
	var sum [32]byte
	s.substitute.sum(&sum, id[:], sealed[:])
	return satra.Seed(sum)
}

// eachSeed replaces every seed of a record, which is the caller's own copy but
// for what its Retired point to. One that has ended has none, and the zero seed
// in its place: nothing is made from that.
func eachSeed(r *satra.Record, f func(satra.Seed) (satra.Seed, error)) (err error) {
	if r.Ended == nil || r.Seed != (satra.Seed{}) {
		if r.Seed, err = f(r.Seed); err != nil {
			return err
		}
	}
	cloned := false
	for i, old := range r.Retired {
		if old.Seed == nil {
			continue
		}
		seed, err := f(*old.Seed)
		if err != nil {
			return err
		}
		if !cloned {
			r.Retired, cloned = append([]satra.Retired(nil), r.Retired...), true
		}
		r.Retired[i].Seed = &seed
	}
	return nil
}
