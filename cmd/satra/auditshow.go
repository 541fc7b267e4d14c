package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/cmd/internal/progress"
)

// A filterFlags is which entries are wanted.
type filterFlags struct {
	kind, session, principal, address, from, until string
}

func (o *filterFlags) define(f *flag.FlagSet) {
	f.StringVar(&o.kind, "kind", "", "only entries of this kind, such as signed_in")
	f.StringVar(&o.session, "session", "", "only those of this session, by its ID")
	f.StringVar(&o.principal, "principal", "", "only those of this principal")
	f.StringVar(&o.address, "address", "", "only those from this address")
	f.StringVar(&o.from, "from", "", "only from this time on: 2027-01-05, 2027-01-05T09:15:00Z, or a duration before now such as 24h")
	f.StringVar(&o.until, "until", "", "only before this time")
}

func (o *filterFlags) filter(now time.Time) (f audit.Filter, err error) {
	f.Kind, f.Principal = satra.Kind(o.kind), o.principal
	var errs [4]error
	if o.session != "" {
		f.Session, errs[0] = satra.ParseID(o.session)
	}
	if o.address != "" {
		f.Address, errs[1] = netip.ParseAddr(o.address)
	}
	f.From, errs[2] = parseTime(o.from, now)
	f.Until, errs[3] = parseTime(o.until, now)
	for i, name := range []string{"session", "address", "from", "until"} {
		if errs[i] != nil {
			return f, fmt.Errorf("-%s: %w", name, errs[i])
		}
	}
	return f, nil
}

func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; for example 2027-01-05, 2027-01-05T09:15:00Z or 24h", s)
}

// auditShow shows the newest entries, the newest first.
func auditShow(ctx context.Context, c *call) (err error) {
	var l auditLog
	var o filterFlags
	n := 50
	var places []place
	if err := c.parse(0, func(f *flag.FlagSet) {
		l.define(f)
		o.define(f)
		f.IntVar(&n, "n", n, "how many")
		f.Func("entry", "only the entry at this place, as findings and reports name it: WRITER/SEQ, and more with commas", func(s string) (err error) {
			places, err = parsePlaces(s)
			return err
		})
	}); err != nil {
		return err
	}
	filter, err := o.filter(time.Now())
	if err != nil || n < 1 {
		return c.misused("%v", cmp.Or(err, errors.New("-n is less than one")))
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.backend.Close()) }()
	if len(places) > 0 {
		return showPlaces(ctx, c, l.reader(), places)
	}
	shown := 0
	for e, err := range entries(ctx, l.reader(), filter) {
		if err != nil {
			return err
		}
		fmt.Fprintln(c.stdout, e)
		if shown++; shown == n {
			return nil
		}
	}
	if shown == 0 {
		fmt.Fprintln(c.stdout, "There are no such entries.")
	}
	return nil
}

// A place is where an entry is: in whose chain, and which it is there.
type place struct {
	writer string
	seq    int64
}

func parsePlaces(s string) (places []place, err error) {
	for one := range strings.SplitSeq(s, ",") {
		one = strings.TrimSpace(one)
		slash := strings.LastIndexByte(one, '/')
		seq, err := strconv.ParseInt(one[slash+1:], 10, 64)
		if slash < 1 || err != nil || seq < 1 {
			return nil, fmt.Errorf("%q is no place; for example node/k4dzq1mhw7cn2bxa/7", one)
		}
		places = append(places, place{one[:slash], seq})
	}
	return places, nil
}

// showPlaces shows the entries in the order in which they were asked for.
func showPlaces(ctx context.Context, c *call, r *audit.Reader, places []place) error {
	for _, p := range places {
		e, ok, err := r.Entry(ctx, p.writer, p.seq)
		if err != nil {
			return err
		}
		if !ok {
			fmt.Fprintf(c.stdout, "%s/%d  There is no such entry.\n", audit.Plain(p.writer), p.seq)
			continue
		}
		fmt.Fprintf(c.stdout, "%s/%d  %s\n", audit.Plain(p.writer), p.seq, e)
	}
	return nil
}

