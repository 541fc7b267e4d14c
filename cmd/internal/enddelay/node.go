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
// when it has found the session alive, and one with the instants at which it was
// told of the end: by Find and by Watch, in nanoseconds since 1970.
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
		found, err := findEnd(ctx, s, id, func() { fmt.Fprintln(out, "alive") })
		if err != nil {
			return err
		}
		told, err := await(notices, id)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, found.UnixNano(), told.UnixNano())
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

// findEnd asks without a pause until the session is over, and returns when it was
// told so.
func findEnd(ctx context.Context, s satra.Store, id satra.ID, alive func()) (time.Time, error) {
	for begun, first := time.Now(), true; ; first = false {
		r, err := s.Find(ctx, id, satra.Fresh)
		now := time.Now()
		switch {
		case err != nil:
			return now, err
		case r.Ended != nil:
			return now, nil
		case now.Sub(begun) > patience:
			return now, errors.New("the other node's Find does not tell of an end")
		case first:
			alive()
		}
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
