package pgstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/satra-sessions/satra"
)

const (
	shortestWait = 100 * time.Millisecond // before a connection is made anew
	longestWait  = 5 * time.Second
	heartbeat    = 15 * time.Second // of silence, after which the connection is tried
)

var errClosed = errors.New("pgstore: Watch: the store is closed")

// channel is what LISTEN names.
func (s *Store) channel() string { return "satra:" + s.schema }

// reasonText is what a notice says after the ID: text in which every byte of a
// reason has a place.
func reasonText(r satra.Reason) string { return " " + url.QueryEscape(string(r)) }

// announcement is the subquery that announces the end of the session in u, if u
// has one: in the same transaction, so that whoever is told finds it ended.
func (s *Store) announcement(u *update, e *satra.End) string {
	return "(select pg_notify(" + u.arg(s.channel(), "text") + ", encode(u.id, 'hex') || " + u.arg(reasonText(e.Reason), "text") + ")) n"
}

func (s *Store) queueAnnouncement(b *batch, id satra.ID, why satra.Reason) {
	b.Queue("select pg_notify($1::text, $2::text)", s.channel(), hex.EncodeToString(id[:])+reasonText(why))
}

// notice reads what was announced. What cannot be read says that something may
// have ended, and no more.
func notice(payload string) satra.Notice {
	id, why, _ := strings.Cut(payload, " ")
	var n satra.Notice
	raw, err := hex.DecodeString(id)
	reason, err2 := url.QueryUnescape(why)
	if err != nil || err2 != nil || copy(n.ID[:], raw) != len(n.ID) || len(raw) != len(n.ID) {
		return satra.Notice{Gap: true}
	}
	n.Reason = satra.Reason(reason)
	return n
}

// Watch tells of every end on a connection of its own, on this goroutine. A
// connection that is lost is made anew after a tenth of a second, and then after
// up to five; one that has been silent for 15 seconds is tried. It returns when ctx
// is done or the store is closed.
func (s *Store) Watch(ctx context.Context, notify func(satra.Notice)) error {
	listening, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.closed:
			cancel()
		case <-listening.Done():
		}
	}()
	wait := shortestWait
	for {
		if s.listen(listening, notify) {
			wait = shortestWait
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-listening.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			return errClosed
		}
		wait = min(2*wait, longestWait)
	}
}

// listen tells of ends until the connection is lost, and reports whether there was
// one. Nothing is done about its error but to try again: whoever has to know that
// the server is away hears it from every other call.
func (s *Store) listen(ctx context.Context, notify func(satra.Notice)) (connected bool) {
	conn, err := s.connect(ctx)
	if err != nil {
		return false
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		conn.Close(closing)
	}()
	notify(satra.Notice{Gap: true})
	for {
		n, err := s.next(ctx, conn)
		if err != nil {
			return true
		}
		if n != nil {
			notify(*n)
		}
	}
}

// connect opens the connection that listens.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	config := s.watching.ConnConfig.Copy()
	if s.watching.BeforeConnect != nil {
		if err := s.watching.BeforeConnect(ctx, config); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, fmt.Sprintf(`listen "%s"`, s.channel())); err != nil {
		conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// next returns the next notice, or none after a silence in which the connection
// has turned out to be alive.
func (s *Store) next(ctx context.Context, conn *pgx.Conn) (*satra.Notice, error) {
	waiting, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	told, err := conn.WaitForNotification(waiting)
	switch {
	case err == nil:
		n := notice(told.Payload)
		return &n, nil
	case ctx.Err() != nil || waiting.Err() == nil:
		return nil, err
	}
	trying, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return nil, conn.Ping(trying)
}
