package satratest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/satratest"
)

// t stands for the test that the example is part of.
var t = &testing.T{}

func ExampleApp_SignedIn() {
	app := satratest.New(t, nil)
	page := satra.RequireSignIn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := satra.From(r.Context())
		fmt.Fprintf(w, "Hello, %s.", s.Principal)
	}))
	w := httptest.NewRecorder()
	app.Handler(page).ServeHTTP(w, app.SignedIn(httptest.NewRequest("GET", "/", nil), "alice"))
	fmt.Println(w.Body)
	// Output: Hello, alice.
}
