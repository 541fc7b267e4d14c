// Command million fills each store with a million sessions and measures what
// becomes of it. From the folder bench:
//
//	go run ./million                  # all of them; half an hour, 4 GB of memory, 6 GB of disk
//	go run ./million -n 50000 -store redis
//
// Half of the sessions' principals have two sessions each, and one has a hundred.
// A session has a device, two values of ten bytes, and with -big a third. A tenth
// is over soon, to be swept. While a store is filled and swept, somebody looks for a
// random session every millisecond: the slowest look is how long the store stalls.
//
// Progress goes to stderr, the table to stdout. It needs Redis and PostgreSQL.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
)

// A config is what to fill with.
type config struct {
	n, clients, big int
	noSync          bool
}

func main() {
	var c config
	flag.IntVar(&c.n, "n", 1_000_000, "how many sessions")
	flag.IntVar(&c.clients, "clients", 64, "how many clients fill a store together")
	flag.IntVar(&c.big, "big", 0, "bytes of a third value; 0: there is none")
	flag.BoolVar(&c.noSync, "nosync", false, "PostgreSQL does not wait for the disk: for one that others use as well")
	only := flag.String("store", "all", "memory, scs, sqlite, redis, postgres, or all of them")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	known := false
	header()
	for _, s := range subjects {
		if *only != "all" && *only != s.name {
			continue
		}
		known = true
		if err := measure(ctx, s, c); err != nil {
			fmt.Fprintln(os.Stderr, s.name+":", err)
			os.Exit(1)
		}
		runtime.GC()
	}
	if !known || flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "no store %q, want memory, scs, sqlite, redis, postgres or all\n", *only)
		os.Exit(2)
	}
}

var columns = []string{
	"store", "sessions", "filled in", "a second", "bytes each", "stall while filling", "find p50", "p99", "max",
	"list 100 of one", "list 100 of all", "swept", "in", "longest sweep", "stall while sweeping", "control",
}

func header() {
	fmt.Println("| " + strings.Join(columns, " | ") + " |")
	fmt.Println("|---|" + strings.Repeat("---:|", len(columns)-1))
}

// progress tells how far it is.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
