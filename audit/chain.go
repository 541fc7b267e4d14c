package audit

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/satra-sessions/satra"
)

// macOf is the MAC of a row: over every column, each behind its length. The row
// before is in the body, so that a row is judged by itself, and its place in the
// chain apart from it.
func (k *derived) macOf(r Row) [macSize]byte {
	var text []byte
	text = appendBytes(text, r.Writer)
	text = binary.BigEndian.AppendUint64(text, uint64(r.Seq))
	text = binary.BigEndian.AppendUint64(text, uint64(r.At))
	text = appendBytes(text, r.Kind)
	text = appendBytes(text, r.Session)
	text = appendBytes(text, r.Principal)
	text = appendBytes(text, r.Address)
	text = appendBytes(text, r.Body)
	mac := hmac.New(sha256.New, k.chain)
	mac.Write(text)
	return [macSize]byte(mac.Sum(nil))
}

// A chain makes the rows of one writer.
type chain struct {
	writer string
	key    *derived
	aead   cipher.AEAD // for what has no principal
	seq    int64       // of the last row
	prev   [macSize]byte
}

func newChain(writer string, key *derived) *chain {
	return &chain{writer: writer, key: key, aead: key.chainAEAD(writer)}
}

// chainAEAD seals what has no principal: under a key for each chain, so that
// random nonces last for it.
func (k *derived) chainAEAD(writer string) cipher.AEAD {
	key, err := hkdf.Expand(sha256.New, k.own, writer, secretSize)
	if err != nil {
		panic(err) // a length that HKDF does not give
	}
	return newAEAD(key)
}

// A draft is an entry before it is a row.
type draft struct {
	entry Entry
	marks []mark

	// about is the principal under whose index the row is found, if its name is
	// not to be in the entry.
	about string
}

// withoutPerson is the draft without what could only be sealed under a key that cannot
// be opened: it happened all the same, and is found under the principal's index.
func (d draft) withoutPerson() draft {
	e := d.entry
	d.about = e.Principal
	e.Principal, e.Actor, e.Address, e.UserAgent, e.Path, e.Error = "", "", netip.Addr{}, "", "", ""
	e.Detail = "what is personal was left out: the principal's key cannot be opened"
	d.entry = e
	return d
}

// next makes the row that follows, without taking it for written: that is
// what advance does. The AEAD is the principal's, or nil if there is none.
func (c *chain) next(d draft, person cipher.AEAD) Row {
	e := d.entry
	r := Row{
		Writer: c.writer, Seq: c.seq + 1, At: e.At.UnixMicro(), Kind: string(e.Kind),
		Principal: c.key.principalIndex(e.Principal), Address: c.key.addressIndex(e.Address),
	}
	if d.about != "" {
		r.Principal = c.key.principalIndex(d.about)
	}
	if !e.Session.IsZero() {
		r.Session = e.Session.String()
	}
	b := body{
		key: c.key.key.id, seq: r.Seq, prev: c.prev, reason: string(e.Reason), method: e.Method,
		request: e.Request, outcome: string(e.Outcome), count: uint64(max(e.Count, 1)), marks: d.marks,
	}
	p := personal{
		principal: e.Principal, actor: e.Actor, userAgent: e.UserAgent, path: e.Path, detail: e.Detail, err: e.Error,
	}
	if e.Address.IsValid() {
		p.address = e.Address.String()
	}
	if p != (personal{}) {
		aead := c.aead
		b.owner = ownerChain
		if person != nil {
			aead, b.owner = person, ownerPrincipal
		}
		nonce := randomNonce()
		b.sealed = aead.Seal(nonce, nonce, p.encode(), place(r))
	}
	r.Body = b.encode()
	mac := c.key.macOf(r)
	r.MAC = mac[:]
	return r
}

// advance takes a row for the chain's last.
func (c *chain) advance(r Row) {
	c.seq = r.Seq
	copy(c.prev[:], r.MAC)
}

func randomNonce() []byte {
	nonce := make([]byte, nonceSize, 256)
	rand.Read(nonce)
	return nonce
}

// place binds a sealed part to where it stands.
func place(r Row) []byte {
	return binary.BigEndian.AppendUint64(appendBytes(nil, r.Writer), uint64(r.Seq))
}

