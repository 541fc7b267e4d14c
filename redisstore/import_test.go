package redisstore

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

// The steps of an import between which a process may end, or be slow.
var importSteps = []string{"import read", "import placed", "import written"}

// elsewhere returns a record as another store may have it.
func (k *kit) elsewhere(principal string) *satra.Record {
	r := &satra.Record{
		Principal: principal, Generation: 2, Version: 9, Idle: time.Hour, Lifetime: 12 * time.Hour,
		Created: k.now.Add(-time.Hour), Begun: k.now.Add(-time.Hour), Seen: k.now.Add(-time.Minute),
	}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	return r
}

// over returns the record as a tombstone.
func over(r *satra.Record, at time.Time) *satra.Record {
	t := *r
	t.Version++
	t.Seed, t.Ended = satra.Seed{}, &satra.End{At: at, Reason: satra.ReasonSignedOut}
	return &t
}

// imports takes a record in, which has to change something or not.
func (k *kit) imports(r *satra.Record, changes bool) {
	k.Helper()
	if changed, err := k.Import(k.Context(), r); changed != changes || err != nil {
		k.Errorf("Import: changed %v, error %v; want %v", changed, err, changes)
	}
}

// agree looks that the principal's entries and the records say the same.
func (k *kit) agree(what, principal string, id satra.ID) {
	k.Helper()
	r, err := k.Find(k.Context(), id, satra.Fresh)
	is := err == nil && r.Live(k.now) && r.Principal == principal
	if listed := k.live(principal)[id]; listed != is {
		k.Errorf("%s: the session is live and the principal's: %v; it is listed: %v", what, is, listed)
	}
	e, ok := k.entries(principal)[id]
	ended := err == nil && r.Ended != nil // its entry may not say so yet
	if is && (!ok || e.state() != 'L') || !is && ok && e.state() != 'E' && !(ended && e.state() == 'L') {
		k.Errorf("%s: the session is live and the principal's: %v; its entry is %q", what, is, e.raw)
	}
	if all := k.live(""); err == nil && r.Live(k.now) && !all[id] {
		k.Errorf("%s: a live session is not in the index", what)
	}
}

// beforehand are what may be here of a session before it is imported.
var beforehand = map[string]func(k *kit, r *satra.Record){
	"nothing": func(*kit, *satra.Record) {},
	"an anonymous session": func(k *kit, r *satra.Record) {
		k.create(func(mine *satra.Record) { mine.ID = r.ID })
	},
	"an entry without its record": func(k *kit, r *satra.Record) {
		k.do("HSET", k.principalKey(r.Principal), string(r.ID[:]), liveEntry(k.now.UnixMicro()))
	},
	"a sign-in that crashed": func(k *kit, r *satra.Record) {
		k.create(func(mine *satra.Record) { mine.ID = r.ID })
		k.crash("reserved", func() { k.Apply(k.Context(), r.ID, k.attempt(r.Principal, 0, false)) })
		k.lapse(r.Principal)
	},
	"an import that crashed": func(k *kit, r *satra.Record) {
		k.crash("import placed", func() { k.Import(k.Context(), r) })
	},
	"an EndAll that crashed": func(k *kit, r *satra.Record) {
		k.crash("import placed", func() { k.Import(k.Context(), r) })
		k.crash("marked", func() { k.endAllOf(r.Principal) })
		k.lapse(r.Principal)
	},
}

func (k *kit) endAllOf(principal string) []satra.Ended {
	ended, err := k.EndAll(k.Context(), satra.Ending{At: k.now, Principal: principal, End: satra.End{At: k.now, Reason: satra.ReasonElsewhere, Actor: "alice"}})
	if err != nil {
		k.Errorf("EndAll: %v", err)
	}
	return ended
}

func TestAnImportMeetsWhatIsThereAlready(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for what, before := range beforehand {
		k := newKit(t, server)
		r := k.elsewhere("alice")
		before(k, r)
		k.imports(r, true)
		k.agree(what, "alice", r.ID)
		if got := k.find(r.ID); !got.Live(k.now) || got.Principal != "alice" || got.Version != 9 {
			t.Errorf("%s, then an import: live %v, principal %q, version %d", what, got.Live(k.now), got.Principal, got.Version)
		}
		k.imports(r, false)
		k.imports(over(r, k.now), true)
		k.agree(what+", then its end", "alice", r.ID)
	}
}

