package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/satra-sessions/satra/seal"
)

// keysFile defines the flag that every command on keys has.
func keysFile(f *flag.FlagSet) *string {
	return f.String("file", filepath.Join("data", "keys.json"), "the file of keys")
}

// keysNew adds a key to the file.
func keysNew(_ context.Context, c *call) error {
	var file *string
	activeIn := seal.ActiveAfter
	err := c.parse(0, func(f *flag.FlagSet) {
		file = keysFile(f)
		f.DurationVar(&activeIn, "active-in", activeIn, "when the key begins to seal: every node has to have read it by then, which takes a minute; the first key of a file seals at once")
	})
	if err != nil {
		return err
	}
	if activeIn < 0 {
		return c.misused("-active-in %v is in the past", activeIn)
	}
	_, err = os.Stat(*file)
	first := errors.Is(err, fs.ErrNotExist)
	added, err := seal.AddKey(*file, time.Now(), activeIn)
	if err != nil {
		return err
	}
	if first {
		fmt.Fprintf(c.stdout, "%s was made, with the key %s.\n", *file, added.ID)
		fmt.Fprintln(c.stdout, "Keep a copy of it where copies of the sessions are not kept: without it, what was sealed opens no more.")
		return nil
	}
	fmt.Fprintf(c.stdout, "%s has a new key, %s, which seals from %s on.\n", *file, added.ID, clock(added.ActiveFrom))
	if activeIn < 2*time.Minute {
		fmt.Fprintln(c.stdout, "Until a node has read it, which takes up to a minute, it may be unable to open what others seal.")
	}
	return nil
}

// keysList tells of the keys, and how many sessions need each.
func keysList(ctx context.Context, c *call) error {
	var file *string
	var o countOptions
	err := c.parse(0, func(f *flag.FlagSet) {
		file = keysFile(f)
		o.define(f)
	})
	if err != nil {
		return err
	}
	keys, err := seal.FileKeys(*file)
	if err != nil {
		return err
	}
	var n counts
	if o.store != "" {
		if n, err = o.count(ctx, c); err != nil {
			return err
		}
	}
	now := time.Now()
	fmt.Fprintf(c.stdout, "%-8s  %-20s  %-40s  %s\n", "key", "made", "state", n.heading())
	for _, k := range keys {
		made := "not told"
		if !k.Created.IsZero() {
			made = clock(k.Created)
		}
		fmt.Fprintf(c.stdout, "%-8s  %-20s  %-40s  %s\n", k.ID, made, stateOf(k, keys, now), n.of(k.ID))
	}
	n.tellRest(c.stdout, keys)
	return nil
}

// keysRetire takes a key out of use.
func keysRetire(ctx context.Context, c *call) error {
	var file *string
	var o countOptions
	force := false
	err := c.parse(1, func(f *flag.FlagSet) {
		file = keysFile(f)
		o.define(f)
		f.BoolVar(&force, "force", false, "retire the key although sessions may need it: their values sealed with it are lost")
	})
	if err != nil {
		return err
	}
	id, err := seal.ParseKeyID(c.args[0])
	if err != nil {
		return c.misused("%v", err)
	}
	keys, err := seal.FileKeys(*file)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(keys, func(k seal.KeyInfo) bool { return k.ID == id }) {
		return fmt.Errorf("%s has no key %s", *file, id)
	}
	if !force {
		if err := mayRetire(ctx, c, id, keys, &o); err != nil {
			return err
		}
	}
	if err := seal.RetireKey(*file, id, time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "Key %s is retired, and its secret is gone from %s.\n", id, *file)
	return nil
}

// mayRetire reports why a key had better not be retired.
func mayRetire(ctx context.Context, c *call, id seal.KeyID, keys []seal.KeyInfo, o *countOptions) error {
	if k, ok := seal.Sealing(keys, time.Now()); ok && k.ID == id {
		return fmt.Errorf("key %s seals now: make a new one (satra keys new), and retire this one when that seals and no session needs this one any more; -force retires it at once", id)
	}
	if o.store == "" {
		return fmt.Errorf("what was sealed with key %s will open no more: tell the store with -store, so that the sessions that need it are counted, or retire it with -force", id)
	}
	n, err := o.count(ctx, c)
	if err != nil {
		return err
	}
	if need := n.keys[id]; need > 0 {
		return fmt.Errorf("%s live sessions need key %s: wait until they are over or signed in anew, or retire it with -force", grouped(need), id)
	}
	return nil
}

// stateOf says in words what a key does.
func stateOf(k seal.KeyInfo, all []seal.KeyInfo, now time.Time) string {
	sealing, ok := seal.Sealing(all, now)
	switch {
	case !k.RetiredAt.IsZero() && !now.Before(k.RetiredAt):
		return "retired " + clock(k.RetiredAt)
	case ok && sealing.ID == k.ID:
		return "seals and opens"
	case now.Before(k.ActiveFrom):
		return fmt.Sprintf("opens; seals in %s", k.ActiveFrom.Sub(now).Round(time.Second))
	}
	return "opens"
}

// clock writes an instant to the second, in UTC.
func clock(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }
