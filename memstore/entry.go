package memstore

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/satra-sessions/satra"
)

// never is the instant of what does not happen.
const never = math.MaxInt64

// An entry is a record in as little memory as it can be worked with: times in
// microseconds, values in one block, user agents and methods interned, and what
// most sessions do not have out of line.
type entry struct {
	id              satra.ID
	secret          satra.Hash
	seed            satra.Seed
	version         uint64
	created, begun  int64
	seen            int64
	authAt          int64 // 0: never
	idle, lifetime  time.Duration
	principal       string
	values          []byte // replaced as a whole, never changed
	first           device
	last            *device // nil: as first
	method          unique.Handle[string]
	rare            *rare
	next, prev      *entry // of the same principal; the principals' lock guards them
	place           [queues]int32
	generation      uint32
	persistent      bool
	transport       satra.Transport
	linked, removed bool // linked: the principals' lock; removed: the shard's
}

// A rare is what few records have.
type rare struct {
	retired  []satra.Retired
	ended    *satra.End
	notAfter time.Time
}

// A device is what the record has of one. There are few browsers and many
// addresses: together they would hardly ever be the same.
type device struct {
	userAgent unique.Handle[string]
	addr      string
}

func (d *device) pack(v satra.Device) {
	d.userAgent = unique.Make(v.UserAgent)
	if d.addr != v.Addr {
		d.addr = strings.Clone(v.Addr) // it may be a part of something large
	}
}

func (d *device) unpack() satra.Device {
	return satra.Device{UserAgent: d.userAgent.Value(), Addr: d.addr}
}

// packLast takes the last device in, if it is another than the first.
func (e *entry) packLast(r *satra.Record) {
	if r.LastDevice == r.FirstDevice {
		e.last = nil
		return
	}
	last := &device{}
	last.pack(r.LastDevice)
	e.last = last
}

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

// pack takes the record in. Principals are linked elsewhere, and the ID, which is
// read without the shard's lock, never changes.
func (e *entry) pack(r *satra.Record) {
	e.secret, e.seed = r.Secret, r.Seed
	e.version, e.generation = r.Version, r.Generation
	e.created, e.begun, e.seen, e.authAt = micros(r.Created), micros(r.Begun), micros(r.Seen), micros(r.AuthAt)
	e.idle, e.lifetime = r.Idle, r.Lifetime
	e.principal, e.persistent, e.transport = r.Principal, r.Persistent, r.Transport
	e.first.pack(r.FirstDevice)
	e.packLast(r)
	e.method = unique.Make(r.Method)
	e.values = packValues(r.Values)
	e.rare = nil
	if len(r.Retired) > 0 || r.Ended != nil || !r.NotAfter.IsZero() {
		e.rare = &rare{r.Retired, r.Ended, r.NotAfter}
	}
}

// An unpacked record comes with room for a few values, in one allocation.
type unpacked struct {
	record satra.Record
	values [3]satra.Value
}

// unpack returns the record; the shard is locked, if only for reading.
func (e *entry) unpack(sh *shard) *satra.Record {
	u := &unpacked{}
	r := &u.record
	e.header(r)
	r.Values = e.unpackValues(sh, u.values[:0])
	return r
}

// header fills in all but the values.
func (e *entry) header(r *satra.Record) {
	r.ID, r.Secret, r.Seed = e.id, e.secret, e.seed
	r.Version, r.Generation = e.version, e.generation
	r.Created, r.Begun, r.Seen, r.AuthAt = instant(e.created), instant(e.begun), instant(e.seen), instant(e.authAt)
	r.Idle, r.Lifetime = e.idle, e.lifetime
	r.Principal, r.Persistent, r.Transport = e.principal, e.persistent, e.transport
	r.FirstDevice, r.LastDevice, r.Method = e.first.unpack(), e.first.unpack(), e.method.Value()
	if e.last != nil {
		r.LastDevice = e.last.unpack()
	}
	if e.rare != nil {
		r.Retired, r.Ended, r.NotAfter = e.rare.retired, e.rare.ended, e.rare.notAfter
	}
}

// touch notes activity without unpacking, and reports whether that was all.
func (e *entry) touch(c *satra.Change) bool {
	if c.Return || c.Device != nil || c.IfPrincipal != nil || len(c.IfRev) > 0 || !c.TouchOnly() {
		return false
	}
	if e.rare != nil && e.rare.lapsed(c.At) {
		e.rare = nil
	}
	if e.rare != nil || c.IfGeneration != nil && *c.IfGeneration != e.generation {
		return false
	}
	if at := micros(c.At); at >= e.overAt() {
		return false
	}
	e.seen = max(e.seen, micros(c.Seen))
	return true
}

// lapsed reports whether nothing is in it but retired secrets that may be
// forgotten.
func (x *rare) lapsed(at time.Time) bool {
	return x.ended == nil && x.notAfter.IsZero() && !slices.ContainsFunc(x.retired, func(old satra.Retired) bool {
		return old.Seed == nil || at.Sub(old.At) <= satra.RetiredFor
	})
}

// overAt is the instant from which the entry is over, by decision or by time.
func (e *entry) overAt() int64 {
	var r satra.Record
	e.header(&r)
	return overAt(&r)
}

func overAt(r *satra.Record) int64 {
	if r.Ended != nil {
		return micros(r.Ended.At)
	}
	if end, _ := r.Expiry(); !end.IsZero() {
		return micros(end)
	}
	return never
}

// packValues lays values out one after another: the key, the version and the
// data, each with its length.
func packValues(values []satra.Value) []byte {
	if len(values) == 0 {
		return nil
	}
	size := 0
	for _, v := range values {
		size += uvarintLen(uint64(len(v.Key))) + len(v.Key) + uvarintLen(v.Rev) + uvarintLen(uint64(len(v.Data))) + len(v.Data)
	}
	b := make([]byte, 0, size)
	for _, v := range values {
		b = append(binary.AppendUvarint(b, uint64(len(v.Key))), v.Key...)
		b = binary.AppendUvarint(b, v.Rev)
		b = append(binary.AppendUvarint(b, uint64(len(v.Data))), v.Data...)
	}
	return b
}

func uvarintLen(x uint64) int { return (bits.Len64(x|1) + 6) / 7 }

// unpackValues reads them into the slice. The data is shared with the entry:
// neither side changes it.
func (e *entry) unpackValues(sh *shard, into []satra.Value) []satra.Value {
	for b := e.values; len(b) > 0; {
		var v satra.Value
		n, used := binary.Uvarint(b)
		v.Key = sh.name(b[used : used+int(n)])
		b = b[used+int(n):]
		v.Rev, used = binary.Uvarint(b)
		b = b[used:]
		n, used = binary.Uvarint(b)
		v.Data = b[used : used+int(n) : used+int(n)]
		b = b[used+int(n):]
		into = append(into, v)
	}
	return into
}

// learn keeps the names of keys, of which a program has few; the shard is
// locked.
func (sh *shard) learn(values []satra.Value) {
	const enough = 256
	for _, v := range values {
		if _, ok := sh.names[v.Key]; !ok && len(sh.names) < enough {
			sh.names[v.Key] = v.Key
		}
	}
}

// name returns the key as a string, without an allocation for a name that was
// learned.
func (sh *shard) name(b []byte) string {
	if s, ok := sh.names[string(b)]; ok {
		return s
	}
	return string(b)
}
