package sqlitestore

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/satra-sessions/satra"
)

// A record is one row. What SQL has to find it by (ID, principal, the instant
// from which it is over, whether it was ended) are columns; the rest is packed
// in one, which begins with the version of its layout. Numbers are varints,
// texts and bytes come with their lengths, times are microseconds.

// layout1 is the first layout, and so far the only one.
const layout1 = 1

// The flags of a record and of a retired secret.
const (
	isPersistent = 1 << iota
	isEnded
	hasOneDevice // the last device is the first

	hasSeed      = 1
	hasSuccessor = 2
)

// noTime stands for the zero time.
const noTime = math.MinInt64

var errDamaged = errors.New("a record is damaged")

// pack returns all of the record that has no column.
func pack(r *satra.Record) []byte {
	size := 192 + len(r.Method) + len(r.FirstDevice.UserAgent) + len(r.LastDevice.UserAgent) + 128*len(r.Retired)
	for _, v := range r.Values {
		size += len(v.Key) + len(v.Data) + 16
	}
	b := append(make([]byte, 0, size), layout1, flags(r), byte(r.Transport))
	b = append(append(b, r.Secret[:]...), r.Seed[:]...)
	b = binary.AppendUvarint(b, uint64(r.Generation))
	b = binary.AppendUvarint(b, r.Version)
	for _, t := range []time.Time{r.Created, r.Begun, r.Seen, r.NotAfter, r.AuthAt} {
		b = appendTime(b, t)
	}
	b = binary.AppendVarint(b, int64(r.Idle))
	b = binary.AppendVarint(b, int64(r.Lifetime))
	b = appendBytes(b, r.Method)
	b = appendDevice(b, r.FirstDevice)
	if r.LastDevice != r.FirstDevice {
		b = appendDevice(b, r.LastDevice)
	}
	b = appendRetired(b, r.Retired)
	if r.Ended != nil {
		b = appendTime(b, r.Ended.At)
		b = appendBytes(appendBytes(b, string(r.Ended.Reason)), r.Ended.Actor)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Values)))
	for _, v := range r.Values {
		b = binary.AppendUvarint(appendBytes(b, v.Key), v.Rev)
		b = appendBytes(b, v.Data)
	}
	return b
}

func flags(r *satra.Record) (f byte) {
	if r.Persistent {
		f |= isPersistent
	}
	if r.Ended != nil {
		f |= isEnded
	}
	if r.LastDevice == r.FirstDevice {
		f |= hasOneDevice
	}
	return f
}

func appendRetired(b []byte, all []satra.Retired) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, old := range all {
		b = append(b, old.Secret[:]...)
		b = appendTime(appendTime(appendTime(b, old.At), old.Shown), old.RefusedAt)
		b = binary.AppendUvarint(b, uint64(old.Refused))
		at := len(b)
		b = append(b, 0)
		if old.Seed != nil {
			b[at] |= hasSeed
			b = append(b, old.Seed[:]...)
		}
		if old.Successor != nil {
			b[at] |= hasSuccessor
			b = appendBytes(b, old.Successor)
		}
	}
	return b
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return t.UnixMicro()
}

func appendTime(b []byte, t time.Time) []byte { return binary.AppendVarint(b, micros(t)) }

func appendBytes[S string | []byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendDevice(b []byte, d satra.Device) []byte {
	return appendBytes(appendBytes(b, d.UserAgent), d.Addr)
}

// unpack is the reverse of pack. The record shares the bytes of its values with
// b, which must not be changed afterwards.
func unpack(id satra.ID, principal string, b []byte) (*satra.Record, error) {
	u := &unpacker{b: b}
	layout, f := u.byte(), u.byte()
	if layout != layout1 {
		return nil, errDamaged
	}
	r := &satra.Record{ID: id, Principal: principal, Persistent: f&isPersistent != 0, Transport: satra.Transport(u.byte())}
	u.fixed(r.Secret[:])
	u.fixed(r.Seed[:])
	generation := u.uvarint()
	r.Generation, r.Version = uint32(generation), u.uvarint()
	r.Created, r.Begun, r.Seen, r.NotAfter, r.AuthAt = u.time(), u.time(), u.time(), u.time(), u.time()
	r.Idle, r.Lifetime = time.Duration(u.varint()), time.Duration(u.varint())
	r.Method = string(u.bytes())
	r.FirstDevice = u.device()
	r.LastDevice = r.FirstDevice
	if f&hasOneDevice == 0 {
		r.LastDevice = u.device()
	}
	r.Retired = u.retired()
	if f&isEnded != 0 {
		r.Ended = &satra.End{At: u.time(), Reason: satra.Reason(u.bytes()), Actor: string(u.bytes())}
	}
	r.Values = u.values()
	if u.bad || len(u.b) > 0 || generation > math.MaxUint32 {
		return nil, errDamaged
	}
	return r, nil
}

// An unpacker reads what is left of a packed record. Once something is wrong,
// it is bad for good and reads nothing but zeros.
type unpacker struct {
	b   []byte
	bad bool
}

// take returns the next n bytes.
func (u *unpacker) take(n uint64) []byte {
	if u.bad || n > uint64(len(u.b)) {
		u.bad = true
		return nil
	}
	taken := u.b[:n:n]
	u.b = u.b[n:]
	return taken
}

func (u *unpacker) byte() byte {
	if b := u.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (u *unpacker) fixed(into []byte) { copy(into, u.take(uint64(len(into)))) }

func (u *unpacker) bytes() []byte { return u.take(u.uvarint()) }

func (u *unpacker) uvarint() uint64 {
	x, n := binary.Uvarint(u.b)
	return number(u, x, n)
}

func (u *unpacker) varint() int64 {
	x, n := binary.Varint(u.b)
	return number(u, x, n)
}

// number steps over the n bytes that x took.
func number[N int64 | uint64](u *unpacker, x N, n int) N {
	if u.bad || n <= 0 {
		u.bad = true
		return 0
	}
	u.b = u.b[n:]
	return x
}

func (u *unpacker) time() time.Time {
	if us := u.varint(); us != noTime && !u.bad {
		return time.UnixMicro(us).UTC()
	}
	return time.Time{}
}

func (u *unpacker) device() satra.Device {
	return satra.Device{UserAgent: string(u.bytes()), Addr: string(u.bytes())}
}

// count reads how many things follow, each of which takes at least so many
// bytes: a damaged count must not be believed.
func (u *unpacker) count(atLeast int) int {
	n := u.uvarint()
	if n > uint64(len(u.b)/atLeast) {
		u.bad = true
		return 0
	}
	return int(n)
}

func (u *unpacker) retired() []satra.Retired {
	n := u.count(37)
	if n == 0 {
		return nil
	}
	all := make([]satra.Retired, n)
	for i := range all {
		old := &all[i]
		u.fixed(old.Secret[:])
		old.At, old.Shown, old.RefusedAt = u.time(), u.time(), u.time()
		old.Refused = int(u.uvarint())
		f := u.byte()
		if f&hasSeed != 0 {
			old.Seed = &satra.Seed{}
			u.fixed(old.Seed[:])
		}
		if f&hasSuccessor != 0 {
			old.Successor = u.bytes()
		}
	}
	return all
}

func (u *unpacker) values() []satra.Value {
	n := u.count(3)
	if n == 0 {
		return nil
	}
	all := make([]satra.Value, n)
	for i := range all {
		all[i] = satra.Value{Key: string(u.bytes()), Rev: u.uvarint(), Data: u.bytes()}
	}
	return all
}
