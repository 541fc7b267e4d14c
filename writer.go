package satra

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// errReplaced is what the handler's writes return after the commit has failed
// and the client was told so instead.
var errReplaced = errors.New("satra: the session could not be saved, and the client was told so instead of this response")

// A writer commits the session before the first byte of the response can
// leave, once, whichever way that byte takes.
type writer struct {
	state *state
	under http.ResponseWriter

	entry    http.Header // the headers as they were on entry, once Header was asked for
	snapshot bool
}

// view returns the writer with the abilities that the one below has, found as
// http.ResponseController finds them: a program that asks for http.Flusher or
// http.Hijacker gets the same answer as without us, and Unwrap leads past the
// commit for neither.
func (w *writer) view() http.ResponseWriter {
	flusher, hijacker := abilities(w.under)
	switch {
	case flusher && hijacker:
		return flushHijackWriter{w}
	case flusher:
		return flushWriter{w}
	case hijacker:
		return hijackWriter{w}
	}
	return w
}

func abilities(w http.ResponseWriter) (flusher, hijacker bool) {
	for w != nil {
		switch w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			flusher = true
		}
		if _, ok := w.(http.Hijacker); ok {
			hijacker = true
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if flusher && hijacker || !ok {
			break
		}
		w = inner.Unwrap()
	}
	return flusher, hijacker
}

func (w *writer) Header() http.Header {
	h := w.under.Header()
	if !w.snapshot {
		w.snapshot = true
		if len(h) > 0 {
			w.entry = h.Clone()
		}
	}
	return h
}

// restore puts the headers back as they were on entry.
func (w *writer) restore() {
	h := w.under.Header()
	if !w.snapshot {
		return // the handler never had them
	}
	clear(h)
	for key, values := range w.entry {
		h[key] = values
	}
}

func (w *writer) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if informational || w.state.commit(status) == nil {
		w.under.WriteHeader(status)
	}
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.state.commit(http.StatusOK); err != nil {
		return 0, err
	}
	return w.under.Write(p)
}

// WriteString saves the copy where the writer below can.
func (w *writer) WriteString(text string) (int, error) {
	if err := w.state.commit(http.StatusOK); err != nil {
		return 0, err
	}
	return io.WriteString(w.under, text)
}

// ReadFrom keeps sendfile: io.Copy finds the ReaderFrom below.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if err := w.state.commit(http.StatusOK); err != nil {
		return 0, err
	}
	return io.Copy(w.under, r)
}

// Unwrap is for http.ResponseController: deadlines and full duplex.
func (w *writer) Unwrap() http.ResponseWriter { return w.under }

func (w *writer) flush() error {
	if err := w.state.commit(http.StatusOK); err != nil {
		return err
	}
	return http.NewResponseController(w.under).Flush()
}

func (w *writer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.state.commit(http.StatusSwitchingProtocols); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.under).Hijack()
}

type flushWriter struct{ *writer }

func (w flushWriter) Flush()            { w.flush() }
func (w flushWriter) FlushError() error { return w.flush() }

type hijackWriter struct{ *writer }

func (w hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }

type flushHijackWriter struct{ *writer }

func (w flushHijackWriter) Flush()                                       { w.flush() }
func (w flushHijackWriter) FlushError() error                            { return w.flush() }
func (w flushHijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
