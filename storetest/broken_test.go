package storetest_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/satra-sessions/satra/storetest"
)

// faults are the ways in which the reference store can be broken, each with the
// case that has to find it.
var faults = []struct{ fault, found string }{
	{"features: not constant", "P00_DeclaresWhatItKeeps"},
	{"with: a renewal raises the generation", "P00_ChangesMeanWhatWithSays"},
	{"create: milliseconds", "P01_WhatIsWrittenIsReadBack"},
	{"create: text only", "P01_WhatIsWrittenIsReadBack"},
	{"create: takes any size", "P01_TooLargeIsRefusedWhole"},
	{"apply: takes any size", "P01_TooLargeIsRefusedWhole"},
	{"find: unknown is unavailable", "P02_UnknownIsNotFound"},
	{"find: unknown is nothing", "P02_UnknownIsNotFound"},
	{"apply: inserts", "P02_UnknownIsNotFound"},
	{"create: overwrites", "P03_CreateNeverOverwrites"},
	{"create: overwrites what is over", "P03_CreateNeverOverwrites"},
	{"create: looks first", "P03_OneOfManyCreatesWins"},
	{"apply: inserts", "P04_UpdateNeverInserts"},
	{"apply: changes what is over", "P04_UpdateNeverInserts"},
	{"apply: looks first", "P04_EndedWinsEveryRace"},
	{"end: again", "P04_OneOfManyEndersSucceeds"},
	{"apply: looks first", "P05_DifferentKeysBothSurvive"},
	{"apply: looks first", "P05_NoIncrementIsLost"},
	{"rev: not looked at", "P05_NoIncrementIsLost"},
	{"delete: leaves a husk", "P06_RemovingLeavesNoResidue"},
	{"end: keeps the values", "P06_RemovingLeavesNoResidue"},
	{"touch: goes back", "P07_LastSeenIsMonotone"},
	{"touch: the device of a late writer", "P07_LastSeenIsMonotone"},
	{"time: a microsecond late", "P08_TheEdgesOfTime"},
	{"time: a microsecond early", "P08_TheEdgesOfTime"},
	{"touch: begins anew", "P08_NothingExtendsTheAbsoluteEnd"},
	{"end: not of what never expires", "P09_NeverExpiringCanBeEnded"},
	{"list: what nobody ended is live", "P10_OverIsInvisible"},
	{"limit: counts what is over", "P10_OverIsInvisible"},
	{"renew: forgets the old secret", "P11_RenewalKeepsOneSuccessor"},
	{"renew: each its own", "P11_RacingRenewalsAgree"},
	{"refuse: each counts", "P12_ReuseIsCountedAndEndsOnce"},
	{"refuse: any secret", "P12_ReuseIsCountedAndEndsOnce"},
	{"principal: a name's beginning", "P13_PrincipalsAreAnyBytes"},
	{"sign-in: moves a session", "P13_NothingIsLeftOfAPrincipal"},
	{"owner: not looked at", "P13_OnlyTheOwnerEnds"},
	{"generation: not looked at", "P13_OnlyTheOwnerEnds"},
	{"epoch: not looked at", "P14_EndAllRefusesEarlierSignIns"},
	{"epoch: not raised", "P14_EndAllRefusesEarlierSignIns"},
	{"end all: does not tell whom it ended", "P14_EndAllRefusesEarlierSignIns"},
	{"end all: the excepted one too", "P14_EndAllRefusesEarlierSignIns"},
	{"end all: looks first", "P14_EndAllRacesSignIns"},
	{"everybody: but anonymous ones", "P14_EverybodyButOne"},
	{"epoch: everybody's is not there", "P14_EverybodyButOne"},
	{"principal: disabled may sign in", "P14_DisabledUntilEnabled"},
	{"principal: any end enables", "P14_DisabledUntilEnabled"},
	{"principal: enabling ends", "P14_DisabledUntilEnabled"},
	{"principal: disabling is swept", "P14_DisabledUntilEnabled"},
	{"limit: counts itself", "P15_TheLimitIsExact"},
	{"limit: ends the newest", "P15_TheLimitIsExact"},
	{"limit: does not tell whom it ended", "P15_TheLimitIsExact"},
	{"limit: ends for a sign-in that fails", "P15_TheLimitIsExact"},
	{"limit: looks first", "P15_RacingSignInsKeepTheLimit"},
	{"list: of all principals", "P16_PagesSkipAndDoubleNothing"},
	{"list: skips one", "P16_PagesSkipAndDoubleNothing"},
	{"list: the last again", "P16_PagesSkipAndDoubleNothing"},
	{"list: an empty page is the last", "P16_FewAmongMany"},
	{"list: looks over one", "P16_FewAmongMany"},
	{"sweep: any order", "P17_SweepIsBoundedAndOldestFirst"},
	{"sweep: unbounded", "P17_SweepIsBoundedAndOldestFirst"},
	{"sweep: removes nothing", "P17_SweepIsBoundedAndOldestFirst"},
	{"sweep: looks first", "P17_TwoSweepersAndTheLiving"},
	{"list: tells the seed", "P18_ListsTellNoSecret"},
	{"set: drops what is not JSON", "P19_OpaqueValuesSurvive"},
	{"cancel: done all the same", "P20_CancelledIsOldOrNew"},
	{"cancel: half of a change", "P20_CancelledIsOldOrNew"},
	{"down: another error", "P21_DownIsUnavailable"},
	{"find: two commands", "P22_CommandsAreCounted"},
	{"apply: two commands", "P22_CommandsAreCounted"},
	{"cache: not its own writes", "P23_ReadsSeeTheNodesOwnWrites"},
	{"nodes: each its own", "P23_NodesSeeEachOther"},
	{"apply: looks first", "P24_HistoriesAreLinearizable"},
	{"watch: twice", "P25_EveryEndIsAnnounced"},
	{"watch: only what its owner ended", "P25_EveryEndIsAnnounced"},
	{"watch: ends without an error", "P25_EveryEndIsAnnounced"},
	{"nodes: each its own", "P25_EndsAreAnnouncedElsewhere"},
	{"restart: ends are lost", "P26_AcknowledgedSurvivesARestart"},
	{"restart: all is lost", "P26_AcknowledgedSurvivesARestart"},
	{"import: signs in", "P27_AnImportIsTheRecordAsItWas"},
	{"import: without its end", "P27_AnImportIsTheRecordAsItWas"},
	{"import: of nobody", "P27_ImportedSessionsAreTheirPrincipals"},
	{"import: over anything", "P27_AnImportRevivesNothing"},
	{"import: never again", "P27_AnImportRevivesNothing"},
	{"import: tells nobody", "P27_AnImportRevivesNothing"},
	{"import: looks first", "P27_ImportsRaceWhatGoesOn"},
	{"disabled: from the start", "P27_DisabledPrincipalsAreListed"},
	{"disabled: in any order", "P27_DisabledPrincipalsAreListed"},
	{"disabled: enabled ones too", "P27_DisabledPrincipalsAreListed"},
}

