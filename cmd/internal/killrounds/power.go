package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/satra-sessions/satra/cmd/internal/privatestore"
	"github.com/satra-sessions/satra/internal/testserver"
)

// The power is cut on paper. A load runs under strace, which writes down in one
// order what the store and its server write and sync and what is acknowledged.
// From that the disk is made as it was at some moment, without what was not
// synced or with whatever part of it, and a store is opened on it.
const power victim = "the power"

// powerAfter is how many acknowledgements the load ends after.
const powerAfter = 600

// cutPower runs a load, and looks at the disk as it was at so many moments.
func cutPower(t testserver.TB, kind string, cuts int, seed uint64) row {
	t.Helper()
	place := privatestore.Start(t, kind)
	s, err := privatestore.Open(t.Context(), place.Name) // its tables are there then
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	s.Close()
	d, err := newDisk(place.Folder)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	r := &round{place: place, victim: power, name: "power", seed: seed, h: newHistory()}
	trace, err := r.traced(t)
	if err == nil {
		err = r.replay(t, trace, d, cuts)
	}
	if err != nil {
		t.Fatalf("%s, traced: %v", kind, err)
	}
	w := row{store: kind, victim: power}
	w.add(r)
	w.rounds, w.away = cuts, nil
	t.Logf("%s, %s is cut at %d moments, in each with nothing and with a part of what was not synced: %s", kind, power, cuts, r)
	return w
}

// traced runs the load under strace, with the processes of the server.
func (r *round) traced(t testserver.TB) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := r.start(ctx)
	if err != nil {
		return "", err
	}
	defer c.end()
	stop := testserver.TraceData(t, append(r.place.PIDs(), c.cmd.Process.Pid)...)
	if err := c.begin(); err != nil {
		return "", err
	}
	if err := c.read(r.h, acknowledgements(powerAfter)); err != nil {
		return "", err
	}
	c.stdin.Close()
	if err := c.read(r.h, nil); err != nil {
		return "", err
	}
	if err := c.cmd.Wait(); err != nil { // before strace lets go: it cannot of what is ending
		return "", err
	}
	return stop(), nil
}

// replay goes through the trace and stops at as many moments between the first
// acknowledgement and the last.
func (r *round) replay(t testserver.TB, trace string, d *disk, cuts int) error {
	chance := rand.New(rand.NewPCG(r.seed, 1))
	moments := momentsOf(trace, cuts, chance)
	reader := &traceReader{within: map[string]begunCall{}}
	var log []byte
	for text := range strings.Lines(trace) {
		c, ok, err := reader.read(text)
		if err != nil {
			return err
		}
		switch {
		case ok && isLog(c):
			log = append(log, c.data...)
		case ok:
			if err := d.take(c); err != nil {
				return err
			}
		}
		for len(moments) > 0 && moments[0] == reader.lines {
			moments = moments[1:]
			for _, chance := range []*rand.Rand{nil, chance} {
				if err := r.afterCut(t, d, log, chance); err != nil {
					return fmt.Errorf("the power was cut at line %d: %w", reader.lines, err)
				}
			}
		}
	}
	return nil
}

// isLog recognises what the load writes down.
func isLog(c call) bool {
	return c.name == "write" && c.fd == "1" && (bytes.HasPrefix(c.data, []byte(`{"Begun"`)) || bytes.HasPrefix(c.data, []byte(`{"Over"`)))
}

// momentsOf chooses lines of the trace, in order. The log's lines are known by the
// start of one in hexadecimal.
func momentsOf(trace string, n int, chance *rand.Rand) []int {
	over := `"` + escaped(`{"Over"`)
	first, last, number := 0, 0, 0
	for line := range strings.Lines(trace) {
		number++
		if strings.Contains(line, over) {
			if first == 0 {
				first = number
			}
			last = number
		}
	}
	var all []int
	for range n {
		all = append(all, first+chance.IntN(max(last-first, 1)))
	}
	slices.Sort(all)
	return all
}

func escaped(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String()
}

// afterCut opens the store on the disk as it is now, and holds it against the log
// as far as it was written.
func (r *round) afterCut(t testserver.TB, d *disk, log []byte, chance *rand.Rand) error {
	folder := t.TempDir()
	if err := d.writeTo(folder, chance); err != nil {
		return err
	}
	h := newHistory()
	for text := range bytes.Lines(log) {
		l, ok, err := readLine(text)
		if err != nil {
			return err
		}
		if ok {
			if err := h.add(l); err != nil {
				return err
			}
		}
	}
	place := r.place.Copy(t, folder)
	s, err := privatestore.Open(t.Context(), place.Name)
	if err != nil {
		return err
	}
	seen, err := observe(t.Context(), s, h)
	if err == nil {
		err = s.Close()
	}
	r.note(check(h, seen)...)
	if place.Kill != nil {
		place.Kill()
	}
	return err
}
