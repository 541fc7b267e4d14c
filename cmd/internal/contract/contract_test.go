// Package contract runs the contract of the stores with what the library's own
// tests cannot require: a checker of histories.
package contract

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/storetest"
)

func TestMemstore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open: func(storetest.TB) satra.Store {
			return memstore.New(&memstore.Options{MaxRecord: 2 << 20})
		},
		Linearizable: linearizable,
	})
}

// runHistories runs what needs a checker of histories: a store's own tests run
// the rest.
func runHistories(t *testing.T, h storetest.Harness) {
	t.Helper()
	ran := 0
	for _, c := range storetest.Cases() {
		if c.Promise == 24 {
			ran++
			t.Run(c.String(), func(t *testing.T) { c.Run(t, h) })
		}
	}
	if ran == 0 {
		t.Errorf("the suite has no case of promise 24")
	}
}

func linearizable(h storetest.History) bool {
	model := porcupine.Model{Init: h.Init, Step: h.Step}
	operations := make([]porcupine.Operation, len(h.Operations))
	for i, op := range h.Operations {
		operations[i] = porcupine.Operation{ClientId: op.Client, Input: op.Input, Call: op.Call, Output: op.Output, Return: op.Return}
	}
	return porcupine.CheckOperations(model, operations)
}