func TestTheReferenceKeepsEveryPromise(t *testing.T) {
	storetest.Run(t, harnessOf("", linearizable))
}

func TestABrokenStoreFailsItsCase(t *testing.T) {
	cases := map[string]storetest.Case{}
	for _, c := range storetest.Cases() {
		cases[c.String()] = c
	}
	found := map[string]bool{}
	for _, f := range faults {
		found[f.found] = true
		t.Run(f.found+"/"+f.fault, func(t *testing.T) {
			t.Parallel()
			c, ok := cases[f.found]
			if !ok {
				t.Fatalf("there is no case %s", f.found)
			}
			said := outcome(t, c, harnessOf(f.fault, linearizable))
			if len(said) == 0 {
				t.Error("the case found nothing wrong")
			}
			t.Log(said)
		})
	}
	for name := range cases {
		if !found[name] {
			t.Errorf("no broken store shows that %s can fail", name)
		}
	}
}

func TestEveryPromiseHasACase(t *testing.T) {
	has := map[int]bool{}
	for _, c := range storetest.Cases() {
		has[c.Promise] = true
	}
	for promise := 1; promise <= 27; promise++ {
		if !has[promise] {
			t.Errorf("promise %d has no case", promise)
		}
	}
}

func TestACaseSaysWhatItLacks(t *testing.T) {
	h := harnessOf("", nil)
	for _, c := range storetest.Cases() {
		if got, want := c.Lacks(h) != "", c.String() == "P24_HistoriesAreLinearizable"; got != want {
			t.Errorf("%s without a checker: lacks %q", c, c.Lacks(h))
		} else if want && len(outcome(t, c, h)) != 1 {
			t.Errorf("%s ran without what it needs", c)
		}
	}
}

// TestWhatIsDeclaredHasToBeShown runs a store that declares more than its
// harness can show.
func TestWhatIsDeclaredHasToBeShown(t *testing.T) {
	h := harnessOf("", linearizable)
	h.Node, h.Restart = nil, nil
	if said := outcome(t, storetest.Cases()[0], h); len(said) != 2 {
		t.Errorf("got %q, want a failure each for Node and Restart", said)
	}
}

// A recorder is the test of a case that is meant to fail.
type recorder struct {
	ctx context.Context

	mu       sync.Mutex
	said     []string
	cleanups []func()
}

// outcome runs a case and returns what it found wrong.
func outcome(t *testing.T, c storetest.Case, h storetest.Harness) []string {
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{ctx: ctx}
	var done sync.WaitGroup
	done.Go(func() { c.Run(r, h) })
	done.Wait()
	cancel()
	for _, f := range r.cleanups {
		f()
	}
	return r.said
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Logf(string, ...any)      {}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.said) < 5 {
		r.said = append(r.said, fmt.Sprintf(format, args...))
	}
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
