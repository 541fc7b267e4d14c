package redisstore

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
)

// A packed record, big-endian, as lua/record.lua reads it too:
//
//	 0 format 1 · 1 state (0 live, 1 ended) · 2 flags (1 persistent) · 3 transport
//	 4 generation uint32 · 8 version int64
//	16 seen · 24 created · 32 begun · 40 idle · 48 lifetime · 56 not after ·
//	64 authenticated · 72 kept: int64 each, microseconds; Never is -1, the zero time 0
//	80 secret · 112 seed
//	144 eight lengths, uint32: principal, method, user agent and address of the
//	    first device, of the last, retired secrets, end
//	176 those, and then the values to the end
//
// kept is until when the principal's hash is sure to be there. A value is the
// lengths of its key and data with its version between them, then both.
const (
	fixedSize   = 176
	retiredSize = 65
	valueSize   = 16
)

// Kinds of what a retired secret carries.
const (
	carriesNothing = iota
	carriesSeed
	carriesSuccessor
)

var errFormat = errors.New("redisstore: a record in a format that this version does not know")

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// span is a duration in microseconds; Never is -1.
func span(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Microseconds()
}

func duration(us int64) time.Duration {
	if us < 0 {
		return satra.Never
	}
	return time.Duration(us) * time.Microsecond
}

// pack lays the record out.
func pack(r *satra.Record, kept int64) []byte {
	size := fixedSize + len(r.Principal) + len(r.Method) + 256
	for _, v := range r.Values {
		size += valueSize + len(v.Key) + len(v.Data)
	}
	b := make([]byte, 0, size)
	state, flags := byte(0), byte(0)
	if r.Ended != nil {
		state = 1
	}
	if r.Persistent {
		flags = 1
	}
	b = append(b, 1, state, flags, byte(r.Transport))
	b = binary.BigEndian.AppendUint32(b, r.Generation)
	for _, n := range []int64{
		int64(r.Version), micros(r.Seen), micros(r.Created), micros(r.Begun),
		span(r.Idle), span(r.Lifetime), micros(r.NotAfter), micros(r.AuthAt), kept,
	} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(append(b, r.Secret[:]...), r.Seed[:]...)
	parts := []string{
		r.Principal, r.Method, r.FirstDevice.UserAgent, r.FirstDevice.Addr, r.LastDevice.UserAgent, r.LastDevice.Addr,
		string(packRetired(r.Retired)), string(packEnd(r.Ended)),
	}
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	for _, v := range r.Values {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v.Key)))
		b = binary.BigEndian.AppendUint64(b, v.Rev)
		b = binary.BigEndian.AppendUint32(b, uint32(len(v.Data)))
		b = append(append(b, v.Key...), v.Data...)
	}
	return b
}

func packRetired(all []satra.Retired) (b []byte) {
	for _, old := range all {
		kind, carries := byte(carriesNothing), []byte(nil)
		if old.Seed != nil {
			kind, carries = carriesSeed, old.Seed[:]
		} else if old.Successor != nil {
			kind, carries = carriesSuccessor, old.Successor
		}
		b = append(b, old.Secret[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(micros(old.Shown)))
		b = binary.BigEndian.AppendUint32(b, uint32(old.Refused))
		b = binary.BigEndian.AppendUint64(b, uint64(micros(old.RefusedAt)))
		b = binary.BigEndian.AppendUint64(b, uint64(micros(old.At)))
		b = append(b, kind)
		b = binary.BigEndian.AppendUint32(b, uint32(len(carries)))
		b = append(b, carries...)
	}
	return b
}

// packEnd lays an end out as the entry of a principal does, too.
func packEnd(e *satra.End) []byte {
	if e == nil {
		return nil
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(micros(e.At)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Reason)))
	return append(append(b, e.Reason...), e.Actor...)
}

// An unpacked record comes with room for a few values, in one allocation.
type unpacked struct {
	record satra.Record
	values [4]satra.Value
	kept   int64
}

