package storetest

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/satra-sessions/satra"
)

// principals are names that somebody's key syntax might trip over.
var principals = []string{
	"a", "A", "a:", "a:b", "*", "a*", "?", "[a]", "{a}", "%", "_", "a%", "\x00", "a\x00", "a\x00b", "ü", "u\u0308",
	"\xff\xfe", " ", "a ", "\n", "'; drop table sessions; --", `"`, "\\", "$1", strings.Repeat("x", 1024),
}

func principalsAreAnyBytes(k *kit) {
	owns := map[string]satra.ID{}
	for _, p := range principals {
		owns[p] = k.signIn(p, 0)
		if got := k.find(owns[p]).Principal; got != p {
			k.Errorf("the session of %.20q is bound to %.20q", p, got)
		}
	}
	anonymous := k.create(nil)
	for _, p := range principals {
		if got := k.live(p, 0); len(got) != 1 || !got[owns[p]] {
			k.Errorf("%.20q has %d live sessions, want its own", p, len(got))
		}
	}
	if got := k.live("", 0); len(got) != 1 || !got[anonymous.ID] {
		k.Errorf("%d anonymous sessions are listed, want 1", len(got))
	}
	for i, p := range principals {
		if ended := k.endAll(satra.Ending{Principal: p}); len(ended) != 1 || ended[0].ID != owns[p] {
			k.Errorf("EndAll of %.20q ended %d sessions, want its own", p, len(ended))
		}
		if got := len(k.list(satra.Query{})); got != len(principals)-i {
			k.Fatalf("after EndAll of %.20q: %d sessions are live, want %d", p, got, len(principals)-i)
		}
	}
}

func nothingIsLeftOfAPrincipal(k *kit) {
	alice := "alice"
	first := k.signIn(alice, 0)
	// The same principal again is the same entry.
	state, _ := k.s.Principal(k.Context(), alice)
	k.apply(first, &satra.Change{At: k.t0, SignIn: &satra.Binding{Principal: alice, Secret: hash(), Epoch: state.Epoch}})
	k.apply(first, &satra.Change{At: k.t0, SignIn: &satra.Binding{Principal: alice, Secret: hash(), Again: true}})
	if got := k.live(alice, 0); len(got) != 1 {
		k.Errorf("signed in three times with one session: %d are listed", len(got))
	}
	// A session is one principal's for good.
	k.refused(first, &satra.Change{At: k.t0, SignIn: &satra.Binding{Principal: "bob", Secret: hash()}}, satra.ErrConflict)
	anonymous := k.create(nil)
	k.refused(anonymous.ID, &satra.Change{At: k.t0, SignIn: &satra.Binding{Principal: alice, Secret: hash(), Again: true}}, satra.ErrConflict)
	if got := k.live("bob", 0); len(got) != 0 {
		k.Errorf("after a sign-in that was refused bob has %d sessions", len(got))
	}

	second := k.signIn(alice, 0)
	k.apply(second, &satra.Change{At: k.t0, Idle: time.Minute}) // expires
	k.apply(first, k.end(0, satra.ReasonSignedOut))
	if got := k.live(alice, time.Minute); len(got) != 0 {
		k.Errorf("after one end and one expiry: %d sessions are live", len(got))
	}
	if k.s.Features().Retention == 0 {
		if n, err := k.s.Sweep(k.Context(), k.at(time.Hour), 10); n != 2 || err != nil {
			k.Errorf("Sweep: got %d, %v; want 2", n, err)
		}
		if got := k.list(satra.Query{Principal: &alice, Ended: true, At: k.at(time.Hour)}); len(got) != 0 {
			k.Errorf("after a sweep: %d sessions of the principal are listed", len(got))
		}
	}
	third := k.signIn(alice, 2*time.Minute)
	if got := k.live(alice, 2*time.Minute); len(got) != 1 || !got[third] {
		k.Errorf("after it all the principal has %d live sessions, want the new one", len(got))
	}
	if ended := k.endAll(satra.Ending{Principal: alice, At: k.at(2 * time.Minute)}); len(ended) != 1 {
		k.Errorf("EndAll ended %d sessions, want the one that is live", len(ended))
	}
}

