// Package storecopy moves the sessions of one store to another while the
// application goes on: what is copied can be copied again, and each time only
// what changed meanwhile is taken over, ends included.
//
//	report, err := storecopy.Copy(ctx, from, to, nil)
//
// A session that has ended on either side stays ended. One that has gone on in
// the store that it was copied to is left as it is there.
package storecopy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/satra-sessions/satra"
)

// Options of [Copy]. nil is a good choice.
type Options struct {
	// Parallel is how many records are on their way at once. Default 16.
	Parallel int

	// EndMissing ends the sessions that live in the store copied to and are not
	// in the other any more: they have ended there and were removed since an
	// earlier copy. It is for a store that nobody else writes to yet.
	EndMissing bool

	// Progress is called now and then with what is being done, how far it is,
	// from 0 to 1, and how many records were taken over. Calls do not overlap.
	Progress func(doing string, done float64, copied int64)
}

// A Report says what was done. It holds with an error, too.
type Report struct {
	Records  int64 // in the store copied from, at the last pass
	Live     int64 // of these, not over
	Copied   int64 // taken over, ends included; a record may count several times
	Passes   int   // over the store copied from
	Changed  int64 // taken over or disabled since the last pass began: while it is not 0, sessions are being changed there
	Disabled int64 // principals that were disabled as there
	Missing  int64 // live in the store copied to, and not in the other
	Ended    int64 // of these, ended by EndMissing

	Verified   int64 // compared whole in the end, and the same
	Ahead      int64 // compared, and gone on in the store copied to
	Refused    int64 // not taken: too large there, or another principal's
	Different  int64 // compared, and not the same
	EnabledToo int64 // principals disabled in the store copied to only

	Problems []string // the first of those that were refused or are different
}

// maxPasses is how often a store is gone through that does not come to rest.
const maxPasses = 4

// maxProblems is how many problems are told one by one.
const maxProblems = 20

// A copier is a copy under way.
type copier struct {
	from, to satra.Store
	o        Options

	mu     sync.Mutex // of report, except for what the workers count
	report Report

	copied, verified, ahead, refused, different atomic.Int64
}

// Copy copies all records and the disabled principals, once and again until
// nothing is left to be taken over or four times, and then compares both stores
// record by record. An error ends it: a store cannot be reached, is full, or ctx
// is done. Calling it again goes on from there.
func Copy(ctx context.Context, from, to satra.Store, o *Options) (Report, error) {
	c := &copier{from: from, to: to}
	if o != nil {
		c.o = *o
	}
	if c.o.Parallel <= 0 {
		c.o.Parallel = 16
	}
	if c.o.Progress == nil {
		c.o.Progress = func(string, float64, int64) {}
	}
	err := c.run(ctx)
	c.report.Copied, c.report.Verified, c.report.Ahead = c.copied.Load(), c.verified.Load(), c.ahead.Load()
	c.report.Refused, c.report.Different = c.refused.Load(), c.different.Load()
	return c.report, err
}

func (c *copier) run(ctx context.Context) error {
	for c.report.Passes < maxPasses {
		before := c.copied.Load()
		if err := c.disable(ctx); err != nil {
			return err
		}
		c.report.Passes++
		if err := c.copyChanged(ctx); err != nil {
			return err
		}
		c.report.Changed = c.copied.Load() - before
		if c.report.Passes > 1 && c.report.Changed == 0 {
			break
		}
		c.refused.Store(0) // the next pass meets them again
		c.report.Problems = nil
	}
	c.refused.Store(0)
	c.report.Problems = nil
	before, disabled := c.copied.Load(), c.report.Disabled
	if err := c.verify(ctx); err != nil {
		return err
	}
	if err := c.disable(ctx); err != nil { // who was disabled since the last pass
		return err
	}
	c.report.Changed += c.copied.Load() - before + c.report.Disabled - disabled
	return c.countEnabled(ctx)
}

// disable disables the principals that are disabled in the store copied from.
func (c *copier) disable(ctx context.Context) error {
	return disabled(ctx, c.from, func(principal string) error {
		state, err := c.to.Principal(ctx, principal)
		if err != nil || state.Disabled {
			return err
		}
		now, err := c.to.Now(ctx)
		if err != nil {
			return err
		}
		now = now.UTC().Truncate(satra.Precision)
		_, err = c.to.EndAll(ctx, satra.Ending{
			At: now, Principal: principal, Access: satra.AccessDeny,
			End: satra.End{At: now, Reason: satra.ReasonDisabled, Actor: "satra store copy"},
		})
		if err == nil {
			c.report.Disabled++
		}
		return err
	})
}

// countEnabled counts the principals that the store copied to alone disables.
// They stay so: it may have been decided there.
func (c *copier) countEnabled(ctx context.Context) error {
	return disabled(ctx, c.to, func(principal string) error {
		state, err := c.from.Principal(ctx, principal)
		if err == nil && !state.Disabled {
			c.report.EnabledToo++
		}
		return err
	})
}

// disabled calls f for each disabled principal of a store.
func disabled(ctx context.Context, s satra.Store, f func(string) error) error {
	after := ""
	for {
		names, err := s.Disabled(ctx, after, 1000)
		if err != nil {
			return fmt.Errorf("listing disabled principals: %w", err)
		}
		for _, name := range names {
			if err := f(name); err != nil {
				return fmt.Errorf("disabling a principal: %w", err)
			}
			after = name
		}
		if len(names) == 0 {
			return nil
		}
	}
}

// problem notes what became of one record.
func (c *copier) problem(id satra.ID, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.report.Problems) < maxProblems {
		c.report.Problems = append(c.report.Problems, fmt.Sprintf("%s: %s", id, what))
	}
}

// fatal reports whether an error ends the copy: not one record's own.
func fatal(err error) bool {
	return err != nil && !errors.Is(err, satra.ErrTooLarge) && !errors.Is(err, satra.ErrConflict) && !errors.Is(err, satra.ErrNotFound)
}
