package satratest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/satratest"
)

var cart = satra.NewKey[[]string]("cart")

// account is a handler as an application has it.
func account(w http.ResponseWriter, r *http.Request) {
	s, err := satra.From(r.Context())
	if err != nil {
		satra.WriteError(w, r, err)
		return
	}
	items, err := cart.Get(r.Context())
	if err != nil {
		satra.WriteError(w, r, err)
		return
	}
	fmt.Fprintf(w, "%s %v", s.Principal, items)
}

func get(app *satratest.App, r *http.Request) string {
	w := httptest.NewRecorder()
	app.Handler(satra.RequireSignIn(http.HandlerFunc(account))).ServeHTTP(w, r)
	return fmt.Sprint(w.Code, " ", w.Body)
}

func TestASignedInRequest(t *testing.T) {
	app := satratest.New(t, nil)
	r := app.SignedIn(httptest.NewRequest("GET", "/account", nil), "alice")
	app.With(r, func(ctx context.Context) error { return cart.Set(ctx, []string{"INFY"}) })
	if got := get(app, r); got != "200 alice [INFY]" {
		t.Errorf("got %q, want 200 alice [INFY]", got)
	}
	app.Clock.Advance(time.Hour)
	if got := get(app, r); got[:3] != "401" {
		t.Errorf("an hour later: got %q, want 401", got)
	}
}

func TestAGuestAndOneWhoSignsOut(t *testing.T) {
	app := satratest.New(t, &satra.Options{IdleTimeout: time.Minute})
	r := app.Started(httptest.NewRequest("GET", "/account", nil))
	if len(r.Cookies()) != 1 || get(app, r)[:3] != "401" {
		t.Errorf("a guest: got cookies %v and %q, want one cookie and 401", r.Cookies(), get(app, r))
	}
	r = app.SignedIn(r, "alice")
	if got := get(app, r); len(r.Cookies()) != 1 || got != "200 alice []" {
		t.Errorf("signed in: got %q", got)
	}
	if r = app.With(r, satra.SignOut); len(r.Cookies()) != 0 {
		t.Errorf("signed out: got cookies %v, want none", r.Cookies())
	}
}
