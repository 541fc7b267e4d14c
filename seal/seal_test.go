package seal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

func TestWhatLiesInTheStoreIsSealed(t *testing.T) {
	n := alone(t)
	r := n.create(record("cart", `["figs"]`, "name", `"Asha"`))
	n.set(r.ID, "later", `"pears"`)
	n.want(r.ID, "cart", `["figs"]`)
	n.want(r.ID, "later", `"pears"`)
	lies := n.stored(r.ID)
	for _, v := range lies.Values {
		if !isSealed(v.Data) || keyOf(v.Data) != (KeyID{1, 1, 2, 3}) || json.Valid(v.Data) {
			t.Errorf("value %q is not sealed with the key that there is", v.Key)
		}
		for _, word := range []string{"figs", "Asha", "pears"} {
			if bytes.Contains(v.Data, []byte(word)) {
				t.Errorf("value %q holds %q as it is", v.Key, word)
			}
		}
	}
	if lies.Seed == r.Seed || bytes.Contains(lies.Seed[:], r.Seed[:8]) || plainSeed(lies.Seed) {
		t.Error("the seed is stored as it is")
	}
	if got := n.found(r.ID).Seed; got != r.Seed {
		t.Error("the seed that is found is not the one that was stored")
	}
}

func TestTheSeedOfBeforeASignInIsOpenedToo(t *testing.T) {
	n := alone(t)
	r := n.create(record())
	next := aSeed()
	result, err := n.Apply(t.Context(), r.ID, &satra.Change{At: t0, Return: true, SignIn: &satra.Binding{Principal: "asha", Seed: next}})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*satra.Record{result.Record, n.found(r.ID)} {
		if got.Seed != next || len(got.Retired) != 1 || *got.Retired[0].Seed != r.Seed {
			t.Error("after a sign-in the seeds are not the new one and the one of before")
		}
	}
	if old := n.stored(r.ID).Retired[0].Seed; plainSeed(*old) {
		t.Error("the seed of before lies in the store as it is")
	}
	if _, err := n.Apply(t.Context(), r.ID, &satra.Change{At: t0, End: &satra.End{At: t0, Reason: satra.ReasonSignedOut}}); err != nil {
		t.Fatal(err)
	}
	if n.found(r.ID).Seed != (satra.Seed{}) || n.stored(r.ID).Seed != (satra.Seed{}) {
		t.Error("a record that has ended has a seed")
	}
}

func TestASeedThatCannotBeSealedIsRefused(t *testing.T) {
	n := alone(t)
	r := record()
	r.Seed[31] = 1
	if err := n.Create(t.Context(), r); !errors.Is(err, errSeed) {
		t.Errorf("Create with a seed of 32 bytes: got error %v, want %v", err, errSeed)
	}
	r.Seed[31] = 0
	n.create(r)
	c := &satra.Change{At: t0, SignIn: &satra.Binding{Principal: "asha", Seed: satra.Seed{31: 1}}}
	if _, err := n.Apply(t.Context(), r.ID, c); !errors.Is(err, errSeed) {
		t.Errorf("a sign-in with a seed of 32 bytes: got error %v, want %v", err, errSeed)
	}
}

// moved returns a copy of the record as it lies in the store, for a test to
// tamper with.
func (n node) moved(id satra.ID) *satra.Record {
	r := *n.stored(id)
	r.Values = nil
	for _, v := range n.stored(id).Values {
		r.Values = append(r.Values, satra.Value{Key: v.Key, Data: bytes.Clone(v.Data), Rev: v.Rev})
	}
	return &r
}

func TestASealedValueOpensNowhereElse(t *testing.T) {
	n := alone(t)
	mine := n.create(record("role", `"admin"`, "note", `"none"`))
	yours := n.create(record("role", `"guest"`))

	r := n.moved(yours.ID)
	r.Values[0].Data = n.moved(mine.ID).Values[0].Data
	n.unreadable(n.plant(r), "role", "moved to another session")

	r = n.moved(mine.ID)
	r.Values[0].Data, r.Values[1].Data = r.Values[1].Data, r.Values[0].Data
	id := n.plant(r)
	n.unreadable(id, "role", "moved to another key")
	n.unreadable(id, "note", "moved to another key")

	// Names and IDs are told apart by their lengths, too.
	id = n.create(record("ab", `"x"`)).ID
	r = n.moved(id)
	r.Values[0].Key = "a"
	n.unreadable(n.plant(r), "a", "moved to a shorter key")
}

// unreadable fails unless the value is what the core refuses to decode, and not
// empty.
func (n node) unreadable(id satra.ID, name, what string) {
	n.t.Helper()
	if v, ok := n.found(id).Value(name); !ok || len(v.Data) == 0 || json.Valid(v.Data) {
		n.t.Errorf("a value %s opens: %q", what, v.Data)
	}
}

