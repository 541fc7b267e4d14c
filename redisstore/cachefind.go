package redisstore

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// linePatience is how long a find waits for the line, before it asks by the way
// that all others take.
const linePatience = 250 * time.Millisecond

// findOnLine reads a record on the line, so that it gets into the cache. If the line
// is of no use it is not done.
func (s *Store) findOnLine(ctx context.Context, id satra.ID) (_ *satra.Record, done bool, _ error) {
	r, ok := s.cache.begin(id)
	if !ok {
		return nil, false, nil
	}
	var record *satra.Record
	size := 0
	defer func() { s.cache.fill(id, r, record, size) }()
	s.pause("asked for the cache")
	patient, cancel := context.WithTimeoutCause(ctx, min(linePatience, s.options.Timeout/4), errTimeout)
	defer cancel()
	b, err := r.line.client.Do(patient, r.line.client.B().Get().Key(s.recordKey(id)).Build()).AsBytes()
	s.pause("read for the cache")
	switch {
	case rueidis.IsRedisNil(err): // it is not kept: who makes up IDs fills nothing
		return nil, true, satra.ErrNotFound
	case err != nil && ctx.Err() != nil:
		return nil, true, fault(ctx, err)
	case err != nil:
		r.line.silent()
		return nil, false, nil
	}
	u, err := unpack(id, b)
	if err != nil {
		return nil, true, err
	}
	record, size = &u.record, len(b)
	return record, true, nil
}

// wrote takes out what the scripts may have changed, before their answer is known.
func (s *Store) wrote(calls ...call) {
	if s.cache == nil {
		return
	}
	for _, c := range calls {
		if c.reads {
			continue
		}
		for _, key := range c.keys {
			if id, ok := s.idOf(key); ok {
				s.cache.changed(id)
			}
		}
	}
}

// dial makes a connection, and says so before anybody has it: what is written on
// it may be on another server than what was read on the line.
func (s *Store) dial(ctx context.Context, address string, d *net.Dialer, secure *tls.Config) (c net.Conn, err error) {
	if secure != nil {
		c, err = (&tls.Dialer{NetDialer: d, Config: secure}).DialContext(ctx, "tcp", address)
	} else {
		c, err = d.DialContext(ctx, "tcp", address)
	}
	if err == nil {
		s.cache.dialed()
	}
	return c, err
}
