package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/privatestore"
)

// The child is this program, run again: it works on the store that the variable
// names, from the first byte on its standard input until that is closed, or it is
// killed.
const childVariable = "SATRA_KILLROUNDS_CHILD"

// child is the program that is killed.
func child(name string) error {
	seed, err := strconv.ParseUint(os.Getenv(childVariable+"_SEED"), 10, 64)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	s, err := privatestore.Open(ctx, name)
	if err != nil {
		return err
	}
	defer s.Close()
	return load(ctx, &recorder{store: s, to: intoPipe(os.Stdout)}, os.Getenv(childVariable+"_ROUND"), seed)
}

// A victim is what is killed.
type victim string

const (
	process victim = "the process"
	server  victim = "the server"
)

// A round is one kill and what came of it.
type round struct {
	place  *privatestore.Place
	victim victim
	name   string
	seed   uint64

	h      *history
	faults []fault
	away   time.Duration // from the kill until a new node could read a session
}

// How many acknowledgements come before a kill, at random, and after it when the
// same process goes on with a server that was started again.
const (
	killAfterLeast, killAfterMost = 50, 1000
	goesOnFor                     = 100
	patience                      = 2 * time.Minute
)

// run runs the round. Its error is one of this program; what a store did wrong is
// a fault.
func (r *round) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	random := rand.New(rand.NewPCG(r.seed, 0))
	r.h = newHistory()
	c, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.begin(); err != nil {
		return err
	}
	if err := c.read(r.h, acknowledgements(killAfterLeast+random.IntN(killAfterMost-killAfterLeast))); err != nil {
		return err
	}
	killed := time.Now()
	var s *privatestore.Store
	if r.victim == process {
		s, err = r.killProcess(ctx, c)
	} else {
		s, err = r.killServer(ctx, c, killed)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	if err := r.look(ctx, s); err != nil {
		return err
	}
	return r.signInAgain(ctx, s)
}

// killProcess kills the child, and opens the store anew before the rest of the
// log is read.
func (r *round) killProcess(ctx context.Context, c *childProcess) (*privatestore.Store, error) {
	killed := time.Now()
	if err := c.kill(); err != nil {
		return nil, err
	}
	s, err := privatestore.Open(ctx, r.place.Name)
	if err != nil {
		return nil, err
	}
	// The process has no more to say than what it has said: the rest of the pipe.
	if _, err := s.Find(ctx, r.h.ids[0], 0); err != nil {
		r.note(fault{lost, fmt.Sprintf("session %s: %v", r.h.ids[0], err)})
	}
	r.away = time.Since(killed)
	if err := c.read(r.h, nil); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// killServer kills the server under the child and starts it again. The child is
// to go on with the store that it has, and is then asked to end.
func (r *round) killServer(ctx context.Context, c *childProcess, killed time.Time) (*privatestore.Store, error) {
	r.place.Kill()
	r.place.Restart()
	s, err := privatestore.Open(ctx, r.place.Name)
	if err != nil {
		return nil, err
	}
	if _, err := s.Find(ctx, r.h.ids[0], 0); err != nil {
		r.note(fault{lost, fmt.Sprintf("session %s: %v", r.h.ids[0], err)})
	}
	back := time.Now()
	r.away = back.Sub(killed)
	after := 0
	goesOn := func(d *done) bool {
		if d.got == acknowledged && d.at().After(back) {
			after++
		}
		return after == goesOnFor
	}
	if err = c.read(r.h, goesOn); err == nil {
		c.stdin.Close()
		err = c.read(r.h, nil)
	}
	if err == nil {
		err = c.cmd.Wait()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("after the server came back: %w", err)
	}
	return s, nil
}

// look holds what the store tells against the log.
func (r *round) look(ctx context.Context, s *privatestore.Store) error {
	seen, err := observe(ctx, s, r.h)
	if err != nil {
		return err
	}
	r.note(check(r.h, seen)...)
	return nil
}

// note keeps faults that are new: each is found whenever somebody looks.
func (r *round) note(faults ...fault) {
	for _, f := range faults {
		if !slices.Contains(r.faults, f) {
			r.faults = append(r.faults, f)
		}
	}
}

// acknowledgements is true for the operation that is so manieth to be acknowledged.
func acknowledgements(n int) func(*done) bool {
	return func(d *done) bool {
		if d.got == acknowledged {
			n--
		}
		return n == 0
	}
}

// A childProcess is the load and its log.
type childProcess struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *bufio.Reader
}

func (r *round) start(ctx context.Context) (*childProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childVariable+"="+r.place.Name, childVariable+"_ROUND="+r.name,
		fmt.Sprintf("%s_SEED=%d", childVariable, r.seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &childProcess{cmd, in, bufio.NewReader(out)}, nil
}

// begin lets the load begin.
func (c *childProcess) begin() error {
	_, err := c.stdin.Write([]byte{'\n'})
	return err
}

// read reads the log until one of the operations is the last, or with nil until
// nothing more comes.
func (c *childProcess) read(h *history, last func(*done) bool) error {
	for {
		text, err := c.log.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		l, ok, lineErr := readLine(text)
		if ok {
			lineErr = h.add(l)
		}
		switch {
		case lineErr != nil:
			return lineErr
		case ok && l.Over != nil && last != nil && last(h.byOp[l.Over.Of]):
			return nil
		case err == io.EOF && last == nil:
			return nil
		case err == io.EOF:
			return errors.New("the process ended by itself; see what it said above")
		}
	}
}

// kill ends the process by SIGKILL. Its log is still there to be read.
func (c *childProcess) kill() error {
	return c.cmd.Process.Kill()
}

// end makes sure that there is no process left.
func (c *childProcess) end() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}
