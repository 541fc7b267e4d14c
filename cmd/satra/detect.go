package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/detect"
	"github.com/satra-sessions/satra/cmd/internal/progress"
)

// detectReplay holds a saved log against the rules, and does nothing about what it
// finds.
func detectReplay(ctx context.Context, c *call) (err error) {
	var l auditLog
	shown := 20
	if err := c.parse(1, func(f *flag.FlagSet) {
		l.define(f)
		f.IntVar(&shown, "n", shown, "how many findings to show")
	}); err != nil {
		return err
	}
	log, total, end, err := c.saved(ctx, &l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	policy, err := detect.NewPolicy(nil)
	if err != nil {
		return err
	}
	bar := progress.New(c.stderr)
	s, err := detect.Replay(log, detect.New(nil), policy, func(n int) {
		bar.Show("replaying", part(n, total), fmt.Sprintf("%d entries", n))
	})
	bar.End()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%d entries", s.Entries)
	if s.Entries > 0 {
		fmt.Fprintf(c.stdout, ", from %s to %s", clock(s.First), clock(s.Last))
	}
	fmt.Fprintln(c.stdout)
	for _, rule := range slices.Sorted(maps.Keys(s.Rules)) {
		fmt.Fprintf(c.stdout, "%8d  %s\n", s.Rules[rule], rule)
	}
	if len(s.Rules) == 0 {
		fmt.Fprintln(c.stdout, "Nothing was found.")
	}
	for _, d := range s.Decisions[:min(len(s.Decisions), max(shown, 0))] {
		f := d.Finding
		fmt.Fprintf(c.stdout, "%s  %s (%s): %s", clock(f.At), f.Rule, f.Strength, audit.Plain(f.Text))
		if f.Principal != "" {
			fmt.Fprintf(c.stdout, " Account %s.", audit.Plain(f.Principal))
		}
		fmt.Fprintf(c.stdout, " Would be: %s", d.Action)
		if d.Why != "" {
			fmt.Fprintf(c.stdout, ", %s", d.Why)
		}
		fmt.Fprintln(c.stdout)
	}
	return nil
}

// saved opens what the argument names: a file of JSON lines, or a store.
func (c *call) saved(ctx context.Context, l *auditLog) (log iter.Seq2[audit.Entry, error], total int64, end func() error, err error) {
	if _, _, scheme := strings.Cut(c.args[0], ":"); !scheme {
		f, err := os.Open(c.args[0])
		if err != nil {
			return nil, 0, nil, err
		}
		return jsonLines(f), 0, f.Close, nil
	}
	l.store = c.args[0]
	if err := l.open(ctx); err != nil {
		return nil, 0, nil, err
	}
	if total, err = l.reader().Size(ctx); err != nil {
		return nil, 0, nil, errors.Join(err, l.backend.Close())
	}
	return entries(ctx, l.reader(), audit.Filter{Oldest: true}), total, l.backend.Close, nil
}

// jsonLines reads what audit export has written.
func jsonLines(r io.Reader) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			var e audit.Entry
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				yield(e, fmt.Errorf("line %d is no entry: %w", n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(audit.Entry{}, err)
		}
	}
}
