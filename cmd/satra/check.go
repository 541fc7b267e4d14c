package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/backend"
)

// patience bounds a check: that a server is not there is said in time.
const patience = 10 * time.Second

// storeCheck looks at a store and changes nothing.
func storeCheck(ctx context.Context, c *call) error {
	strict := false
	err := c.parse(1, func(f *flag.FlagSet) {
		f.BoolVar(&strict, "strict", false, "exit with 1 if there is any advice, too")
	})
	if err != nil {
		return err
	}
	name, err := parseStore(c.args[0])
	if err != nil {
		return c.misused("%v", err)
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	fmt.Fprintln(c.stdout, name)
	found, err := backend.Inspect(bounded, name)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Fprintf(c.stdout, "  cannot be used: %s\n", oneLine(err))
		return errProblems
	}
	advice := 0
	for _, f := range found {
		value := f.Value
		if value == "" {
			value = "not told"
		}
		fmt.Fprintf(c.stdout, "  %-18s %s\n", f.Setting, value)
		if f.Advice != "" {
			advice++
			fmt.Fprintf(c.stdout, "  %18s ! %s\n", "", f.Advice)
		}
	}
	switch {
	case advice == 0:
		fmt.Fprintln(c.stdout, "  all is well")
	case strict:
		return errProblems
	}
	return nil
}
