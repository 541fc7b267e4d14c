package storetest_test

import (
	"testing"

	"github.com/satra-sessions/satra/storetest"
)

// linearizable is a checker for short histories: it tries every order that the
// times allow, and no set of operations twice that has led to the same state.
func linearizable(h storetest.History) bool {
	type visited struct {
		done  uint64
		state any
	}
	ops := h.Operations
	if len(ops) > 64 {
		panic("linearizable: at most 64 operations")
	}
	all := uint64(1)<<len(ops) - 1
	seen := map[visited]bool{}
	var search func(done uint64, state any) bool
	search = func(done uint64, state any) bool {
		if done == all {
			return true
		}
		if at := (visited{done, state}); seen[at] {
			return false
		} else {
			seen[at] = true
		}
		for i, op := range ops {
			if done&(1<<i) != 0 || hasReturnedBefore(ops, done, op.Call) {
				continue
			}
			if ok, next := h.Step(state, op.Input, op.Output); ok && search(done|1<<i, next) {
				return true
			}
		}
		return false
	}
	return search(0, h.Init())
}

// hasReturnedBefore reports whether an operation that is not done had been
// answered before the call: then it comes first.
func hasReturnedBefore(ops []storetest.Operation, done uint64, call int64) bool {
	for i, op := range ops {
		if done&(1<<i) == 0 && op.Return < call {
			return true
		}
	}
	return false
}

// TestTheCheckerTellsHistoriesApart tries it on a register that holds a number.
func TestTheCheckerTellsHistoriesApart(t *testing.T) {
	write := func(client int, call, answered int64, n int) storetest.Operation {
		return storetest.Operation{Client: client, Call: call, Return: answered, Input: n}
	}
	read := func(client int, call, answered int64, n int) storetest.Operation {
		return storetest.Operation{Client: client, Call: call, Return: answered, Output: n}
	}
	for _, test := range []struct {
		name string
		ops  []storetest.Operation
		want bool
	}{
		{"one after the other", []storetest.Operation{write(0, 1, 2, 7), read(1, 3, 4, 7)}, true},
		{"an old value after a newer was written", []storetest.Operation{write(0, 1, 2, 7), read(1, 3, 4, 0)}, false},
		{"either while it is written", []storetest.Operation{write(0, 1, 4, 7), read(1, 2, 3, 0), read(2, 2, 5, 7)}, true},
		{"back to the old value", []storetest.Operation{write(0, 1, 8, 7), read(1, 2, 3, 7), read(1, 4, 5, 0)}, false},
	} {
		h := storetest.History{
			Operations: test.ops,
			Init:       func() any { return 0 },
			Step: func(state, in, out any) (bool, any) {
				if in != nil {
					return true, in
				}
				return state == out, state
			},
		}
		if got := linearizable(h); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
