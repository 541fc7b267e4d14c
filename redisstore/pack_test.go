package redisstore

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

func someRecord() *satra.Record {
	at := time.Date(2031, 5, 6, 7, 8, 9, 123456000, time.UTC)
	return &satra.Record{
		ID: satra.ID{1}, Secret: satra.Hash{2}, Seed: satra.Seed{3}, Generation: 1<<32 - 1, Version: 1<<53 - 1,
		Principal: "al\x00ice", Created: at, Begun: at.Add(1000), Seen: at.Add(2000), Idle: time.Hour, Lifetime: satra.Never,
		NotAfter: at.Add(time.Hour), Persistent: true, Transport: satra.TransportBearer, AuthAt: at.Add(3000), Method: "passkey",
		FirstDevice: satra.Device{UserAgent: "a", Addr: "b"}, LastDevice: satra.Device{UserAgent: "c", Addr: "d"},
		Retired: []satra.Retired{
			{Secret: satra.Hash{4}, At: at, Seed: &satra.Seed{5}},
			{Secret: satra.Hash{6}, At: at, Successor: []byte("sealed"), Shown: at, Refused: 2, RefusedAt: at},
			{Secret: satra.Hash{7}, At: at},
		},
		Values: []satra.Value{{Key: "a", Data: []byte("1"), Rev: 7}, {Key: "b", Data: []byte{}, Rev: 8}},
		Ended:  &satra.End{At: at, Reason: satra.ReasonStolen, Actor: "root"},
	}
}

func TestARecordIsReadAsItWasPacked(t *testing.T) {
	want := someRecord()
	u, err := unpack(want.ID, pack(want, 42))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&u.record, want) || u.kept != 42 {
		g, w := reflect.ValueOf(u.record), reflect.ValueOf(*want)
		for i := range g.NumField() {
			if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
				t.Errorf("%s differs", g.Type().Field(i).Name)
			}
		}
		t.Errorf("kept: got %d, want 42", u.kept)
	}
}

func FuzzUnpack(f *testing.F) {
	whole := pack(someRecord(), 42)
	f.Add(whole)
	for _, n := range []int{0, 1, fixedSize - 1, fixedSize, len(whole) - 1} {
		f.Add(whole[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := unpack(satra.ID{1}, b)
		if err != nil {
			return
		}
		again, err := unpack(satra.ID{1}, pack(&u.record, u.kept))
		if err != nil {
			t.Fatalf("a record that was read is packed into one that is not: %v", err)
		}
		if !bytes.Equal(pack(&u.record, u.kept), pack(&again.record, again.kept)) {
			t.Errorf("a record changes when it is packed again")
		}
	})
}
