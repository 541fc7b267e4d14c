package audit

import (
	"encoding/binary"
	"errors"
	"math"
)

// A body is what a row's Body holds. All of it is covered by the row's MAC;
// the sealed part is encrypted besides.
type body struct {
	key  [keyIDSize]byte // whose MAC the row has
	seq  int64           // where the row belongs, so that one that was moved is told
	prev [macSize]byte   // the MAC of the row before; zero in the first

	reason, method, request, outcome string

	count  uint64
	owner  byte   // under whose key the sealed part is
	sealed []byte // nonce and ciphertext of a personal part

	marks []mark // of the log's own kinds
}

// The owners of a sealed part.
const (
	ownerNone      byte = iota // there is none
	ownerChain                 // the chain itself
	ownerPrincipal             // the principal in the row, by a key that can be erased
)

// A mark names a place in a chain: its head, or up to where it is cut.
type mark struct {
	writer string
	seq    int64
	mac    [macSize]byte
}

const (
	macSize     = 32
	nonceSize   = 12
	bodyVersion = 1

	// maxMarks is how many marks an entry names: they take some 11 kB.
	maxMarks = 64
)

var errBody = errors.New("audit: the entry's body is not in a form that is known")

// encode returns the bytes of b.
func (b *body) encode() []byte {
	out := make([]byte, 0, 128+len(b.sealed)+80*len(b.marks))
	out = append(out, bodyVersion)
	out = append(out, b.key[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(b.seq))
	out = append(out, b.prev[:]...)
	for _, s := range []string{b.reason, b.method, b.request, b.outcome} {
		out = appendBytes(out, s)
	}
	out = binary.AppendUvarint(out, b.count)
	out = append(out, b.owner)
	out = appendBytes(out, b.sealed)
	out = binary.AppendUvarint(out, uint64(len(b.marks)))
	for _, m := range b.marks {
		out = appendBytes(out, m.writer)
		out = binary.BigEndian.AppendUint64(out, uint64(m.seq))
		out = append(out, m.mac[:]...)
	}
	return out
}

// decodeBody reads what encode has written, and nothing else.
func decodeBody(text []byte) (*body, error) {
	r := reader{rest: text}
	if version := r.take(1); len(version) != 1 || version[0] != bodyVersion {
		return nil, errBody
	}
	b := &body{}
	copy(b.key[:], r.take(keyIDSize))
	b.seq = r.int64()
	copy(b.prev[:], r.take(macSize))
	for _, s := range []*string{&b.reason, &b.method, &b.request, &b.outcome} {
		*s = string(r.bytes())
	}
	b.count = r.uvarint()
	if owner := r.take(1); len(owner) == 1 {
		b.owner = owner[0]
	}
	b.sealed = r.bytes()
	n := r.uvarint()
	if n > maxMarks {
		return nil, errBody
	}
	for range n {
		m := mark{writer: string(r.bytes()), seq: r.int64()}
		copy(m.mac[:], r.take(macSize))
		b.marks = append(b.marks, m)
	}
	if r.bad || len(r.rest) > 0 || b.owner > ownerPrincipal {
		return nil, errBody
	}
	return b, nil
}

// appendBytes appends a string behind its length.
func appendBytes[T string | []byte](out []byte, s T) []byte {
	out = binary.AppendUvarint(out, uint64(len(s)))
	return append(out, s...)
}

// A reader takes a text apart. After the first thing that is not there it is
// bad, and returns zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// uvarint reads a number, in its shortest form alone.
func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > math.MaxInt32 {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

// A personal part is what is sealed of an entry.
type personal struct {
	principal, actor, address, userAgent, path, detail, err string
}

func (p *personal) fields() []*string {
	return []*string{&p.principal, &p.actor, &p.address, &p.userAgent, &p.path, &p.detail, &p.err}
}

func (p *personal) encode() []byte {
	var out []byte
	for _, s := range p.fields() {
		out = appendBytes(out, *s)
	}
	return out
}

func decodePersonal(text []byte) (personal, error) {
	r := reader{rest: text}
	var p personal
	for _, s := range p.fields() {
		*s = string(r.bytes())
	}
	if r.bad || len(r.rest) > 0 {
		return personal{}, errBody
	}
	return p, nil
}
