package storecopy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
)

// copyChanged takes over each record of which the stores' lists tell different
// things.
func (c *copier) copyChanged(ctx context.Context) error {
	doing := "copying"
	if c.report.Passes > 1 {
		doing = fmt.Sprintf("copying what changed meanwhile (pass %d)", c.report.Passes)
	}
	return c.walk(ctx, doing, func(r span, there map[satra.ID]listed) error {
		changed := slices.DeleteFunc(r.records, func(rec listed) bool { return same(rec, there[rec.ID]) })
		return c.parallel(ctx, changed, func(ctx context.Context, id satra.ID) error {
			_, err := c.takeOver(ctx, id)
			return err
		})
	})
}

// verify compares each record whole, and looks for those that are too many.
func (c *copier) verify(ctx context.Context) error {
	return c.walk(ctx, "verifying", func(r span, there map[satra.ID]listed) error {
		if err := c.parallel(ctx, r.records, c.compare); err != nil {
			return err
		}
		for _, rec := range r.records {
			delete(there, rec.ID)
		}
		return c.missing(ctx, there)
	})
}

// walk goes through all records of the store copied from, in the order of their
// IDs: range by range, each with what the other store has there.
func (c *copier) walk(ctx context.Context, doing string, f func(r span, there map[satra.ID]listed) error) error {
	c.report.Records, c.report.Live = 0, 0
	var after satra.ID
	from, to := &reader{s: c.from}, &reader{s: c.to}
	for {
		c.o.Progress(doing, share(after), c.copied.Load())
		r, err := from.readRange(ctx, after, satra.ID{})
		if err != nil {
			return fmt.Errorf("reading the store to copy from: %w", err)
		}
		there, err := to.readWhole(ctx, after, r.upTo)
		if err != nil {
			return fmt.Errorf("reading the store to copy to: %w", err)
		}
		for _, rec := range r.records {
			c.report.Records++
			if rec.live {
				c.report.Live++
			}
		}
		if err := f(r, there); err != nil {
			return err
		}
		if r.last() {
			c.o.Progress(doing, 1, c.copied.Load())
			return nil
		}
		after = r.upTo
	}
}

// share is how much of all IDs, which are random, come up to this one.
func share(id satra.ID) float64 {
	return float64(binary.BigEndian.Uint64(id[:8])>>11) / (1 << 53)
}

// A listed record is one as List tells it: without values and secrets.
type listed struct {
	*satra.Record
	live bool
}

// same reports whether the lists of both stores tell the same of a record.
func same(a, b listed) bool {
	return b.Record != nil && a.Generation == b.Generation && a.Version == b.Version &&
		a.Seen.Equal(b.Seen) && (a.Ended == nil) == (b.Ended == nil)
}

// A span is the records of a range of IDs, live or over, in order.
type span struct {
	records []listed
	upTo    satra.ID // the last ID of the range; zero: up to the end
}

func (s span) last() bool { return s.upTo.IsZero() }

// A reader goes through a store in the order of IDs. A page of what is live, and one of
// what is over, is used for as long as it reaches: where there is little of one kind,
// each page of it costs the store a look at all that is left.
//
// What has changed since a page was read is seen by the next walk.
type reader struct {
	s     satra.Store
	pages [2]readPage // live, and over
}

type readPage struct {
	satra.Page
	after satra.ID
	read  bool
}

func (rd *reader) page(ctx context.Context, i int, at time.Time, after satra.ID) (satra.Page, error) {
	p := &rd.pages[i]
	if !p.read || before(after, p.after) || !p.Next.IsZero() && !before(after, p.Next) {
		page, err := rd.s.List(ctx, satra.Query{At: at, Ended: i == 1, After: after, Limit: 1000})
		if err != nil {
			return page, err
		}
		*p = readPage{page, after, true}
	}
	left := p.Page
	left.Records = slices.Clone(left.Records)
	left.Records = slices.DeleteFunc(left.Records, func(r *satra.Record) bool { return !before(after, r.ID) })
	return left, nil
}

// readRange reads the records behind an ID, at most up to another (zero: the
// end), as far as one page of the live ones and one of the others lead. Live ones
// come first: what ends between the two is then in both.
func (rd *reader) readRange(ctx context.Context, after, most satra.ID) (span, error) {
	now, err := rd.s.Now(ctx)
	if err != nil {
		return span{}, err
	}
	r := span{upTo: most}
	var pages [2]satra.Page
	for i := range pages {
		if pages[i], err = rd.page(ctx, i, now.UTC().Truncate(satra.Precision), after); err != nil {
			return span{}, err
		}
		if next := pages[i].Next; !next.IsZero() && (r.last() || before(next, r.upTo)) {
			r.upTo = next
		}
	}
	all := map[satra.ID]listed{}
	for i, page := range pages {
		for _, rec := range page.Records {
			if r.last() || !before(r.upTo, rec.ID) {
				all[rec.ID] = listed{rec, i == 0}
			}
		}
	}
	for _, rec := range all {
		r.records = append(r.records, rec)
	}
	slices.SortFunc(r.records, func(a, b listed) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return r, nil
}

// readWhole reads all records of a range.
func (rd *reader) readWhole(ctx context.Context, after, upTo satra.ID) (map[satra.ID]listed, error) {
	all := map[satra.ID]listed{}
	for {
		r, err := rd.readRange(ctx, after, upTo)
		if err != nil {
			return nil, err
		}
		for _, rec := range r.records {
			all[rec.ID] = rec
		}
		if r.upTo == upTo {
			return all, nil
		}
		after = r.upTo
	}
}

func before(a, b satra.ID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// parallel calls f for each record, and returns the first error that ends the
// copy.
func (c *copier) parallel(ctx context.Context, records []listed, f func(context.Context, satra.ID) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan satra.ID)
	done := make(chan struct{})
	workers := min(c.o.Parallel, len(records))
	for range workers {
		go func() {
			defer func() { done <- struct{}{} }()
			for id := range work {
				if err := f(ctx, id); err != nil {
					cancel(err)
				}
			}
		}()
	}
	for _, rec := range records {
		if ctx.Err() != nil {
			break
		}
		work <- rec.ID
	}
	close(work)
	for range workers {
		<-done
	}
	return context.Cause(ctx)
}
