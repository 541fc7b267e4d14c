package sqlitestore

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// fullRecord has something in every field.
func fullRecord() *satra.Record {
	r := newRecord()
	r.Principal, r.Method, r.Persistent, r.Transport = "alice\x00", "passkey", true, satra.TransportBearer
	r.Generation, r.Version = 1<<32-1, 1<<53-1
	r.Begun, r.Seen, r.NotAfter, r.AuthAt = t0.Add(time.Microsecond), t0.Add(-time.Hour), t0.AddDate(80, 0, 0), time.UnixMicro(0).UTC()
	r.Idle, r.Lifetime = satra.Never, 7*time.Microsecond
	r.LastDevice = satra.Device{UserAgent: "ü\x00", Addr: "2001:db8::7"}
	seed := satra.Seed{31: 9}
	r.Retired = []satra.Retired{
		{Secret: satra.Hash{1}, At: t0, Successor: []byte{}, Shown: t0, Refused: 3, RefusedAt: t0.Add(time.Second)},
		{Secret: satra.Hash{2}, At: t0.Add(-time.Minute), Seed: &seed},
		{Secret: satra.Hash{3}, At: t0, Successor: []byte("sealed\x00")},
	}
	r.Values = []satra.Value{{Key: "", Data: []byte{0, 255}, Rev: 1}, {Key: "a", Data: []byte{}, Rev: 1<<53 - 1}}
	return r
}

func TestARecordIsPackedAndUnpackedWhole(t *testing.T) {
	ended := fullRecord()
	ended.Ended = &satra.End{At: t0, Reason: satra.ReasonStolen, Actor: "root\x00"}
	for name, r := range map[string]*satra.Record{
		"a bare record": {ID: satra.ID{1}}, "a new record": newRecord(), "a full record": fullRecord(), "an ended record": ended,
	} {
		got, err := unpack(r.ID, r.Principal, pack(r))
		if err != nil || !reflect.DeepEqual(*got, *r) {
			t.Errorf("%s: %v\ngot  %#v\nwant %#v", name, err, *got, *r)
		}
	}
}

// The fields of a record are counted, so that one that is added is not lost.
func TestEveryFieldIsPacked(t *testing.T) {
	r := *fullRecord()
	r.Ended = &satra.End{At: t0, Reason: satra.ReasonIdle, Actor: "a"}
	v := reflect.ValueOf(r)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test's record has nothing in %s: give it something, and see that it is packed", v.Type().Field(i).Name)
		}
	}
}

func TestADamagedRecordIsAnError(t *testing.T) {
	whole := pack(fullRecord())
	for n := range whole {
		if _, err := unpack(satra.ID{1}, "", whole[:n]); !errors.Is(err, errDamaged) {
			t.Fatalf("the first %d of %d bytes: got error %v, want errDamaged", n, len(whole), err)
		}
	}
	if _, err := unpack(satra.ID{1}, "", append(bytes.Clone(whole), 0)); !errors.Is(err, errDamaged) {
		t.Errorf("a byte too many: got error %v, want errDamaged", err)
	}
	whole[0] = layout1 + 1
	if _, err := unpack(satra.ID{1}, "", whole); !errors.Is(err, errDamaged) {
		t.Errorf("another layout: got error %v, want errDamaged", err)
	}
}

// FuzzUnpack reads any bytes, and what can be read means the same when it is
// packed again.
func FuzzUnpack(f *testing.F) {
	ended := fullRecord()
	ended.Ended = &satra.End{At: t0, Reason: satra.ReasonStolen}
	for _, r := range []*satra.Record{{}, newRecord(), fullRecord(), ended} {
		f.Add(pack(r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := unpack(satra.ID{1}, "alice", b)
		if err != nil {
			if !errors.Is(err, errDamaged) || r != nil {
				t.Fatalf("got record %v, error %v", r != nil, err)
			}
			return
		}
		again, err := unpack(r.ID, r.Principal, pack(r))
		if err != nil || !reflect.DeepEqual(*again, *r) {
			t.Fatalf("packed again: %v\ngot  %#v\nwant %#v", err, again, r)
		}
	})
}