func TestASealedSeedOpensNowhereElse(t *testing.T) {
	n := alone(t)
	mine, yours := n.create(record()), n.create(record())
	r := n.moved(yours.ID)
	r.Seed = n.stored(mine.ID).Seed
	if got := n.found(n.plant(r)).Seed; got == mine.Seed {
		t.Error("a seed opens in another session")
	}
	lies := n.stored(mine.ID).Seed
	for bit := range len(lies) * 8 {
		r := n.moved(mine.ID)
		r.Seed = lies
		r.Seed[bit/8] ^= 1 << (bit % 8)
		got := n.found(n.plant(r)).Seed
		if got == mine.Seed || got == r.Seed || plainSeed(got) {
			t.Errorf("a seed with bit %d changed is believed", bit)
		}
	}
}

func TestAPlantedSeedIsNotUsed(t *testing.T) {
	v := newVault(1)
	n := newNode(t, memstore.New(nil), v.ring(t), nil)
	id := n.create(record()).ID
	other := newNode(t, n.under, v.ring(t), nil) // another process would have another secret as well
	for what, seed := range map[string]satra.Seed{"known": {1, 2, 3}, "zero": {}, "of a key that is not there": {31: 1}} {
		r := n.moved(id)
		r.Seed = seed
		n.plant(r)
		got := n.found(id).Seed
		if got == seed || got == (satra.Seed{}) {
			t.Errorf("a seed that is %s is used as it is", what)
		}
		if again := n.found(id).Seed; again != got {
			t.Errorf("a seed that is %s is another one each time", what)
		}
		if elsewhere := other.found(id).Seed; elsewhere == got {
			t.Errorf("what stands for a seed that is %s can be foreseen", what)
		}
	}
}

func TestATamperedValueDoesNotOpen(t *testing.T) {
	n := alone(t)
	id := n.create(record("k", `"a value"`)).ID
	whole := n.moved(id).Values[0].Data
	try := func(what string, data []byte) {
		t.Helper()
		r := n.moved(id)
		r.Values[0].Data = data
		n.plant(r)
		v, _ := n.found(id).Value("k")
		if json.Valid(v.Data) {
			t.Errorf("%s: got %q, want it unreadable", what, v.Data)
		}
	}
	for i := range whole {
		for bit := range 8 {
			data := bytes.Clone(whole)
			data[i] ^= 1 << bit
			try("a byte changed", data)
		}
	}
	for n := range len(whole) {
		try("cut short", bytes.Clone(whole[:n]))
		try("begun late", bytes.Clone(whole[len(whole)-n:]))
	}
	try("with a byte more", append(bytes.Clone(whole), 0))
	try("twice", append(bytes.Clone(whole), whole...))
}

func TestNoncesDiffer(t *testing.T) {
	k := alone(t).ring.keys.Load().keys[0]
	seen := map[string]bool{}
	values := make([]satra.Value, 100)
	for range 100 {
		for _, v := range k.sealValues(satra.ID{1}, values, false) {
			seen[string(v.Data[header:header+12])] = true
		}
	}
	if len(seen) != 10_000 {
		t.Errorf("10,000 sealed values have %d different nonces", len(seen))
	}
}

