package audit

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

func TestErasingAPrincipal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := NewMemory(0)
		l := openLog(t, sink, newTestRing(t, 2), Options{})
		for _, who := range []string{"asha", "ravi"} {
			if err := l.Record(t.Context(), Entry{Kind: "x", Principal: who, Detail: "secret of " + who}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * 24 * time.Hour) // another quarter, another key
		if err := l.Record(t.Context(), Entry{Kind: "x", Principal: "asha"}); err != nil {
			t.Fatal(err)
		}
		if err := l.Erase(t.Context(), "asha", "operator"); err != nil {
			t.Fatal(err)
		}
		if err := l.Record(t.Context(), Entry{Kind: "later", Principal: "asha", Detail: "new"}); err != nil {
			t.Fatal(err)
		}
		entries, err := l.Entries(t.Context(), Filter{Oldest: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			gone := e.Kind == "x" && e.Principal != "ravi"
			if e.Erased != gone || gone && (e.Principal != "" || e.Detail != "") || e.Kind == "x" && !gone && e.Detail != "secret of ravi" {
				t.Errorf("got %+v", e)
			}
			if e.Kind == KindErased && (e.Actor != "operator" || e.Principal != "") {
				t.Errorf("the erasure: got %+v", e)
			}
		}
		if got := kinds(t, l.Reader, Filter{Principal: "asha"}); got != "x x later" {
			t.Errorf("by the blind index: got %q", got)
		}
		closeLog(t, l)
		wantVerified(t, l.Reader, nil)
	})
}

// TestADamagedKeyHoldsNothingUp has somebody change the key of one principal in the
// database: neither that one's entries nor the others' wait for ever.
func TestADamagedKeyHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, sink := newTestRing(t, 1), NewMemory(0)
		first := openLog(t, sink, ring, Options{})
		first.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
		closeLog(t, first)
		time.Sleep(time.Second)
		for owner, k := range sink.keys {
			k.Key = flip(k.Key)
			sink.keys[owner] = k
		}
		problems := 0
		l := openLog(t, sink, ring, Options{Problem: func(error) { problems++ }})
		l.Observe(t.Context(), event(satra.EventSignedIn, "asha"))
		time.Sleep(time.Second)
		l.Observe(t.Context(), event(satra.EventSignedIn, "ravi"))
		closeLog(t, l)
		entries, err := l.Entries(t.Context(), Filter{Kind: satra.EventSignedIn, Oldest: true})
		if err != nil || len(entries) != 3 || problems != 1 {
			t.Fatalf("got %v, %v and %d problems", entries, err, problems)
		}
		if e := entries[1]; e.Principal != "" || e.Address.IsValid() || e.UserAgent != "" || !strings.Contains(e.Detail, "left out") || e.Session.IsZero() {
			t.Errorf("of the principal whose key is damaged: got %+v", e)
		}
		if e := entries[2]; e.Principal != "ravi" || e.Erased {
			t.Errorf("of another: got %+v", e)
		}
		if got := kinds(t, l.Reader, Filter{Principal: "asha"}); got != "signed_in signed_in" {
			t.Errorf("by the index: got %q", got)
		}
		wantVerified(t, l.Reader, nil)
	})
}
