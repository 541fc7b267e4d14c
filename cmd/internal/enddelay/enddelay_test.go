package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/privatestore"
)

// The test is also the other node.
func TestMain(m *testing.M) {
	if name := os.Getenv(nodeVariable); name != "" {
		exit(node(context.Background(), name, os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

func TestAnotherNodeIsToldOfEveryEnd(t *testing.T) {
	const ends = 5
	for _, setup := range setups {
		t.Run(setup.title, func(t *testing.T) {
			t.Parallel()
			rows := measure(t, setup.title, privatestore.Start(t, setup.kind).Name+setup.suffix, ends)
			if len(rows) != 3 {
				t.Fatalf("got %d rows, want 3", len(rows))
			}
			// No matter how busy the machine is: a call that begins later is told.
			if stale := rows[0].percentile(100); stale > setup.bound {
				t.Errorf("a Find that began %v after the end was acknowledged said that the session lives, want at most %v", stale, setup.bound)
			}
			for _, r := range rows {
				if len(r.delays) != ends || !slices.IsSorted(r.delays) {
					t.Errorf("%s: got %v, want %d delays in order", r.what, r.delays, ends)
				}
			}
		})
	}
}

func TestTheTableTellsPercentiles(t *testing.T) {
	var r row
	for n := range 200 {
		r.delays = append(r.delays, time.Duration(n-49)*time.Millisecond) // −49 to 150
	}
	for p, want := range map[int]int{1: -48, 50: 50, 90: 130, 99: 148, 100: 150} {
		if got := r.percentile(p); got != time.Duration(want)*time.Millisecond {
			t.Errorf("p%d: got %v, want %d ms", p, got, want)
		}
	}
	one := row{"sqlite", "Find", []time.Duration{1500 * time.Microsecond}}
	var table strings.Builder
	printTable(&table, []row{one, {"redis", "Watch", r.delays}})
	for _, want := range []string{
		"| sqlite | Find | 1 | 0 | 1.50 ms | 1.50 ms | 1.50 ms | 1.50 ms |\n",
		"| redis | Watch | 200 | 50 | 50.00 ms | 130.00 ms | 148.00 ms | 150.00 ms |\n",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("got\n%s\nwant in it %s", table.String(), want)
		}
	}
}