func onlyTheOwnerEnds(k *kit) {
	id := k.signIn("alice", 0)
	for _, other := range []string{"bob", "", "alice\x00", "Alice"} {
		c := k.end(0, satra.ReasonElsewhere)
		c.IfPrincipal = &other
		k.refused(id, c, satra.ErrConflict)
	}
	if k.find(id).Ended != nil {
		k.Errorf("somebody else ended the session")
	}
	c := k.end(0, satra.ReasonElsewhere)
	c.IfPrincipal = new("alice")
	k.apply(id, c)

	// Whoever knew the session before a sign-in cannot change it afterwards.
	r := k.create(nil)
	planted := k.set(0, "a", "1")
	planted.IfGeneration = new(r.Generation)
	k.apply(r.ID, planted)
	k.apply(r.ID, &satra.Change{At: k.t0, SignIn: &satra.Binding{Principal: "carol", Secret: hash()}})
	k.refused(r.ID, planted, satra.ErrConflict)
}

func endAllRefusesEarlierSignIns(k *kit) {
	stays, goes := k.signIn("alice", 0), k.signIn("alice", 0)
	bobs := k.signIn("bob", 0)
	underWay, early := k.attempt("alice")
	bobWay, bobEarly := k.attempt("bob")
	again := &satra.Change{At: k.t0, SignIn: &satra.Binding{Principal: "alice", Secret: hash(), Again: true}}

	end := satra.End{At: k.at(time.Second), Reason: satra.ReasonAdministrator, Actor: "root"}
	ended := k.endAll(satra.Ending{At: k.at(time.Second), Principal: "alice", Except: stays, End: end})
	if len(ended) != 1 || ended[0].ID != goes || ended[0].End != end {
		k.Errorf("EndAll ended %d sessions, want the one that is not excepted, as it said", len(ended))
	}
	if got := k.find(goes); got.Ended == nil || *got.Ended != end {
		k.Errorf("the session that EndAll ended: %s", show(got.Ended))
	}
	k.refused(underWay, early, satra.ErrEpoch)
	if k.find(underWay).Principal != "" {
		k.Errorf("a sign-in that was refused has bound its session")
	}
	k.apply(stays, again) // a fresh proof in the session that stays
	k.apply(bobWay, bobEarly)
	if k.find(bobs).Ended != nil {
		k.Errorf("EndAll ended another principal's session")
	}
	late := k.signIn("alice", time.Second)
	if got := k.live("alice", time.Second); len(got) != 2 || !got[stays] || !got[late] {
		k.Errorf("the principal has %d live sessions, want the one that stays and the one that came after", len(got))
	}
	// Tombstones may be kept for a moment only; the epoch outlives every attempt.
	slow, slowly := k.attempt("alice")
	k.endAll(satra.Ending{Principal: "alice"})
	if _, err := k.s.Sweep(k.Context(), k.at(30*time.Minute), 100); err != nil {
		k.Errorf("Sweep: %v", err)
	}
	slowly.At = k.at(30 * time.Minute)
	k.refused(slow, slowly, satra.ErrEpoch)
	if ended := k.endAll(satra.Ending{Principal: "nobody"}); len(ended) != 0 {
		k.Errorf("EndAll of a principal without sessions ended %d", len(ended))
	}
}

// endAllRacesSignIns judges by what can be seen afterwards: a sign-in that is
// live has used the epoch that is there now, and one that used an older epoch
// is not.
func endAllRacesSignIns(k *kit) {
	const callers = 6
	for range k.h.Rounds {
		p := "alice"
		stays := k.signIn(p, 0)
		epochs := make([]satra.Epoch, callers)
		signed := make([]satra.ID, callers)
		var endings int
		all := times(callers, func(i int) {
			state, err := k.s.Principal(k.Context(), p)
			r := k.record()
			err = errors.Join(err, k.s.Create(k.Context(), r))
			if err != nil {
				k.Errorf("before a sign-in: %v", err)
				return
			}
			epochs[i] = state.Epoch
			_, err = k.s.Apply(k.Context(), r.ID, &satra.Change{At: k.t0, SignIn: &satra.Binding{Principal: p, Secret: hash(), Epoch: state.Epoch}})
			switch {
			case err == nil:
				signed[i] = r.ID
			case !errors.Is(err, satra.ErrEpoch) && !errors.Is(err, satra.ErrEnded):
				k.Errorf("a sign-in racing EndAll: %v", err)
			}
		})
		all = append(all, func() {
			ended, err := k.s.EndAll(k.Context(), satra.Ending{At: k.t0, Principal: p, Except: stays, End: satra.End{At: k.t0, Reason: satra.ReasonElsewhere}})
			endings = len(ended)
			if err != nil {
				k.Errorf("EndAll: %v", err)
			}
		})
		race(all...)
		now, err := k.s.Principal(k.Context(), p)
		if err != nil {
			k.Fatalf("Principal: %v", err)
		}
		live := k.live(p, 0)
		if !live[stays] {
			k.Fatalf("the session that EndAll excepts is not live")
		}
		count := 1
		for i, id := range signed {
			isLive := !id.IsZero() && k.find(id).Live(k.t0)
			if isLive != live[id] {
				k.Fatalf("a session is live: Find says %v, List %v", isLive, live[id])
			}
			if isLive && epochs[i] != now.Epoch {
				k.Fatalf("a sign-in with the epoch of before is live after EndAll")
			}
			if isLive {
				count++
			}
		}
		if len(live) != count {
			k.Fatalf("%d sessions are live, want %d: a sign-in that was refused is one of them", len(live), count)
		}
		if got := len(k.endAll(satra.Ending{Principal: p})); got != count {
			k.Fatalf("a second EndAll ended %d sessions, want the %d that were live (the first ended %d)", got, count, endings)
		}
	}
}