// entries goes through all pages.
func entries(ctx context.Context, r *audit.Reader, f audit.Filter) func(yield func(audit.Entry, error) bool) {
	return func(yield func(audit.Entry, error) bool) {
		for f.Limit = 500; ; {
			page, err := r.Entries(ctx, f)
			if err != nil {
				yield(audit.Entry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < f.Limit {
				return
			}
			f.After = page[len(page)-1]
		}
	}
}

// lookEvery is how often tail looks for what is new.
const lookEvery = time.Second

// auditTail shows the last entries in their order, and goes on with -f.
func auditTail(ctx context.Context, c *call) (err error) {
	var l auditLog
	n, follow := 20, false
	if err := c.parse(0, func(f *flag.FlagSet) {
		l.define(f)
		f.IntVar(&n, "n", n, "how many, at most 1000")
		f.BoolVar(&follow, "f", false, "go on with what comes, until Ctrl-C")
	}); err != nil {
		return err
	}
	if n < 1 || n > 1000 {
		return c.misused("-n is not between 1 and 1000")
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.backend.Close()) }()
	last, err := l.reader().Entries(ctx, audit.Filter{Limit: n})
	if err != nil {
		return err
	}
	f := audit.Filter{Oldest: true}
	for i := len(last) - 1; i >= 0; i-- {
		fmt.Fprintln(c.stdout, last[i])
		f.After = last[i]
	}
	if len(last) == 0 {
		f.From = time.Now()
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for follow {
		select {
		case <-ctx.Done():
			return nil // that is how it ends
		case <-tick.C:
		}
		for e, err := range entries(ctx, l.reader(), f) {
			if err != nil && ctx.Err() == nil {
				return err
			}
			if err == nil {
				fmt.Fprintln(c.stdout, e)
				f.After = e
			}
		}
	}
	return nil
}

// auditExport writes entries to a file or to standard output, the oldest first.
func auditExport(ctx context.Context, c *call) (err error) {
	var l auditLog
	var o filterFlags
	format, out := "jsonl", ""
	if err := c.parse(0, func(f *flag.FlagSet) {
		l.define(f)
		o.define(f)
		f.StringVar(&format, "format", format, "jsonl, a line of JSON each, or csv, for spreadsheets")
		f.StringVar(&out, "o", "", "the file to write, which must not be there yet; empty: standard output")
	}); err != nil {
		return err
	}
	filter, err := o.filter(time.Now())
	if err != nil {
		return c.misused("%v", err)
	}
	if format != "jsonl" && format != "csv" {
		return c.misused("-format %q is neither jsonl nor csv", format)
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.backend.Close()) }()
	w := c.stdout
	if out != "" {
		f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	n, err := export(ctx, c, &l, filter, format, w)
	if err != nil {
		return fmt.Errorf("%d entries were written: %w", n, err)
	}
	if out != "" {
		fmt.Fprintf(c.stdout, "%d entries were written to %s.\n", n, filepath.Clean(out))
	}
	return nil
}

func export(ctx context.Context, c *call, l *auditLog, filter audit.Filter, format string, w io.Writer) (n int, err error) {
	total, err := l.reader().Size(ctx)
	if err != nil {
		return 0, err
	}
	table := audit.NewCSV(w)
	bar := progress.New(c.stderr)
	defer bar.End()
	filter.Oldest = true
	for e, err := range entries(ctx, l.reader(), filter) {
		if err != nil {
			return n, err
		}
		if format == "csv" {
			err = table.Write(e)
		} else {
			err = audit.WriteJSON(w, e)
		}
		if err != nil {
			return n, err
		}
		if n++; n%500 == 0 {
			bar.Show("exporting", part(n, total), fmt.Sprintf("%d entries", n))
		}
	}
	if format == "csv" {
		err = table.Flush()
	}
	return n, err
}
