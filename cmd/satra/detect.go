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
	"github.com/satra-sessions/satra/cmd/internal/places"
	"github.com/satra-sessions/satra/cmd/internal/progress"
)

// detectReplay holds a saved log against the rules, and does nothing about what it
// finds.
func detectReplay(ctx context.Context, c *call) (err error) {
	var l auditLog
	shown, located, actions := 20, "", map[detect.Rule]detect.Action{}
	if err := c.parse(1, func(f *flag.FlagSet) {
		l.define(f)
		f.IntVar(&shown, "n", shown, "how many findings to show")
		f.StringVar(&located, "locate", "", "a file of your own that tells where addresses are: lines of network,latitude,longitude")
		f.Func("action", "what is to be done about a rule, rule=action; may be repeated; the actions are record, notify, step-up and revoke", func(s string) error {
			return parseAction(actions, s)
		})
	}); err != nil {
		return err
	}
	policy, err := detect.NewPolicy(&detect.PolicyOptions{Actions: actions})
	if err != nil {
		return c.misused("%v", err)
	}
	var o detect.Options
	if located != "" {
		known, err := places.Read(located)
		if err != nil {
			return err
		}
		o.Locate = known.Locate
	}
	log, total, end, err := c.saved(ctx, &l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	bar := progress.New(c.stderr)
	s, err := detect.Replay(log, detect.New(&o), policy, func(n int) {
		bar.Show("replaying", part(n, total), fmt.Sprintf("%d entries", n))
	})
	bar.End()
	if err != nil {
		return err
	}
	printReplay(c.stdout, s, shown)
	return nil
}

// parseAction reads rule=action. Whether there is such a rule, and it may be done about
// it, the policy tells.
func parseAction(actions map[detect.Rule]detect.Action, s string) error {
	rule, name, _ := strings.Cut(s, "=")
	action, err := detect.ParseAction(name)
	if err != nil {
		return fmt.Errorf("it is rule=action: %w", err)
	}
	actions[detect.Rule(rule)] = action
	return nil
}

// printReplay tells the sums, and each decision in lines that fit a terminal where the
// facts do.
func printReplay(w io.Writer, s *detect.Summary, shown int) {
	fmt.Fprintf(w, "%d entries", s.Entries)
	if s.Entries > 0 {
		fmt.Fprintf(w, ", from %s to %s", clock(s.First), clock(s.Last))
	}
	fmt.Fprintln(w)
	for _, rule := range slices.Sorted(maps.Keys(s.Rules)) {
		fmt.Fprintf(w, "%8d  %s\n", s.Rules[rule], rule)
	}
	if len(s.Rules) == 0 {
		fmt.Fprintln(w, "Nothing was found.")
	}
	for _, d := range s.Decisions[:min(len(s.Decisions), max(shown, 0))] {
		f := d.Finding
		fmt.Fprintf(w, "%s  %s (%s)\n  %s\n  Would be: %s", clock(f.At), f.Rule, f.Strength, audit.Plain(f.Text), d.Action)
		if !f.Session.IsZero() {
			fmt.Fprintf(w, ", session %s", f.Session)
		}
		if f.Principal != "" {
			fmt.Fprintf(w, ", account %s", audit.Plain(f.Principal))
		}
		if d.Why != "" {
			fmt.Fprintf(w, "\n  Because: %s", d.Why)
		}
		entries := make([]string, len(f.Entries))
		for i, e := range f.Entries {
			entries[i] = e.String()
		}
		fmt.Fprintf(w, "\n  Entries: %s\n", strings.Join(entries, ","))
	}
	fmt.Fprintf(w, "Sessions that would be asked for a proof: %d, that would be ended: %d.\n", s.Sessions[detect.StepUp], s.Sessions[detect.Revoke])
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
