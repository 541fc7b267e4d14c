package sessionapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
)

const (
	// heartbeat is how often a comment is sent: proxies cut what is silent for
	// half a minute or a minute.
	heartbeat = 25 * time.Second

	// A client that takes nothing for that long has gone.
	writeTimeout = 10 * time.Second

	// A browser opens a closed stream anew after 2 to 4 seconds, at random: a
	// thousand whose server was restarted do not come at once.
	leastRetry = 2000 // milliseconds
	mostRetry  = 4000
)

// An output writes server-sent events, until one cannot be written.
type output struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error
}

// begin sends the head of a stream; nil for a HEAD, which has no more.
func begin(w http.ResponseWriter, r *http.Request) *output {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // for nginx, which would wait for more
	if r.Method == http.MethodHead {
		return nil
	}
	out := &output{w: w, rc: http.NewResponseController(w)}
	out.write(fmt.Appendf(nil, "retry: %d\n\n", leastRetry+rand.N(mostRetry-leastRetry)))
	return out
}

// event sends one event. id is what a client that comes again has seen last.
func (out *output) event(name, id string, data any) {
	body, err := json.Marshal(data)
	if err != nil {
		out.err = err
		return
	}
	out.write(fmt.Appendf(nil, "event: %s\nid: %s\ndata: %s\n\n", name, id, bytes.ToValidUTF8(body, []byte("\ufffd"))))
}

func (out *output) beat() { out.write([]byte(":\n\n")) }

// close tells why the stream ends, if it is the session's end.
func (out *output) close(cause error) {
	if ended := (*satra.EndedError)(nil); errors.As(cause, &ended) {
		out.event("ended", ended.Session.String(), problemOf(ended))
	} else if errors.Is(cause, satra.ErrNoSession) {
		out.event("ended", "", problemOf(cause))
	}
}

// problemOf is what a call would be answered now.
func problemOf(err error) any {
	p := satra.ProblemOf(err)
	return struct {
		Status  string       `json:"status"`
		Message string       `json:"message"`
		Code    string       `json:"code"`
		Reason  satra.Reason `json:"reason,omitempty"`
	}{"error", p.Message, p.Code, p.Reason}
}

// write sends text at once. A server's WriteTimeout is for responses that end:
// here each write has a deadline of its own.
func (out *output) write(text []byte) {
	if out.err != nil {
		return
	}
	_ = out.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer without deadlines has no timeout either
	if _, out.err = out.w.Write(text); out.err == nil {
		out.err = out.rc.Flush()
	}
}
