package memstore_test

import (
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/storetest"
)

// The linearizability case needs a checker that the library does not require:
// cmd/internal/contract runs the whole suite with one.
var harness = storetest.Harness{Open: func(storetest.TB) satra.Store {
	return memstore.New(&memstore.Options{MaxRecord: 2 << 20})
}}

func TestContract(t *testing.T) { storetest.Run(t, harness) }

func BenchmarkContract(b *testing.B) { storetest.Benchmark(b, harness) }
