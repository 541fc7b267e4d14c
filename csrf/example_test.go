package csrf_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
)

func Example() {
	sessions, err := satra.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	protection, err := csrf.New(nil)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if err := satra.Start(r.Context()); err != nil { // the form needs a session
			satra.WriteError(w, r, err)
			return
		}
		token, err := csrf.Token(r.Context())
		if err != nil {
			satra.WriteError(w, r, err)
			return
		}
		fmt.Fprint(w, token)
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ordered") })
	server := sessions.Handler(protection.Handler(mux))

	page := httptest.NewRecorder()
	server.ServeHTTP(page, httptest.NewRequest("GET", "https://dash.example/", nil))
	post := func(token string) {
		r := httptest.NewRequest("POST", "https://dash.example/orders", nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(page.Result().Cookies()[0])
		r.Header.Set("X-CSRF-Token", token)
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	post(page.Body.String())
	post("guessed")
	// Output:
	// 200 ordered
	// 403 {"status":"error","message":"CSRF token validation failed","code":"CSRF_INVALID"}
}

// The check alone protects an application without sessions, too.
func ExampleProtection_CrossOrigin() {
	protection, err := csrf.New(&csrf.Options{TrustedOrigins: []string{"https://partner.example"}})
	if err != nil {
		panic(err)
	}
	h := protection.CrossOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	for _, origin := range []string{"https://dash.example", "https://partner.example", "http://dash.example", "https://evil.example"} {
		r := httptest.NewRequest("POST", "https://dash.example/", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, origin)
	}
	// Output:
	// 200 https://dash.example
	// 200 https://partner.example
	// 403 http://dash.example
	// 403 https://evil.example
}

func ExampleFormField() {
	sessions, err := satra.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	h := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		satra.Start(r.Context())
		field, err := csrf.FormField(r.Context())
		fmt.Println(strings.HasPrefix(string(field), `<input type="hidden" name="csrf_token" value="`), len(field), err)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "https://dash.example/", nil))
	// Output: true 134 <nil>
}
