package web

import (
	"bufio"
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/satra-sessions/satra"
)

// observe logs what happens to sessions. An event holds no secret.
func (s *Site) observe(ctx context.Context, e satra.Event) {
	level := slog.LevelInfo
	switch e.Kind {
	case satra.EventStoreFailed:
		level = slog.LevelError
	case satra.EventAmbiguous, satra.EventCSRFRejected, satra.EventCrossOrigin, satra.EventUnreadable:
		level = slog.LevelWarn
	case satra.EventShownOver, satra.EventUnknownToken, satra.EventRetiredToken:
		level = slog.LevelDebug
	}
	s.log.LogAttrs(ctx, level, "session", slog.Any("event", e), slog.String("request", RequestID(ctx)))
}

type requestIDKey struct{}

// logged gives each request an ID and writes a line when it is answered: the
// path without its query, and never a cookie.
func (s *Site) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()[:16]
		w.Header().Set("X-Request-Id", id)
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		began := time.Now()
		next.ServeHTTP(rec, r.WithContext(WithRequestID(r.Context(), id)))
		s.log.LogAttrs(r.Context(), levelOf(r, rec.status), "request",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", rec.status),
			slog.Duration("took", time.Since(began).Round(time.Microsecond)),
			slog.String("client", satra.ClientOf(r).Addr.String()), slog.String("request", id))
	})
}

// levelOf keeps a page that polls from filling the log. What it is refused
// counts, though: the header is the client's word.
func levelOf(r *http.Request, status int) slog.Level {
	switch {
	case status >= 500:
		return slog.LevelError
	case status < 400 && satra.SafeMethod(r.Method) && r.Header.Get("X-Session-Background") != "":
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// WithRequestID returns a context for what is done because of a request, after it.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID is the ID of the request that a context is of, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// recovered answers a panic with a page instead of a closed connection.
func (s *Site) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			s.log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.Any("value", v),
				slog.String("path", r.URL.Path), slog.String("request", RequestID(r.Context())), slog.String("stack", string(debug.Stack())))
			if rec, ok := w.(*recorder); ok && rec.wrote {
				panic(http.ErrAbortHandler) // half a page is out: end the connection
			}
			s.answerProblem(w, r, &satra.Problem{Status: http.StatusInternalServerError, Code: satra.CodeInternal, Message: "Something went wrong on our side."}, layoutView{})
		}()
		next.ServeHTTP(w, r)
	})
}

// A recorder notes the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *recorder) WriteHeader(status int) {
	if !w.wrote && status >= 200 {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}

// FlushError notes that what was written has left.
func (w *recorder) FlushError() error {
	w.wrote = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack notes that the response is no longer the server's.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status, w.wrote = http.StatusSwitchingProtocols, true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
