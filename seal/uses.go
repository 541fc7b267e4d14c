package seal

import (
	"slices"

	"github.com/satra-sessions/satra"
)

// Uses tells which keys a record was sealed with, each once, and whether
// anything of it is not sealed. The record has to be as the store below has it,
// not as a [Store] gives it. It needs no keys: their IDs stand in the open.
func Uses(r *satra.Record) (keys []KeyID, plain bool) {
	use := func(id KeyID) {
		if !slices.Contains(keys, id) {
			keys = append(keys, id)
		}
	}
	seed := func(s satra.Seed) {
		switch {
		case !plainSeed(s):
			use(KeyID(s[:idSize]))
		case s != satra.Seed{}:
			plain = true
		}
	}
	for _, v := range r.Values {
		switch {
		case isSealed(v.Data):
			use(keyOf(v.Data))
		case len(v.Data) > 0:
			plain = true
		}
	}
	seed(r.Seed)
	for _, old := range r.Retired {
		if old.Seed != nil {
			seed(*old.Seed)
		}
	}
	return keys, plain
}
