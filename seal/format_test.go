package seal

import (
	"encoding/hex"
	"testing"

	"github.com/satra-sessions/satra"
)

// TestTheFormatStays holds the format to what another program, written to the
// same description with another library, has sealed: what is in stores has to open
// in every later version.
func TestTheFormatStays(t *testing.T) {
	const (
		secret = "ef2MIdL9qYPa88zMov2SZ2iU3kqy1CvDvbBmZ/1TG+4="
		value  = "013fa94c01a0a1a2a3a4a5a6a7a8a9aaab27691ad9aa87d2b19e6081d0d23929" +
			"434d3e73daa9b422fe"
		sealed = "3fa94c01a3f8b2fed6030e6a8d17a33e2cf473ac6c24fb14743c4dbab61da5b1"
	)
	doc, err := parseDocument([]byte(`{"keys":[{"id":"3fa94c01","secret":"` + secret + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKey(doc.entries[0].info, doc.entries[0].secret)
	if err != nil {
		t.Fatal(err)
	}
	set := &keySet{keys: []*key{k}, substitute: newPRF([]byte("anything"))}
	var id satra.ID
	var seed satra.Seed
	for i := range id {
		id[i] = byte(i + 1)
	}
	for i := range seedRandom {
		seed[i] = byte(0x10 + i)
	}
	data, err := hex.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	if got := set.openValues(id, []satra.Value{{Key: "cart", Data: data}}, false)[0].Data; string(got) != `["figs"]` {
		t.Errorf("the value opens as %q", got)
	}
	if got := k.sealSeed(id, seed); hex.EncodeToString(got[:]) != sealed {
		t.Errorf("the seed is sealed as %x, want %s", [32]byte(got), sealed)
	}
	if got := set.openSeed(id, k.sealSeed(id, seed), false); got != seed {
		t.Error("the seed does not open")
	}
}
