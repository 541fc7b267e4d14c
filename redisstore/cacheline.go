package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// lineBeat is how often the server is asked on the line whether it is there.
const lineBeat = cacheAge / 4

// A line is the connection on which what goes into the cache is read: the server
// tells on it of every later change, in the order in which it does things. So when
// an answer has come, all has come that happened before the server gave it.
type line struct {
	client rueidis.DedicatedClient
	lost   <-chan error
	told   chan string // keys of probes that the server has told of

	heard  atomic.Pointer[time.Time] // before the last question that was answered
	proved atomic.Uint64             // cache.dials before the last probe that came through
}

// usable returns the line, if the server was heard on it within cacheAge, and was
// found to be the one that the store's other connections lead to.
func (c *cache) usable(now time.Time) *line {
	l := c.line.Load()
	if l == nil || l.proved.Load() != c.dials.Load() {
		return nil
	}
	if heard := l.heard.Load(); heard == nil || !young(*heard, now) {
		return nil
	}
	return l
}

// openCache makes the first line, and so finds out whether the server can.
func (s *Store) openCache(ctx context.Context) error {
	if mode := s.client.Mode(); mode != rueidis.ClientModeStandalone {
		return fmt.Errorf("redisstore: Options.Cache: there is none with a %s: a session moves to another server, which does not "+
			"know who has read it; leave it 0", mode)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	hello, err := s.client.Do(ctx, s.client.B().Arbitrary("HELLO").Build()).AsMap()
	if err != nil && !refused(err) {
		return fault(ctx, err)
	}
	proto := hello["proto"]
	if version, _ := proto.AsInt64(); err != nil || version < 3 {
		return errors.New("redisstore: Options.Cache: the server does not speak RESP3, as Redis 6 and newer do, or something between does not; leave it 0")
	}
	l, err := s.openLine(ctx)
	if err != nil {
		return err
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.cache.stop, s.cache.over = stop, make(chan struct{})
	go s.keepLine(keeping, l)
	return nil
}

// close ends the keeper of the line, and waits for it.
func (c *cache) close() {
	if c.over != nil {
		c.stop()
		<-c.over
	}
}

// keepLine keeps a line open until ctx is done. What one line brought is of no use
// on the next.
func (s *Store) keepLine(ctx context.Context, l *line) {
	defer close(s.cache.over)
	backoff := 10 * time.Millisecond
	for {
		if l != nil {
			backoff = 10 * time.Millisecond
			s.attend(ctx, l)
			s.cache.line.Store(nil)
			s.cache.clear()
			l.client.Close()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
		l, _ = s.openLine(ctx)
	}
}

// attend asks the server from time to time whether it is there, until the line is
// lost.
func (s *Store) attend(ctx context.Context, l *line) {
	for s.beat(ctx, l) == nil {
		s.cache.expire()
		select {
		case <-ctx.Done():
			return
		case <-l.lost:
			return
		case <-s.cache.wake:
		case <-time.After(lineBeat):
		}
	}
}

// dialed says that the store has made a connection: the line is of no use until it
// was found to lead to the same server.
func (c *cache) dialed() {
	c.dials.Add(1)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// openLine opens a line and puts it to use.
func (s *Store) openLine(ctx context.Context) (*line, error) {
	client, _ := s.client.Dedicate()
	l := &line{client: client, told: make(chan string, 1)}
	l.lost = client.SetOnInvalidations(func(keys []rueidis.RedisMessage) { s.toldOf(l, keys) })
	call, cancel := s.bounded(ctx)
	defer cancel()
	err := client.Do(call, client.B().ClientTracking().On().Build()).Error()
	if refused(err) {
		err = fmt.Errorf("redisstore: Options.Cache: the server refuses CLIENT TRACKING (%w); allow it, or leave the option 0", err)
	} else if err = fault(call, err); err == nil {
		err = s.beat(ctx, l)
	}
	if err != nil {
		client.Close()
		return nil, err
	}
	s.cache.line.Store(l)
	return l, nil
}

// toldOf takes out what the server says was changed; nil is everything. The line
// brings nothing else meanwhile.
func (s *Store) toldOf(l *line, keys []rueidis.RedisMessage) {
	if keys == nil {
		s.cache.clear()
		return
	}
	for _, m := range keys {
		key, err := m.ToString()
		if err != nil {
			s.cache.clear()
		} else if id, ok := s.idOf(key); ok {
			s.cache.changed(id)
		} else {
			select {
			case l.told <- key:
			default:
			}
		}
	}
}

// beat asks the server a question on the line, and notes that it was heard. When
// the store has made a new connection, the question is whether that and the line
// lead to the same server.
func (s *Store) beat(ctx context.Context, l *line) error {
	ctx, cancel := context.WithTimeoutCause(ctx, min(cacheAge, s.options.Timeout), errTimeout)
	defer cancel()
	begun, dials := s.cache.now(), s.cache.dials.Load()
	if l.heard.Load() == nil || l.proved.Load() != dials {
		if err := s.probe(ctx, l); err != nil {
			return err
		}
		l.proved.Store(dials)
	} else if err := l.client.Do(ctx, l.client.B().Ping().Build()).Error(); err != nil {
		return fault(ctx, err)
	}
	l.heard.Store(&begun)
	return nil
}

// probe reads a key on the line, writes it by another connection, and waits to be
// told.
func (s *Store) probe(ctx context.Context, l *line) error {
	key := s.key(0, "probe:"+rand.Text())
	err := l.client.Do(ctx, l.client.B().Get().Key(key).Build()).Error()
	if err != nil && !isNil(err) {
		return fault(ctx, err)
	}
	if err := s.run(ctx, probeScript, []string{key}, nil).Error(); err != nil {
		return fault(ctx, err)
	}
	for {
		select {
		case told := <-l.told:
			if told == key {
				return nil
			}
		case err := <-l.lost:
			return fault(ctx, errors.Join(errors.New("the connection was lost"), err))
		case <-ctx.Done():
			return fmt.Errorf("redisstore: Options.Cache: the server does not tell what was changed, or something between "+
				"keeps it back; leave it 0: %w", fault(ctx, ctx.Err()))
		}
	}
}

// silent says that a question on the line was not answered: it is of no use until
// one is.
func (l *line) silent() { l.heard.Store(nil) }

// idOf returns the session of a record's key.
func (s *Store) idOf(key string) (satra.ID, bool) {
	rest, ok := strings.CutPrefix(key, s.options.Prefix)
	if !ok || len(rest) < len("{00}s:") || rest[4:6] != "s:" {
		return satra.ID{}, false
	}
	id, err := satra.ParseID(rest[6:])
	return id, err == nil
}
