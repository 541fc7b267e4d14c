package detect

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

var secret = []byte("sixteen bytes or more")

// A receiver answers with the codes in turn, 0 for no answer, and then with 200.
type receiver struct {
	t     *testing.T
	mu    sync.Mutex
	codes []int
	times []time.Time
	ids   map[string]int // how often each message came
	took  []string
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, _ := io.ReadAll(req.Body)
	if !VerifyWebhook(req.Header, body, secret, time.Now(), time.Minute) || req.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("the message is not signed: %v %s", req.Header, body)
	}
	r.times = append(r.times, time.Now())
	var m message
	if err := json.Unmarshal(body, &m); err != nil || len(m.ID) < 26 || req.Header.Get(MessageIDHeader) != m.ID {
		r.t.Errorf("the message has no ID: %v %s", req.Header, body)
	}
	if r.ids == nil {
		r.ids = map[string]int{}
	}
	r.ids[m.ID]++
	code := 200
	if len(r.codes) > 0 {
		code, r.codes = r.codes[0], r.codes[1:]
	}
	if code == 0 {
		return nil, errors.New("no answer")
	}
	if code == 200 {
		r.took = append(r.took, string(body))
	}
	return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

func hook(t *testing.T, r *receiver, o WebhookOptions) *Webhook {
	t.Helper()
	r.t = t
	o.Client = &http.Client{Transport: r}
	w, err := NewWebhook("https://hooks.example/x", secret, &o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var told = Decision{Finding: Finding{Rule: NewDevice, Strength: Weak, Text: "A sign-in.", Session: satra.ID{1}, Principal: "asha", Facts: []Fact{{"device", "x"}}}, Action: Notify}

func TestAMessageIsRepeatedUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{codes: []int{0, 500, 429, 503}}
		w := hook(t, r, WebhookOptions{Attempts: 100, Problem: func(err error) { t.Errorf("given up: %v", err) }})
		if err := w.Notify(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
		var m message
		if len(r.took) != 1 || len(r.times) != 5 || json.Unmarshal([]byte(r.took[0]), &m) != nil || m.Rule != NewDevice || m.Principal != "asha" || m.Action != "notify" {
			t.Errorf("got %q in %d attempts", r.took, len(r.times))
		}
		if len(r.ids) != 1 || r.ids[m.ID] != 5 {
			t.Errorf("got the IDs %v, want one, five times", r.ids)
		}
		for i := 1; i < len(r.times); i++ {
			if pause, least := r.times[i].Sub(r.times[i-1]), time.Second<<i/2; pause < least {
				t.Errorf("attempt %d came after %v, want %v or more", i+1, pause, least)
			}
		}
		if err := w.Notify(t.Context(), told); err == nil {
			t.Error("a closed webhook takes messages")
		}
	})
}

func TestAMessageThatIsRefusedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, codes := range [][]int{{400}, {301}, {500, 500, 500}} {
			var problem error
			r := &receiver{codes: codes}
			w := hook(t, r, WebhookOptions{Attempts: 3, Problem: func(err error) { problem = err }})
			for range 2 { // the next one is sent all the same
				if err := w.Notify(t.Context(), told); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if len(r.ids) != 2 {
				t.Errorf("%v: two messages have the IDs %v", codes, r.ids)
			}
			if problem == nil || strings.Contains(problem.Error(), "hooks.example") || len(r.took) != 1 || len(r.times) != len(codes)+1 {
				t.Errorf("%v: got the problem %v, %d taken in %d attempts", codes, problem, len(r.took), len(r.times))
			}
		}
	})
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hook(t, &receiver{codes: []int{0, 0, 0, 0, 0, 0, 0, 0}}, WebhookOptions{Queue: 1})
		if err := w.Notify(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it is being sent
		if err := w.Notify(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		if err := w.Notify(t.Context(), told); err == nil {
			t.Error("a queue that is full takes a message")
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := w.Close(ctx); err == nil {
			t.Error("got no error for messages that were given up")
		}
	})
}

func TestAForgedMessageIsNotVerified(t *testing.T) {
	now, body := time.Unix(1_800_000_000, 0), []byte(`{"rule":"new_device"}`)
	h := http.Header{}
	h.Set(TimestampHeader, "1800000000")
	for sig, want := range map[string]bool{
		"v1=" + hexOf(signature(secret, "1800000000", body)):            true,
		"v1=" + hexOf(signature(secret, "1800000001", body)):            false,
		"v1=" + hexOf(signature([]byte("another"), "1800000000", body)): false,
		hexOf(signature(secret, "1800000000", body)):                    false,
		"v1=": false, "": false,
	} {
		h.Set(SignatureHeader, sig)
		if got := VerifyWebhook(h, body, secret, now.Add(time.Minute), 5*time.Minute); got != want {
			t.Errorf("%q: got %v, want %v", sig, got, want)
		}
		if VerifyWebhook(h, body, secret, now.Add(time.Hour), 5*time.Minute) {
			t.Errorf("%q: an old message is verified", sig)
		}
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

func TestAWebhookThatIsNone(t *testing.T) {
	for _, address := range []string{"", "http://hooks.example/", "ftp://x/", "https://", "://"} {
		if _, err := NewWebhook(address, secret, nil); err == nil {
			t.Errorf("%q: got no error", address)
		}
	}
	if _, err := NewWebhook("https://hooks.example/", []byte("short"), nil); err == nil {
		t.Error("a short secret: got no error")
	}
	for _, address := range []string{"http://localhost:1/", "http://127.0.0.1/", "http://[::1]:1/"} {
		w, err := NewWebhook(address, secret, nil)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		w.Close(t.Context())
	}
}

// TestABodyOfAMessage holds what receivers rely on.
func TestABodyOfAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		w := hook(t, r, WebhookOptions{})
		if err := errors.Join(w.Notify(t.Context(), guessing), w.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(strings.Join(r.took, ""), `,"rule"`)
		const want = `:"guessing_account","strength":"weak","at":"2027-01-05T04:00:00Z","text":"10 sign-ins of one account were refused – within 1m.",` +
			`"facts":[{"name":"refused","value":"10"},{"name":"last network","value":"198.51.100.9"}],"session_id":"AQAAAAAAAAAAAAAAAAAAAA","principal":"asha",` +
			`"action":"notify","dry_run":true,"why":"tried","entries":[{"writer":"w","seq":3,"at":"2027-01-05T03:59:00Z"},{"writer":"w","seq":12,"at":"2027-01-05T04:00:00Z"}]}`
		if rest != want {
			t.Errorf("got %s, want %s", rest, want)
		}
	})
}

// TestAllHooksAreCalled although one of them fails.
func TestAllHooksAreCalled(t *testing.T) {
	var called []string
	failing := errors.New("it fails")
	hook := func(name string, err error) func(context.Context, Decision) error {
		return func(_ context.Context, d Decision) error {
			called = append(called, name+d.Finding.Principal)
			return err
		}
	}
	err := All(hook("a ", failing), hook("b ", nil))(t.Context(), told)
	if !errors.Is(err, failing) || strings.Join(called, ", ") != "a asha, b asha" {
		t.Errorf("called %q, got %v", called, err)
	}
}

// TestPausesDoNotOverflow lets a receiver be down for a long time.
func TestPausesDoNotOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{codes: make([]int, 80)}
		w := hook(t, r, WebhookOptions{Attempts: 100})
		if err := w.Notify(t.Context(), told); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(context.Background()); err != nil || len(r.took) != 1 {
			t.Errorf("got %v and %d taken", err, len(r.took))
		}
	})
}
