package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/privatestore"
	"github.com/satra-sessions/satra/internal/testserver"
)

// A row is how late the other node was at one point.
type row struct {
	store, what string
	delays      []time.Duration // in order; negative: before the end was acknowledged
}

// measure ends n sessions.
func measure(t testserver.TB, title, name string, n int) []row {
	t.Helper()
	s, err := privatestore.Open(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", title, err)
	}
	defer s.Close()
	other, err := startNode(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", title, err)
	}
	defer other.end()
	rows := []row{
		{store: title, what: "the last `Find` began that said it lives"},
		{store: title, what: "`Find` has told of the end"},
		{store: title, what: "`Watch` has told of the end"},
	}
	for range n {
		delays, err := other.delays(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		for i, d := range delays {
			rows[i].delays = append(rows[i].delays, d)
		}
	}
	for _, r := range rows {
		slices.Sort(r.delays)
	}
	return rows
}

// delays ends a session and returns how long after the acknowledgement the other
// node was at each of the three points.
func (o *otherNode) delays(ctx context.Context, s satra.Store) (all [3]time.Duration, err error) {
	now := time.Now().UTC().Truncate(satra.Precision)
	r := &satra.Record{Generation: 1, Version: 1, Created: now, Begun: now, Seen: now, Idle: time.Hour, Lifetime: 12 * time.Hour}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	if err := s.Create(ctx, r); err != nil {
		return all, err
	}
	if _, err := fmt.Fprintln(o.in, r.ID); err != nil {
		return all, err
	}
	if err := o.expect("alive"); err != nil {
		return all, err
	}
	end := satra.End{At: now, Reason: satra.ReasonSignedOut}
	if _, err := s.Apply(ctx, r.ID, &satra.Change{At: now, End: &end}); err != nil {
		return all, err
	}
	acknowledged := time.Now()
	text, err := o.line()
	if err != nil {
		return all, err
	}
	var at [3]int64
	if _, err := fmt.Sscan(text, &at[0], &at[1], &at[2]); err != nil {
		return all, fmt.Errorf("the other node said %q", text)
	}
	for i := range at { // both processes read the clock of one machine
		all[i] = time.Unix(0, at[i]).Sub(acknowledged)
	}
	return all, nil
}

// An otherNode is the other process.
type otherNode struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startNode(ctx context.Context, name string) (*otherNode, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), nodeVariable+"="+name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &otherNode{cmd, in, bufio.NewScanner(out)}
	if err := o.expect("ready"); err != nil {
		o.end()
		return nil, err
	}
	return o, nil
}

func (o *otherNode) line() (string, error) {
	if !o.out.Scan() {
		return "", errors.New("the other node ended; see what it said above")
	}
	return o.out.Text(), nil
}

func (o *otherNode) expect(want string) error {
	got, err := o.line()
	if err == nil && got != want {
		err = fmt.Errorf("the other node said %q, want %q", got, want)
	}
	return err
}

// end lets the other process end, and waits for it.
func (o *otherNode) end() {
	o.in.Close()
	o.cmd.Wait()
}
