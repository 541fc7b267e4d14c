package detect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/detect"
)

// A receiver looks at the signature first, and takes a message once, though it may come
// twice: when its answer was lost. It remembers IDs for an hour, because a message is
// repeated for some minutes.
func ExampleVerifyWebhook() {
	secret := []byte("known to both of them")
	taken := map[string]bool{} // of the receiver: in its database
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil || !detect.VerifyWebhook(r.Header, body, secret, time.Now(), 10*time.Minute) {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		var m struct{ ID, Rule, Principal, Action string }
		if err := json.Unmarshal(body, &m); err != nil {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		if !taken[m.ID] { // the header's is not signed
			taken[m.ID] = true
			fmt.Println(m.Rule, m.Principal, m.Action)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()

	hook, err := detect.NewWebhook(receiver.URL, secret, nil)
	if err != nil {
		panic(err)
	}
	policy, err := detect.NewPolicy(&detect.PolicyOptions{OnNotify: hook.Notify})
	if err != nil {
		panic(err)
	}
	// In a program the findings are those of [detect.Detector.Observe].
	if _, err := policy.Apply(context.Background(), detect.Finding{Rule: detect.TwoPlaces, Strength: detect.Strong, Principal: "asha"}); err != nil {
		panic(err)
	}
	if err := hook.Close(context.Background()); err != nil {
		panic(err)
	}
	// Output: two_places asha notify
}

func Example() {
	d := detect.New(nil)
	for range 10 {
		for _, f := range d.Observe(audit.Entry{At: time.Unix(1_800_000_000, 0), Kind: satra.EventSignInRefused, Principal: "asha"}) {
			fmt.Println(f.Rule, f.Principal, f.Text)
		}
	}
	// Output: guessing_account asha 10 sign-ins of one account were refused within 1m.
}