func everybodyButOne(k *kit) {
	stays, alices := k.signIn("alice", 0), k.signIn("alice", 0)
	bobs, anonymous := k.signIn("bob", 0), k.create(nil).ID
	expired := k.create(func(r *satra.Record) { r.Idle, r.Seen = time.Minute, k.at(-time.Hour) })
	id, early := k.attempt("carol")
	ended := k.endAll(satra.Ending{Everybody: true, Except: stays, End: satra.End{At: k.t0, Reason: satra.ReasonAdministrator}})
	got := map[satra.ID]bool{}
	for _, e := range ended {
		got[e.ID] = true
	}
	if len(got) != 4 || !got[alices] || !got[bobs] || !got[anonymous] || !got[id] {
		k.Errorf("ended %d sessions, want all 4 that were live but the one", len(got))
	}
	if live := ids(k.list(satra.Query{})); len(live) != 1 || !live[stays] {
		k.Errorf("%d sessions are live, want the one that stays", len(live))
	}
	if r := k.find(expired.ID); r.Ended != nil {
		k.Errorf("a session that had expired was ended: its reason is lost")
	}
	fresh := k.create(nil)
	k.refused(fresh.ID, early, satra.ErrEpoch)
	if k.find(k.signIn("carol", 0)).Principal != "carol" {
		k.Errorf("a sign-in after the end of everybody is not bound")
	}
}

func disabledUntilEnabled(k *kit) {
	first := k.signIn("alice", 0)
	underWay, early := k.attempt("alice")
	ended := k.endAll(satra.Ending{Principal: "alice", Access: satra.AccessDeny, End: satra.End{At: k.t0, Reason: satra.ReasonDisabled}})
	if len(ended) != 1 || ended[0].ID != first {
		k.Errorf("disabling ended %d sessions, want 1", len(ended))
	}
	k.isDisabled("alice", true)
	if _, err := k.s.Apply(k.Context(), underWay, early); !errors.Is(err, satra.ErrDisabled) && !errors.Is(err, satra.ErrEpoch) {
		k.Errorf("a sign-in that was under way: got error %v, want ErrDisabled", err)
	}
	id, c := k.attempt("alice")
	k.refused(id, c, satra.ErrDisabled)
	k.endAll(satra.Ending{Principal: "alice"}) // says nothing of access
	k.isDisabled("alice", true)
	if k.s.Features().Retention == 0 {
		if _, err := k.s.Sweep(k.Context(), k.at(1000*time.Hour), 10); err != nil {
			k.Fatalf("Sweep: %v", err)
		}
	}
	k.isDisabled("alice", true) // is never forgotten
	k.endAll(satra.Ending{Principal: "alice", Access: satra.AccessAllow})
	k.isDisabled("alice", false)
	second := k.signIn("alice", 0)
	if ended := k.endAll(satra.Ending{Principal: "alice", Access: satra.AccessAllow}); len(ended) != 0 || k.find(second).Ended != nil {
		k.Errorf("enabling ended %d sessions, want none", len(ended))
	}
}

