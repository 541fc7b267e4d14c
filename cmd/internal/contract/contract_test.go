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

func linearizable(h storetest.History) bool {
	model := porcupine.Model{Init: h.Init, Step: h.Step}
	operations := make([]porcupine.Operation, len(h.Operations))
	for i, op := range h.Operations {
		operations[i] = porcupine.Operation{ClientId: op.Client, Input: op.Input, Call: op.Call, Output: op.Output, Return: op.Return}
	}
	return porcupine.CheckOperations(model, operations)
}
