package pgstore

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// A line is what connects a store and its server, and can be made to fail.
type line struct {
	deaf atomic.Bool // the next answer of the server is lost, with the connection
	mute atomic.Bool // nobody answers, and the connection stays
}

type lineConn struct {
	net.Conn
	line *line
}

func (c lineConn) Write(p []byte) (int, error) {
	if c.line.mute.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c lineConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.line.deaf.CompareAndSwap(true, false) {
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

func over(l *line, o *Options) *Options {
	o.MaxConns = 2
	o.Configure = func(c *pgxpool.Config) {
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return lineConn{conn, l}, err
		}
	}
	return o
}

func TestAChangeWhoseAnswerIsLostIsNotMadeAgain(t *testing.T) {
	l := &line{}
	s := open(t, over(l, options()))
	r := create(t, s, "")
	apply(t, s, r.ID, set("a", "1"))
	for what, c := range map[string]*satra.Change{
		"a set":     set("a", "2"),
		"a renewal": {At: t0, Renew: &satra.Renew{Old: r.Secret, New: satra.Hash{2}, Keep: 1}},
	} {
		before := find(t, s, r.ID).Version
		l.deaf.Store(true)
		_, err := s.Apply(t.Context(), r.ID, c)
		if !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable: it is not known whether it was made", what, err)
		}
		if got := find(t, s, r.ID).Version; got > before+1 {
			t.Errorf("%s was made %d times", what, got-before)
		}
	}
}

func TestADeadConnectionFailsNoRead(t *testing.T) {
	s := open(t, named(options()))
	r := create(t, s, "")
	terminate(t, s.schema+"-0")
	find(t, s, r.ID)
}

// A server that was away has left every connection dead. One call learns it, the
// next is not another that does.
func TestOneChangeAtMostMeetsADeadConnection(t *testing.T) {
	s := open(t, named(options()))
	r := create(t, s, "")
	var several []*pgxpool.Conn
	for range 4 {
		conn, err := s.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		several = append(several, conn)
	}
	for _, conn := range several {
		conn.Release()
	}
	terminate(t, s.schema+"-0")
	if _, err := s.Apply(t.Context(), r.ID, set("a", "1")); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("the first change: got %v, want ErrUnavailable: a change is not tried again", err)
	}
	apply(t, s, r.ID, set("a", "2"))
}

func TestNobodyWaitsLongerThanTheTimeout(t *testing.T) {
	l := &line{}
	o := over(l, options())
	o.MaxConns, o.Timeout = 1, 5*time.Second
	s := open(t, o)
	r := create(t, s, "")
	s.timeout = 50 * time.Millisecond
	l.mute.Store(true)
	calls := map[string]func() error{
		"Find":  func() error { _, err := s.Find(t.Context(), r.ID, satra.Fresh); return err },
		"Apply": func() error { _, err := s.Apply(t.Context(), r.ID, set("a", "1")); return err },
		"sign-in": func() error {
			_, err := s.Apply(t.Context(), r.ID, signIn("alice"))
			return err
		},
		"Sweep": func() error { _, err := s.Sweep(t.Context(), t0, 10); return err },
		"Now":   func() error { _, err := s.Now(t.Context()); return err },
	}
	for what, call := range calls {
		if err := call(); !errors.Is(err, satra.ErrUnavailable) {
			t.Errorf("%s, and nobody answers: got %v, want ErrUnavailable", what, err)
		}
	}
	// When the line is good again, the store soon is: no connection that died takes
	// the place of a new one for longer than the timeout.
	l.mute.Store(false)
	s.timeout = 30 * time.Second
	apply(t, s, r.ID, set("a", "1"))
}

// A caller that goes away while a statement is under way is told what became of it.
func TestACancelledChangeIsAnsweredWhatBecameOfIt(t *testing.T) {
	s := open(t, options())
	r := create(t, s, "")
	ctx, cancel := context.WithCancel(t.Context())
	err := meanwhileAnd(t, s, r.ID, "version = version + 1", cancel, func() error {
		_, err := s.Apply(ctx, r.ID, set("a", "1"))
		return err
	})
	if got := find(t, s, r.ID); err != nil || len(got.Values) != 1 {
		t.Errorf("got %v and %d values, want that it was made", err, len(got.Values))
	}
	if _, err := s.Apply(ctx, r.ID, set("a", "2")); !errors.Is(err, context.Canceled) || errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("cancelled before: got %v, want the context's error alone", err)
	}
}

func TestAfterCloseTheStoreIsUnavailable(t *testing.T) {
	s := open(t, options())
	s.Close()
	s.Close()
	if _, err := s.Find(t.Context(), satra.ID{1}, satra.Fresh); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if err := s.Watch(t.Context(), func(satra.Notice) {}); err == nil {
		t.Errorf("Watch: got no error")
	}
}
