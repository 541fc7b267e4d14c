package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/progress"
	"github.com/satra-sessions/satra/cmd/satra/storecopy"
)

// storeCopy copies the sessions of one store to another.
func storeCopy(ctx context.Context, c *call) error {
	var o storecopy.Options
	quiet := false
	err := c.parse(2, func(f *flag.FlagSet) {
		f.IntVar(&o.Parallel, "parallel", 16, "how many sessions are on their way at once, 1 to 256")
		f.BoolVar(&o.EndMissing, "end-missing", false, "end what lives in TO and is not in FROM any more; for a TO that nobody else writes to yet")
		f.BoolVar(&quiet, "quiet", false, "show no progress")
	})
	if err != nil {
		return err
	}
	if o.Parallel < 1 || o.Parallel > 256 {
		return c.misused("-parallel %d is not between 1 and 256", o.Parallel)
	}
	from, to, err := openBoth(ctx, c)
	if err != nil {
		return err
	}
	defer from.Close()
	defer to.Close()
	fmt.Fprintf(c.stdout, "from  %s\nto    %s\n", from.Summary, to.Summary)
	for _, note := range to.Notes {
		fmt.Fprintf(c.stdout, "note  %s\n", note)
	}
	bar := progress.New(c.stderr)
	if !quiet {
		o.Progress = func(doing string, done float64, copied int64) {
			bar.Show(doing, done, grouped(copied)+" taken over")
		}
	}
	began := time.Now()
	report, err := storecopy.Copy(ctx, from, to, &o)
	bar.End()
	c.tell(report, time.Since(began), err == nil)
	switch {
	case errors.Is(err, satra.ErrFull):
		return fmt.Errorf("TO takes no more sessions: make room there and run the command again, it goes on from here: %s", oneLine(err))
	case ctx.Err() != nil:
		fmt.Fprintln(c.stdout, "Stopped. Run the command again, it goes on from here.")
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%s; run the command again, it goes on from here", oneLine(err))
	case report.Refused+report.Different > 0:
		return errProblems
	}
	return nil
}

// openBoth opens the two stores. A file is read as one that others write, too.
func openBoth(ctx context.Context, c *call) (from, to *backend.Store, err error) {
	nameFrom, err := parseStore(c.args[0])
	if err != nil {
		return nil, nil, c.misused("FROM: %v", err)
	}
	nameTo, err := parseStore(c.args[1])
	if err != nil {
		return nil, nil, c.misused("TO: %v", err)
	}
	nameFrom.Shared, nameTo.Shared = nameFrom.Kind == "sqlite", nameTo.Kind == "sqlite" // the application may be at work
	if nameFrom == nameTo {
		return nil, nil, c.misused("FROM and TO are the same store")
	}
	if _, err := os.Stat(nameFrom.Path); nameFrom.Kind == "sqlite" && err != nil {
		return nil, nil, fmt.Errorf("FROM: %w", err) // a new file would be made
	}
	if from, err = backend.OpenPatient(ctx, nameFrom); err != nil {
		return nil, nil, fmt.Errorf("FROM: %s cannot be opened: %s", nameFrom, oneLine(err))
	}
	if to, err = backend.OpenPatient(ctx, nameTo); err != nil {
		from.Close()
		return nil, nil, fmt.Errorf("TO: %s cannot be opened: %s", nameTo, oneLine(err))
	}
	return from, to, nil
}

// tell says what was done, and what is to be done now.
func (c *call) tell(r storecopy.Report, took time.Duration, complete bool) {
	row := func(n int64, what string) {
		if n > 0 {
			fmt.Fprintf(c.stdout, "%11s  %s\n", grouped(n), what)
		}
	}
	if complete {
		fmt.Fprintf(c.stdout, "%11s  in FROM, of which %s live\n", grouped(r.Records), grouped(r.Live))
	}
	fmt.Fprintf(c.stdout, "%11s  taken over, in %d passes and %s\n", grouped(r.Copied), r.Passes, took.Round(time.Millisecond))
	row(r.Disabled, "principals disabled, as in FROM")
	if !complete {
		return
	}
	fmt.Fprintf(c.stdout, "%11s  compared and the same\n", grouped(r.Verified))
	row(r.Ahead, "compared, and gone on in TO since they were copied")
	row(r.Different, "compared, and NOT the same")
	row(r.Refused, "NOT taken over")
	for _, p := range r.Problems {
		fmt.Fprintln(c.stdout, "               "+p)
	}
	if n := r.Refused + r.Different - int64(len(r.Problems)); n > 0 {
		fmt.Fprintf(c.stdout, "               and %s more\n", grouped(n))
	}
	row(r.Ended, "live in TO and gone from FROM: ended")
	row(r.Missing-r.Ended, "live in TO and not in FROM: begun in TO, or ended and removed from FROM since an earlier copy;\n"+
		"             if nobody uses TO yet, run again with -end-missing")
	row(r.EnabledToo, "principals disabled in TO and not in FROM: left as they are")
	if r.Changed > 0 {
		fmt.Fprintln(c.stdout, "FROM is in use. Let the application use TO, and run the command once more: what changed until then is taken over.")
	}
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
