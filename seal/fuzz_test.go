package seal

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// FuzzOpen gives bytes that somebody has put into a store to the code that
// opens them. Nothing opens that was not sealed, and what was sealed opens in
// its place alone.
func FuzzOpen(f *testing.F) {
	keys := newVault(1, 2).ring(f).keys.Load()
	id := satra.ID{1}
	whole := keys.keys[1].sealValues(id, []satra.Value{{Key: "k", Data: []byte(`"v"`)}}, false)[0].Data
	f.Add(whole, "k", []byte("seed"))
	f.Add(whole, "j", whole[:32])
	f.Add(whole[:overhead], "k", []byte{})
	f.Add([]byte(`{"a":1}`), "k", bytes.Repeat([]byte{1}, 32))
	f.Add([]byte{formatV1}, "", []byte{31: 1})
	f.Fuzz(func(t *testing.T, data []byte, name string, seedBytes []byte) {
		values := []satra.Value{{Key: name, Data: data, Rev: 7}, {Key: name + "x", Data: whole}}
		opened := keys.openValues(id, values, false)
		got := opened[0]
		ours := name == "k" && bytes.Equal(data, whole)
		if got.Key != name || got.Rev != 7 || len(opened) != 2 {
			t.Fatalf("the value became another: %+v", got)
		}
		if json.Valid(got.Data) != ours {
			t.Errorf("%x under %q opens: %q", data, name, got.Data)
		}
		if plain := keys.openValues(id, values, true)[0].Data; !ours && !bytes.Equal(plain, data) {
			t.Errorf("%x, accepted as it is, became %x", data, plain)
		}
		sealed := keys.keys[0].sealValues(id, []satra.Value{{Key: name, Data: data}}, false)
		if back := keys.openValues(id, sealed, false)[0].Data; !bytes.Equal(back, data) || json.Valid(sealed[0].Data) {
			t.Errorf("%x, sealed and opened, became %x", data, back)
		}

		var seed satra.Seed
		copy(seed[:], seedBytes)
		if got := keys.openSeed(id, seed, false); got == seed {
			t.Errorf("the seed %x is believed as it is", seedBytes)
		}
	})
}

// BenchmarkStore measures what sealing adds to a store that itself takes next
// to no time: per record found, and per value set.
func BenchmarkStore(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"100B", 100}, {"4KiB", 4096}} {
		data := []byte(`"` + string(bytes.Repeat([]byte("x"), size.bytes-2)) + `"`)
		under := memstore.New(nil)
		sealed := newNode(b, under, newVault(1).ring(b), nil)
		for _, s := range []struct {
			name  string
			store satra.Store
		}{{"plain", memstore.New(nil)}, {"sealed", sealed}} {
			r := record("a", string(data))
			if err := s.store.Create(b.Context(), r); err != nil {
				b.Fatal(err)
			}
			b.Run("Find/"+size.name+"/"+s.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.store.Find(b.Context(), r.ID, satra.Fresh); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("Set/"+size.name+"/"+s.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.store.Apply(b.Context(), r.ID, &satra.Change{At: t0, Set: []satra.Value{{Key: "a", Data: data}}}); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("Touch/"+size.name+"/"+s.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.store.Apply(b.Context(), r.ID, &satra.Change{At: t0, Seen: t0}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
