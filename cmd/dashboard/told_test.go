package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit/detect"
)

// A receiver is the program that a webhook tells, and believes what is signed.
type receiver struct {
	t      *testing.T
	args   []string // the dashboard's, to tell it
	mu     sync.Mutex
	action map[string]string // rule → what was said to be done
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, action: map[string]string{}}
	const secret = "a secret of more than 16 bytes"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || !detect.VerifyWebhook(req.Header, body, []byte(secret), time.Now(), time.Minute) {
			t.Errorf("a message that does not verify: %v %s", err, body)
		}
		var m struct{ Rule, Action, Text string }
		if err := json.Unmarshal(body, &m); err != nil || m.Text == "" {
			t.Errorf("a message that says nothing: %v %s", err, body)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.action[m.Rule] = m.Action
	}))
	t.Cleanup(server.Close)
	r.args = []string{"-alert-webhook", server.URL + "/satra", "-alert-webhook-secret", file}
	return r
}

// want is what was told of these rules, and that of no other anything was.
func (r *receiver) want(actions map[detect.Rule]string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for rule, want := range actions {
		if got := r.action[string(rule)]; got != want {
			r.t.Errorf("of %s was told %q, want %q", rule, got, want)
		}
	}
	if len(r.action) != len(actions) {
		r.t.Errorf("was told %v, want %v", r.action, actions)
	}
}

// TestFloodsAreTold has what no policy may do more about than tell: it says something of
// the network, or of everybody. The victim, on the network of the floods, stays signed in.
func TestFloodsAreTold(t *testing.T) {
	told := newReceiver(t)
	w := watchOver(t, []string{"asha"}, append(told.args, "-store", "memory", "-detection-actions",
		"guessing_network=notify,many_sessions=notify,unusual_actor=notify")...)
	victim := w.client(aFirefox, abroad).signIn("asha")
	for i := range 60 {
		guesser := w.client(aChrome, abroad)
		if status, text := guesser.post("/signin", "/signin", "name", fmt.Sprint("nobody", i), "passphrase", "not the passphrase"); status != http.StatusUnauthorized {
			t.Fatalf("a guess: got %d %.200s", status, text)
		}
	}
	for range 1000 { // with the 60 of the guesser
		w.client(aChrome, abroad).get("/")
	}
	for i := range 220 {
		stray := w.client(aPhone, fmt.Sprintf("192.0.2.%d", i+1))
		stray.Client.Transport = headerOf{"Cookie", fmt.Sprintf("satra=B%020d%043d", i, 7), stray.visit}
		stray.get("/security")
	}
	for i := range 25 {
		_, err := w.site.Sessions().EndAll(t.Context(), fmt.Sprint("somebody", i), satra.ID{}, satra.End{Reason: satra.ReasonAdministrator, Actor: "operator"})
		if err != nil {
			t.Fatal(err)
		}
	}
	victim.wantIn("after all")
	for rule, fact := range map[string]string{
		"guessing_network": "from 198.51.100.9", "many_sessions": "198.51.100.9",
		"unknown_everywhere": "networks", "unusual_actor": "operator",
	} {
		w.wantFinding(rule, fact)
	}
	told.want(map[detect.Rule]string{
		detect.GuessingNetwork: "notify", detect.ManySessions: "notify", detect.UnusualActor: "notify",
	})
	if acts := w.entries("step_up"); len(acts) > 0 || strings.Contains(w.said(), "msg=policy") {
		t.Errorf("more was done than to tell: %+v\n%s", acts, w.said())
	}
}

// headerOf is a browser that sends a header by hand.
type headerOf struct {
	name, value string
	under       http.RoundTripper
}

func (h headerOf) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(h.name, h.value)
	return h.under.RoundTrip(r)
}

// TestAStepUpIsTold with the action.
func TestAStepUpIsTold(t *testing.T) {
	told := newReceiver(t)
	w := watchOver(t, []string{"asha"}, told.args...)
	victim := w.client(aFirefox, home).signIn("asha")
	victim.thief(aChrome, abroad).get("/")
	victim.untilAsked()
	w.close()
	told.want(map[detect.Rule]string{detect.BrowserChanged: "step-up"})
}
