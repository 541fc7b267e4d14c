package csrf

import (
	"errors"
	"io"
)

var errBeyond = errors.New("csrf: the body is longer than what is searched")

// A searched body keeps what is read of it, up to a byte more than the bound:
// so that what is as long as the bound is still known to end there.
type searched struct {
	body  io.ReadCloser
	bound int64
	kept  []byte
	err   error // what reading ended with
}

func (s *searched) Read(p []byte) (int, error) {
	room := s.bound + 1 - int64(len(s.kept))
	switch {
	case room <= 0:
		return 0, errBeyond
	case s.err != nil:
		return 0, s.err
	case int64(len(p)) > room:
		p = p[:room]
	}
	n, err := s.body.Read(p)
	s.kept, s.err = append(s.kept, p[:n]...), err
	if int64(len(s.kept)) > s.bound {
		return n, errBeyond
	}
	return n, err
}

// A restored body reads as if nobody had searched it: the same bytes, and the
// same error after them.
type restored struct {
	kept []byte
	err  error
	rest io.ReadCloser
}

func (b *restored) Read(p []byte) (int, error) {
	if len(b.kept) > 0 {
		n := copy(p, b.kept)
		b.kept = b.kept[n:]
		return n, nil
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.rest.Read(p)
}

func (b *restored) Close() error {
	b.kept, b.err = nil, nil // what follows is for the body itself to say
	return b.rest.Close()
}