func TestAnImportThatRacesAnEndAll(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for what, before := range beforehand {
		for _, step := range importSteps {
			k := newKit(t, server)
			other := k.node()
			r := k.elsewhere("alice")
			before(k, r)
			var ended []satra.Ended
			came := k.at(step, func() { ended = other.endAllOf("alice") })
			if what == "an import that crashed" && step == "import read" {
				// Its place was marked, and it may come to write the record still.
				if _, err := k.Import(t.Context(), r); !errors.Is(err, satra.ErrUnavailable) {
					t.Errorf("%s, EndAll at %q: got error %v, want ErrUnavailable", what, step, err)
				}
				k.lapse("alice")
			}
			k.imports(r, true)
			if !*came {
				t.Fatalf("the import did not come to the step %q", step)
			}
			got := k.find(r.ID)
			if live := got.Live(k.now); live != (step == "import read") {
				t.Errorf("%s, EndAll at %q: the session is live: %v; want it only if EndAll came before all of it", what, step, live)
			}
			if step != "import read" && (got.Ended == nil || got.Ended.Reason != satra.ReasonElsewhere || got.Ended.Actor != "alice") {
				t.Errorf("%s, EndAll at %q: ended %+v, want as the EndAll said", what, step, got.Ended)
			}
			if listed := contains(ended, r.ID); listed != (step == "import written") {
				t.Errorf("%s, EndAll at %q: listed as ended: %v", what, step, listed)
			}
			k.agree(what+", EndAll at "+step, "alice", r.ID)
		}
	}
}

func TestAnImportThatRacesAnEndOfEverybody(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range importSteps {
		k := newKit(t, server)
		other := k.node()
		r := k.elsewhere("alice")
		var ended []satra.Ended
		k.at(step, func() {
			var err error
			ended, err = other.EndAll(t.Context(), satra.Ending{At: k.now, Everybody: true, End: satra.End{At: k.now, Reason: satra.ReasonAdministrator}})
			if err != nil {
				t.Errorf("EndAll: %v", err)
			}
		})
		k.imports(r, true)
		if live, listed := k.find(r.ID).Live(k.now), contains(ended, r.ID); live == listed || listed != (step == "import written") {
			t.Errorf("%s: live %v, listed as ended %v", step, live, listed)
		}
		k.live("alice")
		k.endAllOf("alice")
		if k.find(r.ID).Live(k.now) {
			t.Errorf("%s: EndAll afterwards left the session live", step)
		}
	}
}

func TestAnImportLosesNothingThatHappensHere(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, owner := range []string{"", "alice"} {
		for _, step := range importSteps[:2] {
			if owner != "" && step == "import placed" {
				continue // it has its place already
			}
			setUp := func() (*kit, *satra.Record) {
				k := newKit(t, server)
				r := k.elsewhere("alice")
				before := *r
				before.Principal, before.Generation, before.Version = owner, 1, 1
				k.imports(&before, true)
				return k, r
			}
			k, r := setUp()
			later := k.now.Add(time.Second)
			k.at(step, func() { k.touch(t.Context(), r.ID, &satra.Change{At: later, Seen: later}) })
			k.imports(r, true)
			if got := k.find(r.ID); !got.Seen.Equal(later) || got.Version != 9 || got.Principal != "alice" {
				t.Errorf("owner %q, touched at %q: seen %v, version %d; want the touch and the import", owner, step, got.Seen, got.Version)
			}
			k.agree("touched at "+step, "alice", r.ID)

			k, r = setUp()
			end := satra.End{At: k.now, Reason: satra.ReasonSignedOut, Actor: "here"}
			k.at(step, func() { k.Apply(t.Context(), r.ID, &satra.Change{At: k.now, End: &end}) })
			k.imports(r, false)
			if got := k.find(r.ID).Ended; got == nil || *got != end {
				t.Errorf("owner %q, ended at %q: %+v, want the end that was made here", owner, step, got)
			}
			if _, ok := k.entries("alice")[r.ID]; ok != (owner != "") {
				t.Errorf("owner %q, ended at %q: the principal has an entry: %v", owner, step, ok)
			}
		}
	}
}

func TestAnImportTakesAPlaceUnderTheLimit(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range importSteps[1:] {
		k := newKit(t, server)
		other := k.node()
		old, id, r := k.signIn("alice"), k.create(nil), k.elsewhere("alice")
		k.at(step, func() {
			if _, err := other.Apply(t.Context(), id, other.attempt("alice", 2, false)); !errors.Is(err, satra.ErrLimit) {
				t.Errorf("%s: a sign-in under a limit of 2: got error %v, want ErrLimit", step, err)
			}
			result, err := other.Apply(t.Context(), id, other.attempt("alice", 2, true))
			if err != nil || len(result.Ended) != 1 || result.Ended[0].ID != old {
				t.Errorf("%s: a sign-in that ends the oldest: %v, ended %d; want the one that was there", step, err, len(result.Ended))
			}
		})
		k.imports(r, true)
		if live := k.live("alice"); len(live) != 2 || !live[id] || !live[r.ID] {
			t.Errorf("%s: %d live sessions, want the new one and the imported one", step, len(live))
		}
		k.agree(step, "alice", r.ID)
	}
}

