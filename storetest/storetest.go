// Package storetest is the contract of a [satra.Store] as a suite of tests, for
// whoever writes a store. Each case holds one promise, numbered as in
// docs/promises.md; races begin at a barrier and are run for many rounds.
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, storetest.Harness{Open: func(t storetest.TB) satra.Store {
//			s := mystore.Open(…) // new and empty
//			t.Cleanup(s.Close)
//			return s
//		}})
//	}
//
// What a case needs of the world around a store, a second node or a server that
// can be killed, the [Harness] gives. What a store declares in its
// [satra.Features] has to be shown: a store that says it is durable fails
// without a harness that can restart it.
//
// The suite drives a store from outside. A store whose operations are several
// commands has to hold their gaps open in tests of its own: without a pause
// between two commands a race seldom falls there.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// A TB is what a case needs of a test. [*testing.T] is one; a test that shows
// that a broken store fails a case brings its own.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// Fatalf fails the test and ends the goroutine that calls it.
	Fatalf(format string, args ...any)
}

// A Harness is how the suite reaches a store and the world around it. Only Open
// is required of a store that declares nothing.
type Harness struct {
	// Open returns a store that is new and empty, and closes it by t.Cleanup.
	Open func(t TB) satra.Store

	// Node opens another node on the data of s, which a store needs that
	// declares itself Shared.
	Node func(t TB, s satra.Store) satra.Store

	// Restart kills what keeps the data of s (the server, or the process in
	// which s lives) without a chance to save anything, starts it again and
	// returns a store on the same data. A store needs it that is Durable.
	Restart func(t TB, s satra.Store) satra.Store

	// Down cuts s off from its server until the function that it returns is
	// called. nil for a store that has none.
	Down func(t TB, s satra.Store) (up func())

	// Commands returns how many commands s has sent to its server since it
	// was opened. nil for a store that has none.
	Commands func(s satra.Store) int

	// Linearizable reports whether the history has an order that the model
	// allows. Satra requires no module, so the checker is yours to bring: see
	// [History].
	Linearizable func(History) bool

	// Rounds of each race. Default 100.
	Rounds int

	// Patience is how long a case waits for what has to happen, before it says
	// that it did not. Default 30 s.
	Patience time.Duration
}

// A Case is one test of the suite.
type Case struct {
	Promise int    // its number in docs/promises.md; 0: the meaning of the interface itself
	Name    string // "UpdateNeverInserts"

	needs func(Harness) string // what the harness lacks for it; nil: nothing
	run   func(*kit)
}

// String returns the name of the case as a test: "P04_UpdateNeverInserts".
func (c Case) String() string { return fmt.Sprintf("P%02d_%s", c.Promise, c.Name) }

// Lacks says what the harness would have to have for this case, or "".
func (c Case) Lacks(h Harness) string {
	if c.needs == nil {
		return ""
	}
	return c.needs(h)
}

// Run runs the case. It fails the test if the harness lacks what it needs.
func (c Case) Run(t TB, h Harness) {
	t.Helper()
	if lacks := c.Lacks(h); lacks != "" {
		t.Fatalf("%s needs %s", c, lacks)
	}
	c.run(newKit(t, h))
}

// Cases returns all cases, in the order of the promises.
func Cases() []Case {
	node := func(h Harness) string { return missing(h.Node == nil, "Harness.Node") }
	restart := func(h Harness) string { return missing(h.Restart == nil, "Harness.Restart") }
	down := func(h Harness) string { return missing(h.Down == nil, "Harness.Down") }
	commands := func(h Harness) string { return missing(h.Commands == nil, "Harness.Commands") }
	checker := func(h Harness) string { return missing(h.Linearizable == nil, "Harness.Linearizable") }
	return []Case{
		{0, "DeclaresWhatItKeeps", nil, declarations},
		{0, "ChangesMeanWhatWithSays", nil, changesMeanWhatWithSays},
		{1, "WhatIsWrittenIsReadBack", nil, writtenIsReadBack},
		{1, "TooLargeIsRefusedWhole", nil, tooLargeIsRefusedWhole},
		{2, "UnknownIsNotFound", nil, unknownIsNotFound},
		{3, "CreateNeverOverwrites", nil, createNeverOverwrites},
		{3, "OneOfManyCreatesWins", nil, oneOfManyCreatesWins},
		{4, "UpdateNeverInserts", nil, updateNeverInserts},
		{4, "EndedWinsEveryRace", nil, endedWinsEveryRace},
		{4, "OneOfManyEndersSucceeds", nil, oneOfManyEndersSucceeds},
		{5, "DifferentKeysBothSurvive", nil, differentKeysBothSurvive},
		{5, "NoIncrementIsLost", nil, noIncrementIsLost},
		{6, "RemovingLeavesNoResidue", nil, removingLeavesNoResidue},
		{7, "LastSeenIsMonotone", nil, lastSeenIsMonotone},
		{8, "TheEdgesOfTime", nil, theEdgesOfTime},
		{8, "NothingExtendsTheAbsoluteEnd", nil, nothingExtendsTheAbsoluteEnd},
		{9, "NeverExpiringCanBeEnded", nil, neverExpiringCanBeEnded},
		{10, "OverIsInvisible", nil, overIsInvisible},
		{11, "RenewalKeepsOneSuccessor", nil, renewalKeepsOneSuccessor},
		{11, "RacingRenewalsAgree", nil, racingRenewalsAgree},
		{12, "ReuseIsCountedAndEndsOnce", nil, reuseIsCountedAndEndsOnce},
		{13, "PrincipalsAreAnyBytes", nil, principalsAreAnyBytes},
		{13, "NothingIsLeftOfAPrincipal", nil, nothingIsLeftOfAPrincipal},
		{13, "OnlyTheOwnerEnds", nil, onlyTheOwnerEnds},
		{14, "EndAllRefusesEarlierSignIns", nil, endAllRefusesEarlierSignIns},
		{14, "EndAllRacesSignIns", nil, endAllRacesSignIns},
		{14, "EverybodyButOne", nil, everybodyButOne},
		{14, "DisabledUntilEnabled", nil, disabledUntilEnabled},
		{15, "TheLimitIsExact", nil, theLimitIsExact},
		{15, "RacingSignInsKeepTheLimit", nil, racingSignInsKeepTheLimit},
		{16, "PagesSkipAndDoubleNothing", nil, pagesSkipAndDoubleNothing},
		{16, "FewAmongMany", nil, fewAmongMany},
		{17, "SweepIsBoundedAndOldestFirst", nil, sweepIsBoundedAndOldestFirst},
		{17, "TwoSweepersAndTheLiving", nil, twoSweepersAndTheLiving},
		{18, "ListsTellNoSecret", nil, listsTellNoSecret},
		{19, "OpaqueValuesSurvive", nil, opaqueValuesSurvive},
		{20, "CancelledIsOldOrNew", nil, cancelledIsOldOrNew},
		{21, "DownIsUnavailable", down, downIsUnavailable},
		{22, "CommandsAreCounted", commands, commandsAreCounted},
		{23, "ReadsSeeTheNodesOwnWrites", nil, readsSeeTheNodesOwnWrites},
		{23, "NodesSeeEachOther", node, nodesSeeEachOther},
		{24, "HistoriesAreLinearizable", checker, historiesAreLinearizable},
		{25, "EveryEndIsAnnounced", nil, everyEndIsAnnounced},
		{25, "EndsAreAnnouncedElsewhere", node, endsAreAnnouncedElsewhere},
		{26, "AcknowledgedSurvivesARestart", restart, acknowledgedSurvivesARestart},
		{27, "AnImportIsTheRecordAsItWas", nil, anImportIsTheRecordAsItWas},
		{27, "AnImportRevivesNothing", nil, anImportRevivesNothing},
		{27, "ImportedSessionsAreTheirPrincipals", nil, importedSessionsAreTheirPrincipals},
		{27, "ImportsRaceWhatGoesOn", nil, importsRaceWhatGoesOn},
		{27, "DisabledPrincipalsAreListed", nil, disabledPrincipalsAreListed},
	}
}

func missing(is bool, what string) string {
	if is {
		return what
	}
	return ""
}

// Run runs every case for which the harness has what it needs. The others are
// not run, and what the store declares decides whether that is a failure: see
// [Harness].
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Cases() {
		if lacks := c.Lacks(h); lacks != "" {
			t.Logf("%s is not run: it needs %s", c, lacks)
			continue
		}
		t.Run(c.String(), func(t *testing.T) { c.Run(t, h) })
	}
}