func TestWhatCannotBeOpenedIsKept(t *testing.T) {
	under := memstore.New(nil)
	r := newNode(t, under, newVault(7).ring(t), nil).create(record("lost", `"kept"`))
	n := newNode(t, under, newVault(8).ring(t), nil)
	lies, _ := n.stored(r.ID).Value("lost")
	n.set(r.ID, "other", `1`)
	n.set(r.ID, "other", `2`)
	v, _ := n.found(r.ID).Value("lost")
	still, _ := n.stored(r.ID).Value("lost")
	if !bytes.Equal(v.Data, lies.Data) || !bytes.Equal(still.Data, lies.Data) || v.Rev != 1 {
		t.Errorf("a value of a key that is not there: got %q, stored %q, want it as it was", v.Data, still.Data)
	}
	n.want(r.ID, "other", `2`)

	// Imported elsewhere it stays sealed as it is, and the rest is sealed anew.
	to := newNode(t, memstore.New(nil), n.ring, nil)
	whole := *n.stored(r.ID)
	whole.Values = append(whole.Values, satra.Value{Key: "plain", Data: []byte(`3`), Rev: 1})
	if _, err := to.Import(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	if v, _ := to.stored(r.ID).Value("lost"); !bytes.Equal(v.Data, lies.Data) {
		t.Error("an import sealed a second time what was sealed")
	}
	if to.stored(r.ID).Seed != whole.Seed {
		t.Error("an import sealed a second time a seed that was sealed")
	}
	to.want(r.ID, "plain", `3`)
	to.want(r.ID, "other", `2`)
}

func TestPlainValuesAreReadOnlyIfAnOptionSaysSo(t *testing.T) {
	under := memstore.New(nil)
	r := record("before", `"plain"`)
	if err := under.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	strict := newNode(t, under, newVault(1).ring(t), nil)
	strict.unreadable(r.ID, "before", "that was never sealed")
	if got := strict.found(r.ID).Seed; got == r.Seed {
		t.Error("a seed that was never sealed is used")
	}
	strict.set(r.ID, "other", `1`)
	if v, _ := strict.stored(r.ID).Value("before"); string(v.Data) != `"plain"` {
		t.Errorf("after a write to another key the plain value is %q", v.Data)
	}

	migrating := newNode(t, under, strict.ring, &Options{InsecureAcceptPlain: true})
	migrating.want(r.ID, "before", `"plain"`)
	if got := migrating.found(r.ID).Seed; got != r.Seed {
		t.Error("a plain seed is not used while they are accepted")
	}
	migrating.set(r.ID, "before", `"sealed"`)
	strict.want(r.ID, "before", `"sealed"`)
}

func TestAManagerReadsThroughTheSeal(t *testing.T) {
	cart, gone := satra.NewKey[[]string]("cart"), satra.NewKey[string]("gone")
	under, v := memstore.New(nil), newVault(1)
	v.now = time.Now()
	manager := func(s satra.Store) *satra.Manager {
		m, err := satra.New(s, &satra.Options{InsecureCookie: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close(context.Background()) })
		return m
	}
	cookie := ""
	ask := func(m *satra.Manager, do func(ctx context.Context)) {
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { do(r.Context()) })).ServeHTTP(w, r)
		if line := w.Header().Get("Set-Cookie"); line != "" {
			cookie, _, _ = strings.Cut(line, ";")
		}
	}
	sealed := manager(newNode(t, under, v.ring(t), nil))
	var csrf [32]byte
	ask(sealed, func(ctx context.Context) {
		if err := errors.Join(cart.Set(ctx, []string{"figs"}), gone.Set(ctx, "x")); err != nil {
			t.Error(err)
		}
		csrf, _ = satra.Derive(ctx, "csrf")
	})
	ask(sealed, func(ctx context.Context) {
		got, err := cart.Get(ctx)
		if err != nil || len(got) != 1 || got[0] != "figs" {
			t.Errorf("got %v, %v", got, err)
		}
		if again, err := satra.Derive(ctx, "csrf"); again != csrf || err != nil {
			t.Errorf("another secret is derived in the next request, or error %v", err)
		}
	})
	w := newVault(2)
	w.now = v.now
	strange := manager(newNode(t, under, w.ring(t), nil))
	for range 2 {
		ask(strange, func(ctx context.Context) {
			if _, err := gone.Get(ctx); !errors.Is(err, satra.ErrUnreadable) {
				t.Errorf("without its key: got error %v, want ErrUnreadable", err)
			}
			if err := cart.Set(ctx, []string{"pears"}); err != nil {
				t.Error(err)
			}
		})
	}
	ask(sealed, func(ctx context.Context) {
		if got, err := gone.Get(ctx); got != "x" || err != nil {
			t.Errorf("with its key again: got %q, %v", got, err)
		}
	})
}

func TestTheRoomForValues(t *testing.T) {
	ring := newVault(1).ring(t)
	n := newNode(t, memstore.New(&memstore.Options{MaxRecord: 1000}), ring, nil)
	most := n.Features().MaxRecord
	if most != 1000-overhead {
		t.Errorf("MaxRecord: got %d, want %d", most, 1000-overhead)
	}
	n.create(record("k", strings.Repeat("x", most-len("k"))))
	if err := n.Create(t.Context(), record("k", strings.Repeat("x", most))); !errors.Is(err, satra.ErrTooLarge) {
		t.Errorf("a value that fits no more: got error %v, want ErrTooLarge", err)
	}
	if _, err := New(memstore.New(&memstore.Options{MaxRecord: overhead}), ring, nil); err == nil {
		t.Error("New took a store that has no room for a sealed value")
	}
	if _, err := New(nil, ring, nil); err == nil {
		t.Error("New took no store")
	}
	if _, err := New(n, nil, nil); err == nil {
		t.Error("New took no ring")
	}
}

func TestARecordTellsWhichKeysItUses(t *testing.T) {
	under, v := memstore.New(nil), newVault(1)
	n := newNode(t, under, v.ring(t), nil)
	r := n.create(record("a", `1`))
	if keys, plain := Uses(n.stored(r.ID)); len(keys) != 1 || keys[0][0] != 1 || plain {
		t.Errorf("sealed with one key: got %v, %v", keys, plain)
	}
	w := newVault(2)
	newNode(t, under, w.ring(t), nil).set(r.ID, "b", `2`)
	if keys, plain := Uses(n.stored(r.ID)); len(keys) != 2 || plain {
		t.Errorf("sealed with two keys: got %v, %v", keys, plain)
	}
	if keys, plain := Uses(record()); len(keys) != 0 || !plain {
		t.Errorf("a seed that is not sealed: got %v, %v", keys, plain)
	}
	half := n.moved(r.ID)
	half.Values[0].Data = []byte(`1`)
	if keys, plain := Uses(half); len(keys) != 2 || !plain {
		t.Errorf("sealed in part: got %v, %v", keys, plain)
	}
	if keys, plain := Uses(&satra.Record{}); len(keys) != 0 || plain {
		t.Errorf("nothing: got %v, %v", keys, plain)
	}
}