func TestWhatACrashedImportLeaves(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range importSteps {
		for _, anonymous := range []bool{false, true} {
			written := step == "import written"
			crashed := func() (*kit, *satra.Record) {
				k := newKit(t, server)
				r := k.elsewhere("alice")
				if anonymous { // begun later than all that sign in
					k.create(func(mine *satra.Record) { mine.ID, mine.Begun = r.ID, k.now.Add(time.Minute) })
				}
				k.crash(step, func() { k.Import(t.Context(), r) })
				if live := k.live("alice")[r.ID]; live != written {
					t.Errorf("%s: after the crash it is listed: %v", step, live)
				}
				if step != "import read" && !about(k.ttl(k.principalKey("alice")), 35*time.Hour) {
					t.Errorf("%s: the principal is kept for %v, want 35h, as long as the session may last", step, k.ttl(k.principalKey("alice")))
				}
				return k.node(), r
			}
			// The next import does the rest at once.
			k, r := crashed()
			k.imports(r, !written)
			if !k.live("alice")[r.ID] || !k.find(r.ID).Live(k.now) {
				t.Errorf("%s, then an import: the session is not live", step)
			}
			// So does an EndAll.
			k, r = crashed()
			if ended := contains(k.endAllOf("alice"), r.ID); ended != written || k.live("alice")[r.ID] {
				t.Errorf("%s, then an EndAll: it ended the session: %v", step, ended)
			}
			// A place that nobody uses is nobody's once its lease is over.
			k, r = crashed()
			k.lapse("alice")
			if _, err := k.Apply(t.Context(), k.create(nil), k.attempt("alice", 1, false)); errors.Is(err, satra.ErrLimit) != written {
				t.Errorf("%s: a sign-in under a limit of 1: %v", step, err)
			}
			k.signIn("alice")
			k.agree(step+", then sign-ins", "alice", r.ID)
			k, r = crashed()
			k.signIn("alice")
			k.lapse("alice")
			result, err := k.Apply(t.Context(), k.create(nil), k.attempt("alice", 2, true))
			if err != nil || contains(result.Ended, r.ID) != written || len(result.Ended) > 1 {
				t.Errorf("%s: a second sign-in under a limit of 2: %v, ended %d, the imported one %v", step, err, len(result.Ended), contains(result.Ended, r.ID))
			}
			if !written && len(result.Ended) != 0 {
				t.Errorf("%s: a sign-in ended %d sessions for the place of one that never came", step, len(result.Ended))
			}
		}
	}
}

func TestAnEntryThatIsGoneIsMadeAnew(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	r := k.elsewhere("alice")
	k.at("import written", func() { k.do("HDEL", k.principalKey("alice"), string(r.ID[:])) })
	k.imports(r, true)
	k.agree("after somebody took it for one of nothing", "alice", r.ID)
}

func TestAnEntryStaysWhileItsSessionMayCome(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	id, until := k.elsewhere("").ID, k.now.Add(time.Second)
	x := ending{entry: entry{id, "X" + liveEntry(until.UnixMicro())[1:]}}
	for _, o := range []outcome{{gone: true}, {foreign: true}} {
		if got := k.settlements([]ending{x}, []outcome{o}, until.Add(-time.Microsecond)); len(got) != 0 {
			t.Errorf("%+v, asked for before the lease was over: the entry goes", o)
		}
		if got := k.settlements([]ending{x}, []outcome{o}, until); len(got) != 1 || got[0].new != "" {
			t.Errorf("%+v, asked for after the lease: the entry stays", o)
		}
	}
}

func TestTwoImportsOfOneSession(t *testing.T) {
	server := testserver.StartRedis(t, false)
	for _, step := range importSteps {
		for _, newer := range []bool{false, true} { // the one that comes between
			k := newKit(t, server)
			other := k.node()
			r := k.elsewhere("alice")
			between := *r
			between.Version = 5
			if newer {
				between.Version = 50
			}
			k.at(step, func() { other.imports(&between, newer || step != "import written") })
			k.imports(r, !newer || step == "import written")
			if got := k.find(r.ID); got.Version != max(r.Version, between.Version) {
				t.Errorf("%s: version %d, want the later of %d and %d", step, got.Version, r.Version, between.Version)
			}
			k.agree(step, "alice", r.ID)
		}
	}
}

func TestAnImportWaitsForASignIn(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	other := k.node()
	r := k.elsewhere("alice")
	k.create(func(mine *satra.Record) { mine.ID = r.ID })
	k.at("reserved", func() {
		if _, err := other.Import(t.Context(), r); !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("while the session signs in: got error %v, want ErrUnavailable", err)
		}
	})
	c := k.attempt("alice", 0, false)
	if _, err := k.Apply(t.Context(), r.ID, c); err != nil {
		t.Errorf("the sign-in: %v", err)
	}
	if got := k.find(r.ID); got.Secret != c.SignIn.Secret {
		t.Errorf("the sign-in's secret is not the session's")
	}
	k.agree("after the sign-in", "alice", r.ID)
	k.imports(r, true) // of the same generation, and changed more often
}
