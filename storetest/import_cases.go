package storetest

import (
	"errors"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
)

// importing takes a record in, which has to succeed, and to change something or
// not.
func (k *kit) importing(r *satra.Record, changes bool) {
	k.Helper()
	changed, err := k.s.Import(k.Context(), r)
	if err != nil || changed != changes {
		k.Fatalf("Import: changed %v, error %v; want %v", changed, err, changes)
	}
}

// lived returns a record that has been through something: a sign-in, a fresh
// proof, a renewal, many changes.
func (k *kit) lived(principal string) *satra.Record {
	r := k.record()
	r.Principal, r.Generation, r.Version = principal, 3, 41
	r.Created, r.Begun, r.Seen = k.at(-3*time.Hour), k.at(-2*time.Hour), k.at(-time.Minute)
	r.AuthAt, r.Method, r.Persistent, r.Transport = k.at(-time.Hour), "passkey", true, satra.TransportBearer
	r.NotAfter, r.Lifetime = k.at(24*time.Hour), satra.Never
	r.LastDevice = satra.Device{UserAgent: "Another/2.0", Addr: "192.0.2.9"}
	r.Values = []satra.Value{{Key: "a", Data: []byte("\x00\xff"), Rev: 40}, {Key: "b", Data: []byte("{}"), Rev: 7}}
	seed := satra.Seed(hash())
	r.Retired = []satra.Retired{
		{Secret: hash(), At: k.at(-time.Second), Successor: []byte("sealed"), Shown: k.t0, Refused: 1, RefusedAt: k.t0},
		{Secret: hash(), At: k.at(-2 * time.Second), Seed: &seed},
	}
	return r
}

// ended is the record as a tombstone.
func ended(r *satra.Record, end satra.End) *satra.Record {
	t := *r
	t.Version++
	t.Values, t.Seed, t.Retired, t.Ended = nil, satra.Seed{}, nil, &end
	return &t
}

func anImportIsTheRecordAsItWas(k *kit) {
	anonymous := k.record()
	anonymous.Values = []satra.Value{{Key: "cart", Data: []byte("[1]"), Rev: 1}}
	forEver := k.record()
	forEver.Idle, forEver.Lifetime = satra.Never, satra.Never
	idle := k.lived("carol")
	idle.Idle = time.Second
	for what, r := range map[string]*satra.Record{
		"an anonymous session":         anonymous,
		"one that never expires":       forEver,
		"one that has been through it": k.lived("alice"),
		"one that expired":             idle,
		"a tombstone":                  ended(k.lived("bob"), satra.End{At: k.at(-time.Minute), Reason: satra.ReasonStolen, Actor: "a program"}),
	} {
		k.importing(r, true)
		k.same(what+", imported", k.t0, k.find(r.ID), r)
		k.importing(r, false)
		k.same(what+", imported twice", k.t0, k.find(r.ID), r)
		if err := k.s.Create(k.Context(), func() *satra.Record { again := k.record(); again.ID = r.ID; return again }()); !errors.Is(err, satra.ErrExists) {
			k.Errorf("%s: Create of its ID: got error %v, want ErrExists", what, err)
		}
	}
	// It goes on as if it had begun here.
	r := k.lived("dora")
	k.importing(r, true)
	c := k.set(0, "c", "1")
	c.IfGeneration, c.IfRev = new(uint32(3)), []satra.Rev{{Key: "a", Rev: 40}}
	k.apply(r.ID, c)
	want, err := r.With(c)
	if err != nil {
		k.Fatalf("With: %v", err)
	}
	k.same("an imported record that was changed", k.t0, k.find(r.ID), want)
	if most := k.s.Features().MaxRecord; most > 0 {
		big := k.record()
		big.Values = []satra.Value{{Key: "big", Data: make([]byte, most+1), Rev: 1}}
		if _, err := k.s.Import(k.Context(), big); !errors.Is(err, satra.ErrTooLarge) {
			k.Errorf("Import of %d bytes: got error %v, want ErrTooLarge", most+1, err)
		}
	}
}

func anImportRevivesNothing(k *kit) {
	notices := k.watch(k.s)
	r := k.lived("alice")
	k.importing(r, true)

	// What was changed there meanwhile replaces what is here, last-seen aside.
	k.apply(r.ID, k.touch(time.Second))
	newer := *r
	newer.Version, newer.Seen = 50, k.t0
	newer.Values = []satra.Value{{Key: "a", Data: []byte("newer"), Rev: 50}}
	k.importing(&newer, true)
	want := newer
	want.Seen = k.at(time.Second)
	k.same("after an import over an older record", k.t0, k.find(r.ID), &want)

	// What was changed here does not go.
	k.importing(r, false)
	k.same("after an import of an older record", k.t0, k.find(r.ID), &want)

	other := k.lived("bob")
	other.ID, other.Version = r.ID, 99
	if _, err := k.s.Import(k.Context(), other); !errors.Is(err, satra.ErrConflict) {
		k.Errorf("Import of another principal's session: got error %v, want ErrConflict", err)
	}
	k.same("after another principal's was refused", k.t0, k.find(r.ID), &want)

	// An end there ends it here, and that is told.
	end := satra.End{At: k.t0, Reason: satra.ReasonSignedOut, Actor: "alice"}
	k.importing(ended(&newer, end), true)
	if got := k.find(r.ID); got.Ended == nil || *got.Ended != end || len(got.Values) != 0 {
		k.Errorf("after an import of its end: %s, and %d values", show(got.Ended), len(got.Values))
	}
	// Nothing brings it back.
	revived := newer
	revived.Version, revived.Generation = 99, 9
	k.importing(&revived, false)
	if got := k.find(r.ID); got.Ended == nil || *got.Ended != end {
		k.Errorf("an import revived the session: %s", show(got.Ended))
	}
	k.importing(ended(k.lived("bob"), end), true) // was over before anybody knew it here
	k.announced(notices, map[satra.ID]satra.Reason{r.ID: satra.ReasonSignedOut})
}