// unpack reads a packed record, whose bytes it then shares. Bytes that pack has
// not written are an error.
func unpack(id satra.ID, b []byte) (*unpacked, error) {
	if len(b) < fixedSize || b[0] != 1 {
		return nil, errFormat
	}
	u := &unpacked{}
	r := &u.record
	number := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
	r.ID = id
	r.Persistent, r.Transport = b[2] == 1, satra.Transport(b[3])
	r.Generation, r.Version = binary.BigEndian.Uint32(b[4:]), uint64(number(8))
	r.Seen, r.Created, r.Begun = instant(number(16)), instant(number(24)), instant(number(32))
	r.Idle, r.Lifetime = duration(number(40)), duration(number(48))
	r.NotAfter, r.AuthAt, u.kept = instant(number(56)), instant(number(64)), number(72)
	copy(r.Secret[:], b[80:])
	copy(r.Seed[:], b[112:])
	var ends [8]int
	end := fixedSize
	for i := range ends {
		n := binary.BigEndian.Uint32(b[144+4*i:])
		if uint64(n) > uint64(len(b)-end) {
			return nil, errFormat
		}
		end += int(n)
		ends[i] = end
	}
	texts := string(b[fixedSize:ends[5]])
	part := func(i int) string { return texts[ends[i-1]-fixedSize : ends[i]-fixedSize] }
	r.Principal, r.Method = texts[:ends[0]-fixedSize], part(1)
	r.FirstDevice = satra.Device{UserAgent: part(2), Addr: part(3)}
	r.LastDevice = satra.Device{UserAgent: part(4), Addr: part(5)}
	var err error
	if r.Retired, err = unpackRetired(b[ends[5]:ends[6]]); err != nil {
		return nil, err
	}
	if b[1] == 1 {
		if r.Ended, err = unpackEnd(b[ends[6]:ends[7]]); err != nil {
			return nil, err
		}
	}
	r.Values, err = unpackValues(b[end:], u.values[:0])
	return u, err
}

func unpackRetired(b []byte) (all []satra.Retired, err error) {
	for len(b) > 0 {
		if len(b) < retiredSize || uint64(binary.BigEndian.Uint32(b[61:])) > uint64(len(b)-retiredSize) {
			return nil, errFormat
		}
		number := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
		old := satra.Retired{
			Shown: instant(number(32)), Refused: int(binary.BigEndian.Uint32(b[40:])),
			RefusedAt: instant(number(44)), At: instant(number(52)),
		}
		copy(old.Secret[:], b)
		n := retiredSize + int(binary.BigEndian.Uint32(b[61:]))
		carries := b[retiredSize:n:n]
		switch {
		case b[60] == carriesSeed && len(carries) == 32:
			old.Seed = new(satra.Seed(carries))
		case b[60] == carriesSuccessor:
			old.Successor = carries
		case b[60] != carriesNothing:
			return nil, errFormat
		}
		all = append(all, old)
		b = b[n:]
	}
	return all, nil
}

func unpackEnd(b []byte) (*satra.End, error) {
	if len(b) < 12 || uint64(binary.BigEndian.Uint32(b[8:])) > uint64(len(b)-12) {
		return nil, errFormat
	}
	n := 12 + int(binary.BigEndian.Uint32(b[8:]))
	return &satra.End{
		At: instant(int64(binary.BigEndian.Uint64(b))), Reason: satra.Reason(b[12:n]), Actor: string(b[n:]),
	}, nil
}

func unpackValues(b []byte, into []satra.Value) ([]satra.Value, error) {
	for len(b) > 0 {
		if len(b) < valueSize {
			return nil, errFormat
		}
		k, d := uint64(binary.BigEndian.Uint32(b)), uint64(binary.BigEndian.Uint32(b[12:]))
		if k+d > uint64(len(b)-valueSize) {
			return nil, errFormat
		}
		key, end := valueSize+int(k), valueSize+int(k+d)
		into = append(into, satra.Value{
			Key: string(b[valueSize:key]), Rev: binary.BigEndian.Uint64(b[4:]), Data: b[key:end:end],
		})
		b = b[end:]
	}
	byKey := func(a, b satra.Value) int { return strings.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(into, byKey) {
		slices.SortFunc(into, byKey)
	}
	return into, nil
}
