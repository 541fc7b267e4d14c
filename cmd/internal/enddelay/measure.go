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

// A row is how late the ends were known by one way.
type row struct {
	store, by string
	delays    []time.Duration // in order; negative: before the end was acknowledged
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
	find, watch := row{store: title, by: "Find"}, row{store: title, by: "Watch"}
	for range n {
		found, told, err := other.delays(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		find.delays, watch.delays = append(find.delays, found), append(watch.delays, told)
	}
	slices.Sort(find.delays)
	slices.Sort(watch.delays)
	return []row{find, watch}
}

// delays ends a session and returns how long after the acknowledgement the other
// node knew of it.
func (o *otherNode) delays(ctx context.Context, s satra.Store) (found, told time.Duration, err error) {
	now := time.Now().UTC().Truncate(satra.Precision)
	r := &satra.Record{Generation: 1, Version: 1, Created: now, Begun: now, Seen: now, Idle: time.Hour, Lifetime: 12 * time.Hour}
	rand.Read(r.ID[:])
	rand.Read(r.Secret[:])
	if err := s.Create(ctx, r); err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Fprintln(o.in, r.ID); err != nil {
		return 0, 0, err
	}
	if err := o.expect("alive"); err != nil {
		return 0, 0, err
	}
	end := satra.End{At: now, Reason: satra.ReasonSignedOut}
	if _, err := s.Apply(ctx, r.ID, &satra.Change{At: now, End: &end}); err != nil {
		return 0, 0, err
	}
	acknowledged := time.Now()
	text, err := o.line()
	if err != nil {
		return 0, 0, err
	}
	var byFind, byWatch int64
	if _, err := fmt.Sscan(text, &byFind, &byWatch); err != nil {
		return 0, 0, fmt.Errorf("the other node said %q", text)
	}
	// Both processes read the clock of one machine.
	return time.Unix(0, byFind).Sub(acknowledged), time.Unix(0, byWatch).Sub(acknowledged), nil
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