// genuine reports whether the row is as it was made, and returns its body; if
// not, why says what is wrong with it.
func (r *Ring) genuine(row Row) (b *body, k *derived, why string) {
	b, err := decodeBody(row.Body)
	if err != nil {
		return nil, nil, DoubtAltered
	}
	if k = r.find(b.key); k == nil {
		return b, nil, DoubtKey
	}
	if mac := k.macOf(row); !hmac.Equal(mac[:], row.MAC) || b.seq != row.Seq {
		return b, k, DoubtAltered
	}
	return b, k, ""
}

// What [Entry.Doubt] says of an entry that cannot be vouched for.
const (
	DoubtAltered = "altered: it is not as it was written"
	DoubtKey     = "unknown key: it cannot be verified"
)

// entry reads a row; person is the AEAD of its principal, or nil if there is
// none any more.
func (r *Ring) entry(row Row, person cipher.AEAD) Entry {
	e := Entry{
		At: time.UnixMicro(row.At).UTC(), Kind: satra.Kind(row.Kind), Writer: row.Writer, Seq: row.Seq, Count: 1,
	}
	if id, err := satra.ParseID(row.Session); err == nil {
		e.Session = id
	}
	b, k, doubt := r.genuine(row)
	if e.Doubt = doubt; doubt != "" && (e.At.Year() < 1970 || e.At.Year() > 9999) {
		e.At, e.at = time.Time{}, row.At // which has a form in JSON
	}
	if b == nil {
		return e
	}
	e.Reason, e.Method, e.Request = satra.Reason(b.reason), b.method, b.request
	e.Outcome, e.Count = Outcome(b.outcome), int(b.count)
	if b.owner == ownerNone || k == nil {
		return e
	}
	aead := person
	if b.owner == ownerChain {
		aead = k.chainAEAD(row.Writer)
	}
	e.Erased = !e.unseal(aead, b.sealed, row)
	return e
}

// unseal fills in the personal part, and reports whether it could.
func (e *Entry) unseal(aead cipher.AEAD, sealed []byte, row Row) bool {
	if aead == nil || len(sealed) < nonceSize {
		return false
	}
	text, err := aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], place(row))
	if err != nil {
		return false
	}
	p, err := decodePersonal(text)
	if err != nil {
		return false
	}
	e.Principal, e.Actor, e.UserAgent, e.Path, e.Detail, e.Error = p.principal, p.actor, p.userAgent, p.path, p.detail, p.err
	e.Address, _ = netip.ParseAddr(p.address)
	return true
}

// bounded returns the entry as it is kept: strings of a length that is known,
// and valid but for the names of principals, which are any bytes.
func (e Entry) bounded() Entry {
	e.At = e.At.UTC().Truncate(time.Microsecond)
	e.Kind = satra.Kind(ascii(string(e.Kind), limits.kind))
	if e.Kind == "" {
		e.Kind = "unnamed"
	}
	e.Reason = satra.Reason(text(string(e.Reason), limits.kind))
	e.Outcome = Outcome(text(string(e.Outcome), limits.kind))
	e.Method = text(e.Method, limits.kind)
	e.Principal, e.Actor = clip(e.Principal, limits.name), clip(e.Actor, limits.name)
	e.UserAgent, e.Path, e.Request = text(e.UserAgent, limits.line), text(e.Path, limits.line), text(e.Request, limits.line)
	e.Detail, e.Error = text(e.Detail, limits.text), text(e.Error, limits.text)
	e.Address = e.Address.Unmap().WithZone("")
	e.Count = max(e.Count, 1)
	e.Erased, e.Doubt, e.Writer, e.Seq, e.at = false, "", "", 0, 0
	return e
}

func clip(s string, most int) string { return s[:min(len(s), most)] }

// text is s as valid UTF-8 of at most so many bytes.
func text(s string, most int) string {
	if len(s) <= most && utf8.ValidString(s) {
		return s
	}
	valid := string(bytes.ToValidUTF8([]byte(clip(s, most)), []byte("\uFFFD")))
	for len(valid) > most {
		_, size := utf8.DecodeLastRuneInString(valid)
		valid = valid[:len(valid)-size]
	}
	return valid
}

// ascii is s with all but visible ASCII replaced.
func ascii(s string, most int) string {
	out := []byte(clip(s, most))
	for i, c := range out {
		if c <= ' ' || c > '~' {
			out[i] = '?'
		}
	}
	return string(out)
}
