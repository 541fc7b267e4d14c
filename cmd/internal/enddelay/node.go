package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/privatestore"
)

// The other node is this program, run again, on the store that the variable names.
const nodeVariable = "SATRA_ENDDELAY_NODE"

// patience is how long the other node waits for an end before it gives up.
const patience = 30 * time.Second

// node is the other node. It reads the IDs of sessions, a line each, writes a line
// when it has found the session alive, and one with three instants, in nanoseconds
// since 1970: when the last Find began that said it lives, and when it was told of
// the end, by Find and by Watch.
func node(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	s, err := privatestore.Open(ctx, name)
	if err != nil {
		return err
	}
	defer s.Close()
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	notices := make(chan noticed, 1000)
	over := make(chan error, 1)
	go func() {
		over <- s.Watch(watching, func(n satra.Notice) { notices <- noticed{n, time.Now()} })
	}()
	select {
	case first := <-notices:
		if !first.Gap {
			return errors.New("the first notice of Watch is no gap")
		}
	case err := <-over:
		return err
	}
	fmt.Fprintln(out, "ready")
	for lines := bufio.NewScanner(in); lines.Scan(); {
		id, err := satra.ParseID(lines.Text())
		if err != nil {
			return err
		}
		stale, found, err := findEnd(ctx, s, id, func() { fmt.Fprintln(out, "alive") })
		if err != nil {
			return err
		}
		told, err := await(notices, id)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, stale.UnixNano(), found.UnixNano(), told.UnixNano())
	}
	cancel()
	<-over
	return nil
}

// A noticed is a notice and when it came.
type noticed struct {
	satra.Notice
	at time.Time
}

// findEnd asks without a pause until the session is over. It returns when the last
// call began that said that it lives, and when it was told that it is over.
func findEnd(ctx context.Context, s satra.Store, id satra.ID, alive func()) (stale, found time.Time, err error) {
	for begun, first := time.Now(), true; ; first = false {
		asked := time.Now()
		r, err := s.Find(ctx, id, satra.Fresh)
		now := time.Now()
		switch {
		case err != nil:
			return stale, now, err
		case r.Ended != nil:
			return stale, now, nil
		case now.Sub(begun) > patience:
			return stale, now, errors.New("the other node's Find does not tell of an end")
		case first:
			alive()
		}
		stale = asked
	}
}

// await waits for the notice of an end. A gap is as good: whoever has something
// open looks again.
func await(notices <-chan noticed, id satra.ID) (time.Time, error) {
	timeout := time.After(patience)
	for {
		select {
		case n := <-notices:
			if n.ID == id || n.Gap {
				return n.at, nil
			}
		case <-timeout:
			return time.Time{}, errors.New("the other node's Watch does not tell of an end")
		}
	}
}
