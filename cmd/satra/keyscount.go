package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/progress"
	"github.com/satra-sessions/satra/seal"
)

// countOptions say in which store sessions are counted by their keys.
type countOptions struct {
	store string
	quiet bool
}

func (o *countOptions) define(f *flag.FlagSet) {
	f.StringVar(&o.store, "store", "", "count the live sessions in this store that need each key, for example "+right)
	f.BoolVar(&o.quiet, "quiet", false, "show no progress")
}

// counts are live sessions by the keys that they need. A session may need
// several. The zero value has counted nothing.
type counts struct {
	keys         map[seal.KeyID]int64
	plain, total int64
}

// count looks at every live session of the store.
func (o *countOptions) count(ctx context.Context, c *call) (n counts, err error) {
	name, err := parseStore(o.store)
	if err != nil {
		return n, c.misused("-store: %v", err)
	}
	name.Shared = name.Kind == "sqlite" // the application may be at work
	if _, err := os.Stat(name.Path); name.Kind == "sqlite" && err != nil {
		return n, err // a new file would be made
	}
	store, err := backend.Open(ctx, name)
	if err != nil {
		return n, fmt.Errorf("%s cannot be opened: %s", name, oneLine(err))
	}
	defer store.Close()
	bar := progress.New(c.stderr)
	defer bar.End()
	return countKeys(ctx, store, func(done float64, n int64) {
		if !o.quiet {
			bar.Show("counting", done, grouped(n)+" sessions")
		}
	})
}

// together is how many sessions are asked for at once.
const together = 16

// countKeys walks through the live sessions in the order of their IDs, which are
// random: how far along them it is, is how far it is.
func countKeys(ctx context.Context, store satra.Store, tell func(done float64, n int64)) (counts, error) {
	n := counts{keys: map[seal.KeyID]int64{}}
	now, err := store.Now(ctx)
	if err != nil {
		return n, err
	}
	q := satra.Query{At: now, Limit: 500}
	for {
		page, err := store.List(ctx, q)
		if err != nil {
			return n, err
		}
		if err := n.add(ctx, store, page.Records); err != nil {
			return n, err
		}
		if page.Next.IsZero() {
			tell(1, n.total)
			return n, nil
		}
		q.After = page.Next
		tell(float64(binary.BigEndian.Uint32(page.Next[:4]))/(1<<32), n.total)
	}
}

// add counts the sessions of one page.
func (n *counts) add(ctx context.Context, store satra.Store, page []*satra.Record) error {
	found := make([]*satra.Record, len(page))
	errs := make([]error, together)
	var all sync.WaitGroup
	for worker := range together {
		all.Go(func() {
			for i := worker; i < len(page) && errs[worker] == nil; i += together {
				r, err := store.Find(ctx, page[i].ID, satra.Fresh)
				if err != nil && !errors.Is(err, satra.ErrNotFound) { // swept meanwhile
					errs[worker] = err
				}
				found[i] = r
			}
		})
	}
	all.Wait()
	for _, r := range found {
		if r == nil {
			continue
		}
		n.total++
		keys, plain := seal.Uses(r)
		for _, id := range keys {
			n.keys[id]++
		}
		if plain {
			n.plain++
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (n counts) heading() string {
	if n.keys == nil {
		return ""
	}
	return "live sessions that need it"
}

func (n counts) of(id seal.KeyID) string {
	if n.keys == nil {
		return ""
	}
	return grouped(n.keys[id])
}

// tellRest tells of sessions with keys that the file does not have, and of those
// with something that is not sealed.
func (n counts) tellRest(w io.Writer, known []seal.KeyInfo) {
	if n.keys == nil {
		return
	}
	strangers := map[seal.KeyID]int64{}
	for id, count := range n.keys {
		if !slices.ContainsFunc(known, func(k seal.KeyInfo) bool { return k.ID == id }) {
			strangers[id] = count
		}
	}
	fmt.Fprintf(w, "%s live sessions, of which %s hold something that is not sealed\n", grouped(n.total), grouped(n.plain))
	if len(strangers) == 0 {
		return
	}
	var ids []string
	var sum int64
	for id, count := range strangers {
		sum += count
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	if more := len(ids) - 5; more > 0 {
		ids = append(ids[:5], fmt.Sprintf("and %d more", more))
	}
	fmt.Fprintf(w, "%s uses of keys that this file does not have: %s\n", grouped(sum), strings.Join(ids, ", "))
}
