// Command enddelay measures how long after an end was acknowledged on one node
// another node knows of it. The nodes are two processes on one store. The first
// ends sessions, one after the other; the second asks for each without a pause
// until it is told that it is over, and listens to what is announced.
//
//	go run ./cmd/internal/enddelay -store all -n 1000
//
// The table is written to the standard output.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/privatestore"
	"github.com/satra-sessions/satra/internal/testserver"
)

// setups are what is measured: how the store is started, what its name is then
// given, and how long after the acknowledgement of an end a Find may begin that
// still says that the session lives.
var setups = []struct {
	title, kind, suffix string
	bound               time.Duration
}{
	{"sqlite", "sqlite", "", 50 * time.Millisecond},
	{"sqlite, shared=1", "sqlite", "?shared=1", 0},
	{"redis", "redis", "", 0},
	{"postgres", "postgres", "", 0},
}

func main() {
	if name := os.Getenv(nodeVariable); name != "" {
		exit(node(context.Background(), name, os.Stdin, os.Stdout))
	}
	store := flag.String("store", "all", "`sqlite`, redis, postgres or all")
	n := flag.Int("n", 1000, "how many sessions are ended")
	flag.Parse()
	if *n < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "enddelay: -n is 1 or more")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var rows []row
	err := privatestore.Run(ctx, func(t testserver.TB) {
		for _, setup := range setups {
			if *store != "all" && *store != setup.kind {
				continue
			}
			t.Logf("%s: %d ends", setup.title, *n)
			rows = append(rows, measure(t, setup.title, privatestore.Start(t, setup.kind).Name+setup.suffix, *n)...)
		}
	})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("there is no store %q: want sqlite, redis, postgres or all", *store)
	}
	printTable(os.Stdout, rows)
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "enddelay:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
