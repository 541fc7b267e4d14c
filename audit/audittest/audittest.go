// Package audittest is the contract of an [audit.Sink] as a suite of tests, for
// whoever writes a sink. Each case holds sentences of the interface.
//
//	func TestAudit(t *testing.T) {
//		audittest.Run(t, audittest.Harness{Open: func(t audittest.TB) audit.Sink {
//			s := mystore.Open(…) // new and empty
//			t.Cleanup(s.Close)
//			return s
//		}})
//	}
//
// The suite drives a sink from outside: that a query uses its index, and that a
// commit reaches the disk, a sink shows in tests of its own.
package audittest

import (
	"context"
	"testing"
	"time"

	"github.com/satra-sessions/satra/audit"
)

// A TB is what a case needs of a test. [*testing.T] is one; a test that shows
// that a broken sink fails a case brings its own.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// Fatalf fails the test and ends the goroutine that calls it.
	Fatalf(format string, args ...any)
}

// A Harness is how the suite reaches a sink and the world around it. Only Open
// is required.
type Harness struct {
	// Open returns a sink that is new and empty, and closes it by t.Cleanup.
	Open func(t TB) audit.Sink

	// Node opens another node on the data of s. nil for a sink that only one
	// process can use.
	Node func(t TB, s audit.Sink) audit.Sink

	// Restart kills what keeps the data of s, without a chance to save
	// anything, starts it again and returns a sink on the same data. nil for a
	// sink that is lost with the process.
	Restart func(t TB, s audit.Sink) audit.Sink

	// Down cuts s off from its server until the function that it returns is
	// called. nil for a sink that has none.
	Down func(t TB, s audit.Sink) (up func())

	// Rounds of each race. Default 50.
	Rounds int

	// Patience is how long a case waits for what has to happen, before it says
	// that it did not. Default 30 s.
	Patience time.Duration
}

// A Case is one test of the suite.
type Case struct {
	Name  string // "ABatchIsAllOrNothing"
	needs func(Harness) string
	run   func(*kit)
}

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
		t.Fatalf("%s needs %s", c.Name, lacks)
	}
	c.run(newKit(t, h))
}

// Cases returns all cases.
func Cases() []Case {
	node := func(h Harness) string { return missing(h.Node == nil, "Harness.Node") }
	restart := func(h Harness) string { return missing(h.Restart == nil, "Harness.Restart") }
	down := func(h Harness) string { return missing(h.Down == nil, "Harness.Down") }
	return []Case{
		{"EveryByteIsKept", nil, everyByteIsKept},
		{"TheLargestBatchIsKept", nil, theLargestBatchIsKept},
		{"ABatchIsAllOrNothing", nil, aBatchIsAllOrNothing},
		{"OneOfManyAppendersWins", nil, oneOfManyAppendersWins},
		{"WritersGoSideBySide", nil, writersGoSideBySide},
		{"CancelledIsAllOrNothing", nil, cancelledIsAllOrNothing},
		{"RowsComeInTheOrderOfTime", nil, rowsComeInTheOrderOfTime},
		{"FiltersHoldTogether", nil, filtersHoldTogether},
		{"TimesHaveEdges", nil, timesHaveEdges},
		{"PagesSkipAndDoubleNothing", nil, pagesSkipAndDoubleNothing},
		{"AChainComesInItsOrder", nil, aChainComesInItsOrder},
		{"ChainsAreListed", nil, chainsAreListed},
		{"HeadsAreTheLastRows", nil, headsAreTheLastRows},
		{"ACutIsBoundedAndOldestFirst", nil, aCutIsBoundedAndOldestFirst},
		{"TheFirstKeyStays", nil, theFirstKeyStays},
		{"OneOfManyKeysWins", nil, oneOfManyKeysWins},
		{"ErasedKeysAreGone", nil, erasedKeysAreGone},
		{"OldKeysAreCut", nil, oldKeysAreCut},
		{"NodesSeeEachOther", node, nodesSeeEachOther},
		{"AcknowledgedSurvivesARestart", restart, acknowledgedSurvivesARestart},
		{"DownIsAnError", down, downIsAnError},
	}
}

func missing(is bool, what string) string {
	if is {
		return what
	}
	return ""
}

// Run runs every case for which the harness has what it needs.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Cases() {
		if lacks := c.Lacks(h); lacks != "" {
			t.Logf("%s is not run: it needs %s", c.Name, lacks)
			continue
		}
		t.Run(c.Name, func(t *testing.T) { c.Run(t, h) })
	}
}
