package pgstore

import (
	"reflect"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

var someRetired = []satra.Retired{
	{Secret: satra.Hash{1}, At: t0, Successor: []byte("sealed"), Shown: t0.Add(time.Second), Refused: 2, RefusedAt: t0.Add(time.Minute)},
	{Secret: satra.Hash{2}, At: t0, Successor: []byte{}},
	{Secret: satra.Hash{3}, At: t0.Add(-time.Microsecond), Seed: &satra.Seed{4}},
	{Secret: satra.Hash{5}, At: t0},
}

func TestRetiredSecretsAreReadBack(t *testing.T) {
	for n := range len(someRetired) + 1 {
		want := append([]satra.Retired(nil), someRetired[:n]...)
		got, err := unpackRetired(packRetired(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %d retired secrets, %v; want the same %d", len(got), err, n)
		}
	}
	// A tombstone has lost the second column.
	retired, _ := packRetired(someRetired)
	got, err := unpackRetired(retired, nil)
	if err != nil || len(got) != len(someRetired) || got[0].Successor != nil || got[2].Seed != nil || got[2].Secret != (satra.Hash{3}) {
		t.Errorf("of a tombstone: got %d, %v; want all of them without seeds and successors", len(got), err)
	}
}

func FuzzUnpackRetired(f *testing.F) {
	retired, secrets := packRetired(someRetired)
	f.Add(retired, secrets)
	f.Add(retired, secrets[:len(secrets)-1])
	f.Add(retired[:retiredSize], []byte{hasSuccessor, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, retired, secrets []byte) {
		all, err := unpackRetired(retired, secrets)
		if err != nil {
			return
		}
		again, err := unpackRetired(packRetired(all))
		if err != nil || !reflect.DeepEqual(again, all) {
			t.Errorf("read, written and read again: %v, %v", all, err)
		}
	})
}
