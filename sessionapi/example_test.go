package sessionapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/sessionapi"
)

// A page asks for its token, signs out with it, and is told so ever after.
func Example() {
	sessions, err := satra.New(memstore.New(nil), nil)
	if err != nil {
		panic(err)
	}
	protection, err := csrf.New(nil)
	if err != nil {
		panic(err)
	}
	api, err := sessionapi.New(sessions, protection, nil)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/session/", api)
	server := sessions.Handler(mux)

	var cookie *http.Cookie
	ask := func(method, call, token string) string {
		r := httptest.NewRequest(method, "https://dash.example/api/session/"+call, nil)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("X-CSRF-Token", token)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if set := w.Result().Cookies(); cookie == nil && len(set) == 1 {
			cookie = set[0]
		}
		return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
	}
	fmt.Println(ask("GET", "info", ""))
	_, token, _ := strings.Cut(ask("GET", "csrf-token", ""), `"csrf_token":"`)
	token = strings.TrimSuffix(token, `"}`)
	fmt.Println(ask("POST", "clear", "guessed"))
	fmt.Println(ask("POST", "clear", token))
	fmt.Println(ask("GET", "info", ""))
	// Output:
	// 200 {"status":"success","session":null,"message":"No active session"}
	// 403 {"status":"error","message":"CSRF token validation failed","code":"CSRF_INVALID"}
	// 200 {"status":"success","message":"Session cleared"}
	// 401 {"status":"error","message":"The session has ended. Please refresh the page.","code":"SESSION_REVOKED","reason":"signed_out"}
}
