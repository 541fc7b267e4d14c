package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/satra-sessions/satra"
)

// A History is what clients asked of one session at the same time and what
// they were answered, with the order as far as it is known. Harness.Linearizable
// says whether one order of all operations explains it, for which a checker is
// at hand, with porcupine for example:
//
//	func linearizable(h storetest.History) bool {
//		model := porcupine.Model{Init: h.Init, Step: h.Step}
//		ops := make([]porcupine.Operation, len(h.Operations))
//		for i, op := range h.Operations {
//			ops[i] = porcupine.Operation{ClientId: op.Client, Input: op.Input, Call: op.Call, Output: op.Output, Return: op.Return}
//		}
//		return porcupine.CheckOperations(model, ops)
//	}
type History struct {
	Operations []Operation

	// Init returns the first state, which == compares.
	Init func() any

	// Step reports whether the operation may have this output in this state,
	// and returns the state after it.
	Step func(state, input, output any) (bool, any)
}

// An Operation was called and answered at two points of an order that holds
// for all operations of its history.
type Operation struct {
	Client       int
	Call, Return int64
	Input        any
	Output       any
}

// register is the model of a session with one value.
type register struct {
	value   int
	rev     uint64
	version uint64
	ended   bool
}

type input struct {
	kind string // "read", "write", "swap" or "end"
	new  int
	rev  uint64 // of a swap: the one that it expects
}

type output struct {
	register
	ended, conflict bool
}

// step is what one operation does to a session, and has to answer.
func step(state, in, out any) (bool, any) {
	r, i, o := state.(register), in.(input), out.(output)
	if i.kind == "read" {
		return o.register == r, r
	}
	if r.ended {
		return o.ended, r
	}
	next := r
	next.version++
	switch i.kind {
	case "swap":
		if i.rev != r.rev {
			return o.conflict && o.register == r, r
		}
		fallthrough
	case "write":
		next.value, next.rev = i.new, next.version
	case "end":
		next.value, next.rev, next.ended = 0, 0, true
	}
	return !o.ended && !o.conflict && o.register == next, next
}

func historiesAreLinearizable(k *kit) {
	nodes := []satra.Store{k.s}
	if k.h.Node != nil {
		nodes = append(nodes, k.h.Node(k, k.s))
	}
	for round := range max(1, k.h.Rounds/2) {
		id := k.create(nil).ID
		const clients, each = 5, 12
		var clock atomic.Int64
		var mu sync.Mutex
		h := History{Step: step, Init: func() any { return register{version: 1} }}
		race(times(clients, func(client int) {
			rng := rand.New(rand.NewPCG(uint64(round), uint64(client)))
			s := nodes[client%len(nodes)]
			var known uint64
			for n := range each {
				in := input{new: client*1000 + n + 1, rev: known}
				switch c := rng.IntN(40); {
				case c < 12:
					in.kind = "read"
				case c < 24:
					in.kind = "write"
				case c < 39 || round%2 == 0: // every other session lives to the end
					in.kind = "swap"
				default:
					in.kind = "end"
				}
				op := Operation{Client: client, Input: in, Call: clock.Add(1)}
				out, err := k.operate(s, id, in)
				op.Output, op.Return = out, clock.Add(1)
				if err != nil {
					k.Errorf("%s: %v", in.kind, err)
					return
				}
				known = out.rev
				mu.Lock()
				h.Operations = append(h.Operations, op)
				mu.Unlock()
			}
		})...)
		if !k.h.Linearizable(h) {
			k.Fatalf("round %d: no order of these operations explains their answers:\n%s", round, h)
		}
	}
}

// operate does one operation.
func (k *kit) operate(s satra.Store, id satra.ID, in input) (output, error) {
	var rec *satra.Record
	var err error
	if in.kind == "read" {
		rec, err = s.Find(k.Context(), id, satra.Fresh)
	} else {
		c := k.end(0, satra.ReasonSignedOut)
		if in.kind != "end" {
			c = k.set(0, "n", fmt.Sprint(in.new))
		}
		if in.kind == "swap" {
			c.IfRev = []satra.Rev{{Key: "n", Rev: in.rev}}
		}
		c.Return = true
		var result satra.Result
		result, err = s.Apply(k.Context(), id, c)
		rec = result.Record
	}
	out := output{ended: errors.Is(err, satra.ErrEnded), conflict: errors.Is(err, satra.ErrConflict)}
	if err != nil && !out.ended && !out.conflict || rec == nil {
		return out, fmt.Errorf("record %v, error %w", rec != nil, err)
	}
	v, ok := rec.Value("n")
	out.register = register{rev: v.Rev, version: rec.Version, ended: rec.Ended != nil}
	if ok {
		if _, err := fmt.Sscan(string(v.Data), &out.value); err != nil {
			return out, err
		}
	}
	return out, nil
}

// String lists the operations, one a line.
func (h History) String() string {
	s := ""
	for _, op := range h.Operations {
		s += fmt.Sprintf("%4d-%4d client %d: %+v → %+v\n", op.Call, op.Return, op.Client, op.Input, op.Output)
	}
	return s
}
