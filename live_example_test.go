package satra_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// prices sends a price each ten seconds until the client or its session is gone.
func prices(w http.ResponseWriter, r *http.Request) {
	ctx, cancel, err := satra.WhileLive(r.Context())
	if err != nil {
		satra.WriteError(w, r, err)
		return
	}
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	next := time.NewTicker(10 * time.Second)
	defer next.Stop()
	for {
		out.SetWriteDeadline(time.Now().Add(5 * time.Second)) // the server's WriteTimeout is not for streams
		fmt.Fprintf(w, "data: %s\n\n", price())
		if out.Flush() != nil {
			return
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			fmt.Fprintf(w, "event: over\ndata: %s\n\n", satra.ProblemOf(context.Cause(ctx)).Code)
			return
		}
	}
}

func price() string { return "INFY 1520.40" }

// An event stream ends with its session, also if another node or an administrator
// ends that.
func ExampleWhileLive() {
	sessions, err := satra.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	defer sessions.Close(context.Background())
	server := httptest.NewServer(sessions.Handler(satra.EnsureSession(http.HandlerFunc(prices))))
	defer server.Close()

	resp, err := http.Get(server.URL)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	sessions.EndEverybody(context.Background(), satra.End{Reason: satra.ReasonAdministrator})
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(all))
	// Output:
	// data: INFY 1520.40
	//
	// event: over
	// data: SESSION_REVOKED
}

// TestTheGuideShowsTheStreamThatIsTried keeps what the guide shows compiled.
func TestTheGuideShowsTheStreamThatIsTried(t *testing.T) {
	_, shown, _ := strings.Cut(read(t, "docs/guide.md"), "```go\nfunc prices(")
	shown, _, _ = strings.Cut(shown, "```")
	if shown == "" || !strings.Contains(read(t, "live_example_test.go"), "func prices("+shown) {
		t.Errorf("docs/guide.md shows another func prices than this file has:\n%s", shown)
	}
}
