package satra_test

import (
	"net/http"
	"testing"

	"github.com/satra-sessions/satra"
)

// TestEventsTellWhoAndFromWhere holds what an audit log needs of each event: whom it
// is about, also on somebody else's session, and the request that caused it.
func TestEventsTellWhoAndFromWhere(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/refuse", func(w http.ResponseWriter, r *http.Request) error {
		satra.Observe(r.Context(), satra.Event{Kind: satra.EventSignInRefused, Principal: "bob"})
		return nil
	})
	a.on("/others", func(w http.ResponseWriter, r *http.Request) error {
		_, err := satra.RevokeOthers(r.Context())
		return err
	})
	one, two := a.browser(), a.browser()
	one.post("/signin?as=alice", firefox)
	two.post("/signin?as=alice", firefox)
	one.post("/refuse", firefox)
	one.post("/others", firefox)
	of := map[satra.Kind]string{satra.EventSignInRefused: "bob", satra.EventSignedIn: "alice", satra.EventEnded: "alice", satra.EventEndedAll: "alice"}
	seen := map[satra.Kind]bool{}
	for _, e := range a.events {
		want, ok := of[e.Kind]
		if seen[e.Kind] = true; !ok {
			continue
		}
		if e.Principal != want || e.Method != "POST" || e.Path == "" || "User-Agent: "+e.UserAgent != firefox || !e.Client.Addr.IsValid() {
			t.Errorf("got %+v, want it to tell of %s and the request", e, want)
		}
		if e.Kind == satra.EventSignedIn && e.Detail != "test" {
			t.Errorf("got the method %q, want that of the sign-in", e.Detail)
		}
	}
	for kind := range of {
		if !seen[kind] {
			t.Errorf("there was no event %s", kind)
		}
	}
}