func (k *kit) isDisabled(principal string, want bool) {
	k.Helper()
	state, err := k.s.Principal(k.Context(), principal)
	if err != nil || state.Disabled != want {
		k.Errorf("Principal: disabled %v, %v; want %v", state.Disabled, err, want)
	}
}

func theLimitIsExact(k *kit) {
	limited := func(after time.Duration, oldest bool) (satra.ID, *satra.Change) {
		id, c := k.attempt("alice")
		c.At, c.SignIn.Limit, c.SignIn.EndOldest = k.at(after), 3, oldest
		c.SignIn.LimitEnd = satra.End{At: c.At, Reason: satra.ReasonLimit}
		return id, c
	}
	var all []satra.ID
	for i := range 3 {
		id, c := limited(time.Duration(i)*time.Second, false)
		k.apply(id, c)
		all = append(all, id)
	}
	id, c := limited(4*time.Second, false)
	k.refused(id, c, satra.ErrLimit)
	if got := k.live("alice", 4*time.Second); len(got) != 3 || got[id] {
		k.Errorf("after a sign-in over the limit: %d live, want the 3 before", len(got))
	}
	// Its own session does not count twice.
	state, _ := k.s.Principal(k.Context(), "alice")
	k.apply(all[0], &satra.Change{At: k.at(4 * time.Second), SignIn: &satra.Binding{Principal: "alice", Secret: hash(), Epoch: state.Epoch, Limit: 3}})
	// all[0] has begun anew: all[1] is the oldest now.
	id, c = limited(5*time.Second, true)
	result := k.apply(id, c)
	if len(result.Ended) != 1 || result.Ended[0].ID != all[1] || result.Ended[0].End.Reason != satra.ReasonLimit {
		k.Errorf("over the limit: ended %d sessions, want the one that began first", len(result.Ended))
	}
	if got := k.find(all[1]); got.Ended == nil || got.Ended.Reason != satra.ReasonLimit {
		k.Errorf("the session over the limit: %s", show(got.Ended))
	}
	// A sign-in that cannot be done ends nobody.
	gone, c := limited(6*time.Second, true)
	k.apply(gone, k.end(6*time.Second, satra.ReasonSignedOut))
	k.refused(gone, c, satra.ErrEnded)
	if got := k.live("alice", 6*time.Second); len(got) != 3 {
		k.Errorf("after a sign-in of an ended session: %d live, want 3", len(got))
	}
	// The limit may have been lowered.
	id, c = limited(7*time.Second, true)
	c.SignIn.Limit = 1
	if result = k.apply(id, c); len(result.Ended) != 3 {
		k.Errorf("under a limit of 1: ended %d, want the 3 others", len(result.Ended))
	}
}

func racingSignInsKeepTheLimit(k *kit) {
	const callers, limit = 100, 3
	for round := range max(1, k.h.Rounds/10) {
		oldest := round%2 == 1
		attempts := make([]*satra.Change, callers)
		who := make([]satra.ID, callers)
		for i := range callers {
			who[i], attempts[i] = k.attempt("alice")
			b := attempts[i].SignIn
			attempts[i].At = k.at(time.Duration(i) * time.Microsecond)
			b.Limit, b.EndOldest, b.LimitEnd = limit, oldest, satra.End{At: k.t0, Reason: satra.ReasonLimit}
		}
		var done, ended, denied atomic.Int32
		race(times(callers, func(i int) {
			result, err := k.s.Apply(k.Context(), who[i], attempts[i])
			ended.Add(int32(len(result.Ended)))
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, satra.ErrLimit):
				denied.Add(1)
			default:
				k.Errorf("a sign-in racing others: %v", err)
			}
		})...)
		live := k.live("alice", time.Second)
		if len(live) > limit {
			k.Fatalf("%d sessions are live over a limit of %d", len(live), limit)
		}
		if !oldest && (len(live) != limit || done.Load() != limit || ended.Load() != 0) {
			k.Fatalf("%d live, %d signed in, %d ended; want %d, %d and none", len(live), done.Load(), ended.Load(), limit, limit)
		}
		if oldest && (int(done.Load()-ended.Load()) != len(live) || len(live) == 0) {
			k.Fatalf("%d signed in and %d were ended, and %d are live (%d were denied)", done.Load(), ended.Load(), len(live), denied.Load())
		}
		k.endAll(satra.Ending{Principal: "alice", At: k.at(time.Second)})
	}
}
