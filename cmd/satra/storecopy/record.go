package storecopy

import (
	"context"
	"errors"
	"fmt"

	"github.com/satra-sessions/satra"
)

// takeOver copies one record, unless it was removed meanwhile. A record that is
// refused is counted.
func (c *copier) takeOver(ctx context.Context, id satra.ID) (refused bool, err error) {
	if ctx.Err() != nil {
		return false, nil
	}
	r, err := c.from.Find(ctx, id, satra.Fresh)
	if errors.Is(err, satra.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading session %s: %w", id, err)
	}
	changed, err := c.to.Import(ctx, r)
	if changed {
		c.copied.Add(1)
	}
	if fatal(err) {
		return false, fmt.Errorf("writing session %s: %w", id, err)
	}
	if err != nil {
		c.refused.Add(1)
		c.problem(id, "not taken: "+err.Error())
	}
	return err != nil, nil
}

// compareTries is how often a record is compared that is being changed.
const compareTries = 3

// compare reads one record from both stores, after taking over what is still to
// be taken, and judges the copy.
func (c *copier) compare(ctx context.Context, id satra.ID) error {
	var found string
	for range compareTries {
		if ctx.Err() != nil {
			return nil
		}
		refused, err := c.takeOver(ctx, id)
		if refused || err != nil {
			return err
		}
		if found, err = c.look(ctx, id); err != nil {
			return err
		}
		if found == "" || found == ahead {
			break
		}
	}
	switch found {
	case "":
		c.verified.Add(1)
	case ahead:
		c.ahead.Add(1)
	default:
		c.different.Add(1)
		c.problem(id, found)
	}
	return nil
}

// look compares a record with its copy. One that was removed meanwhile, or is
// over for so long that the other store does not keep it any more, is as good as
// the same.
func (c *copier) look(ctx context.Context, id satra.ID) (string, error) {
	theirs, err := c.from.Find(ctx, id, satra.Fresh)
	if errors.Is(err, satra.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading session %s: %w", id, err)
	}
	ours, err := c.to.Find(ctx, id, satra.Fresh)
	if fatal(err) {
		return "", fmt.Errorf("reading session %s: %w", id, err)
	}
	if ours == nil {
		now, err := c.to.Now(ctx)
		if err != nil || !theirs.Live(now) {
			return "", err
		}
	}
	return verdict(theirs, ours), nil
}

// missing counts the sessions that live in the store copied to and not in the
// other, and ends them if that was asked for.
func (c *copier) missing(ctx context.Context, there map[satra.ID]listed) error {
	for id, rec := range there {
		if !rec.live {
			continue
		}
		if _, err := c.from.Find(ctx, id, satra.Fresh); err == nil {
			continue // begun meanwhile, or copied by somebody else
		} else if !errors.Is(err, satra.ErrNotFound) {
			return fmt.Errorf("reading session %s: %w", id, err)
		}
		c.report.Missing++
		if !c.o.EndMissing {
			continue
		}
		now, err := c.to.Now(ctx)
		if err != nil {
			return err
		}
		now = now.UTC().Truncate(satra.Precision)
		end := &satra.End{At: now, Reason: satra.ReasonAdministrator, Actor: "satra store copy"}
		switch _, err = c.to.Apply(ctx, id, &satra.Change{At: now, End: end}); {
		case err == nil:
			c.report.Ended++
		case !errors.Is(err, satra.ErrEnded) && !errors.Is(err, satra.ErrNotFound):
			return fmt.Errorf("ending session %s: %w", id, err)
		}
	}
	return nil
}