func importedSessionsAreTheirPrincipals(k *kit) {
	alice := "alice"
	one, two := k.lived(alice), k.lived(alice)
	two.Begun = k.at(-time.Minute)
	anonymous := k.record()
	for _, r := range []*satra.Record{one, two, anonymous, ended(k.lived(alice), satra.End{At: k.t0, Reason: satra.ReasonSignedOut})} {
		k.importing(r, true)
	}
	if got := k.live(alice, 0); len(got) != 2 || !got[one.ID] || !got[two.ID] {
		k.Errorf("after the import of two live sessions and one that is over: %d live", len(got))
	}
	if got := k.list(satra.Query{Principal: &alice, Ended: true}); len(got) != 1 {
		k.Errorf("after the import of a tombstone: %d are listed", len(got))
	}
	// An anonymous session that was signed in there, after it had been imported.
	signedIn := *anonymous
	signedIn.Principal, signedIn.Generation, signedIn.Version = alice, 2, 2
	k.importing(&signedIn, true)
	if got := k.live(alice, 0); len(got) != 3 {
		k.Errorf("after a sign-in was imported: %d live, want 3", len(got))
	}
	if got := k.live("", 0); len(got) != 0 {
		k.Errorf("after a sign-in was imported: %d anonymous sessions, want none", len(got))
	}
	// They count, and the limit ends the one that began first.
	id, c := k.attempt(alice)
	c.SignIn.Limit, c.SignIn.LimitEnd = 3, satra.End{At: k.t0, Reason: satra.ReasonLimit}
	k.refused(id, c, satra.ErrLimit)
	c.SignIn.EndOldest = true
	if result := k.apply(id, c); len(result.Ended) != 1 || result.Ended[0].ID != one.ID {
		k.Errorf("at the limit %d imported sessions were ended, want the one that began first", len(result.Ended))
	}
	if got := k.endAll(satra.Ending{Principal: alice}); len(got) != 3 {
		k.Errorf("EndAll ended %d sessions, want 3, imported ones included", len(got))
	}
	stray := k.lived(alice)
	k.importing(stray, true)
	if got := k.endAll(satra.Ending{Everybody: true}); len(got) != 1 || got[0].ID != stray.ID {
		k.Errorf("EndAll of everybody ended %d sessions, want the imported one", len(got))
	}
}

// importsRaceWhatGoesOn imports a record in several versions while it is
// changed and ended.
func importsRaceWhatGoesOn(k *kit) {
	for range k.h.Rounds {
		r := k.lived("alice")
		versions := make([]satra.Record, 4)
		for i := range versions {
			versions[i] = *r
			versions[i].Version += uint64(i) * 100
			versions[i].Values = []satra.Value{{Key: "a", Data: []byte{byte(i)}, Rev: versions[i].Version}}
		}
		var imports, changes tally
		acts := times(len(versions), func(i int) {
			_, err := k.s.Import(k.Context(), &versions[i])
			imports.add(k, err)
		})
		var endErr error
		acts = append(acts,
			func() {
				_, err := k.s.Apply(k.Context(), r.ID, k.set(0, "b", "changed here"))
				changes.add(k, err, satra.ErrNotFound, satra.ErrEnded)
			},
			func() { _, endErr = k.s.Apply(k.Context(), r.ID, k.end(0, satra.ReasonSignedOut)) },
		)
		race(acts...)
		got := k.find(r.ID)
		switch {
		case endErr == nil && got.Ended == nil:
			k.Fatalf("an import revived a session that had been ended")
		case endErr != nil && !errors.Is(endErr, satra.ErrNotFound):
			k.Fatalf("the end: %v", endErr)
		case endErr != nil && (got.Version < versions[3].Version || len(got.Values) == 0 || got.Values[0].Data[0] != 3):
			k.Fatalf("after imports up to version %d the record has version %d", versions[3].Version, got.Version)
		}
		if listed := k.live("alice", 0); len(listed) > 0 != (got.Ended == nil) {
			k.Fatalf("the record is ended: %v; its principal has %d live sessions", got.Ended != nil, len(listed))
		}
		k.endAll(satra.Ending{Principal: "alice"})
	}
}

func disabledPrincipalsAreListed(k *kit) {
	if got, err := k.s.Disabled(k.Context(), "", 1000); len(got) != 0 || err != nil {
		k.Errorf("Disabled of an empty store: %d, %v", len(got), err)
	}
	for _, p := range principals {
		k.endAll(satra.Ending{Principal: p, Access: satra.AccessDeny})
	}
	k.endAll(satra.Ending{Principal: "only ended"})
	k.endAll(satra.Ending{Principal: principals[3], Access: satra.AccessAllow})
	want := slices.Sorted(slices.Values(slices.Concat(principals[:3], principals[4:])))
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		page, err := k.s.Disabled(k.Context(), after, 7)
		if err != nil || len(page) > 7 {
			k.Fatalf("Disabled: %d names, %v; want at most 7", len(page), err)
		}
		if len(page) == 0 {
			break
		}
		if got = append(got, page...); len(got) > len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		k.Errorf("Disabled, page by page: got %d names %.20q, want %d in the order of their bytes", len(got), got, len(want))
	}
}
