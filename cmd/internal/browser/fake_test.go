package browser

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra/client"
)

// A request is what the server has seen of one.
type request struct {
	Method, Path, Body string
	Header             http.Header
	At                 time.Time
}

// A fake is a server with pages and the session API, whose clock and session
// the test holds in its hand.
type fake struct {
	*httptest.Server
	t testing.TB

	mu        sync.Mutex
	now       time.Time
	idle      time.Duration
	absolute  time.Time // zero: none
	seenAt    time.Time
	id        string // "": no session
	principal string
	reason    string // why the session has ended, "" while it lives
	token     string
	tokens    int // how many have been made
	requests  []request
	// answers take the place of the API's own, in turn, for "METHOD /path".
	answers map[string][]http.HandlerFunc
}

// newFake starts a server with a session of alice's that ends when nobody has
// been there for an hour.
func newFake(t testing.TB) *fake {
	f := &fake{
		t: t, now: time.Date(2026, 3, 2, 9, 15, 0, 250_000_000, time.UTC), idle: time.Hour,
		id: "AAAAAAAAAAAAAAAAAAAAAA", principal: "alice", answers: map[string][]http.HandlerFunc{},
	}
	f.seenAt = f.now
	f.newToken()
	f.Server = httptest.NewServer(f.handler())
	t.Cleanup(f.Close)
	return f
}

func (f *fake) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/static/client/", http.StripPrefix("/static/client", client.Handler()))
	mux.HandleFunc("GET /page.js", script(pageScript))
	mux.HandleFunc("GET /late.js", script(lateScript))
	mux.HandleFunc("GET /module.js", script(`
		import { SessionManagerClient } from "/static/client`+client.ModulePath()+`";
		window.made = new SessionManagerClient({ base: "/api/session" });`))
	mux.HandleFunc("GET /{$}", f.page)
	mux.HandleFunc("GET /api/session/info", f.api(f.info))
	mux.HandleFunc("GET /api/session/csrf-token", f.api(f.csrfToken))
	mux.HandleFunc("POST /api/session/extend", f.api(f.extend))
	mux.HandleFunc("POST /api/session/clear", f.api(f.clear))
	mux.HandleFunc("/echo", f.api(f.echo))
	mux.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	return mux
}

// pageScript notes each event of the client.
const pageScript = `
window.seen = [];
window.violations = [];
for (const name of ["sessionWarning", "sessionExpired", "sessionExtended", "sessionRestored", "sessionChanged"]) {
	window.addEventListener(name, (event) => seen.push({ name, detail: event.detail }));
}
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + " " + event.blockedURI));
`

// lateScript loads the client long after the page.
const lateScript = `
window.load = () => {
	const s = document.createElement("script");
	s.setAttribute("src", document.body.dataset.client);
	document.head.append(s);
};
`

func script(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		io.WriteString(w, text)
	}
}

// policy is as strict as an application can be.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' http://127.0.0.1:*" + trusted

const trusted = "; require-trusted-types-for 'script'"

var pageTemplate = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"{{with .Theme}} data-theme="{{.}}"{{end}}><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
{{if .Bare}}{{else}}<meta name="csrf-token" content="{{.Token}}">
<meta name="satra-session" content="{{.ID}}"><meta name="satra-principal" content="{{.Principal}}">{{end}}
<link rel="stylesheet" href="/static/client{{.Style}}" integrity="{{.StyleIntegrity}}">
<script src="/page.js"></script>
{{if .Late}}<script src="/late.js"></script>{{else if .Module}}<script type="module" src="/module.js"></script>
{{else}}<script src="/static/client{{.Script}}" integrity="{{.ScriptIntegrity}}" defer{{with .Dialog}} data-dialog="{{.}}"{{end}}{{with .Warning}} data-warning="{{.}}"{{end}}></script>{{end}}
</head><body data-client="/static/client{{.Script}}">
<h1>Portfolio</h1><p>Holdings, orders and positions of this account.</p>
<label>Note <input id="field"></label> <button id="button">Do it</button>
</body></html>`))

// page takes its options from the query: bare (without meta tags), late,
// module, dialog, warning, theme.
func (f *fake) page(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := r.URL.Query()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if q.Has("late") {
		// A page that loads scripts when it likes names them in a policy of its
		// own for Trusted Types. Which one is not the client's business.
		h.Set("Content-Security-Policy", strings.TrimSuffix(policy, trusted))
	} else {
		h.Set("Content-Security-Policy", policy)
	}
	err := pageTemplate.Execute(w, map[string]any{
		"Token": f.token, "ID": f.id, "Principal": f.principal,
		"Bare": q.Has("bare"), "Late": q.Has("late"), "Module": q.Has("module"),
		"Dialog": q.Get("dialog"), "Warning": q.Get("warning"), "Theme": q.Get("theme"),
		"Script": client.ScriptPath(), "ScriptIntegrity": client.ScriptIntegrity(),
		"Style": client.StylePath(), "StyleIntegrity": client.StyleIntegrity(),
	})
	if err != nil {
		f.t.Error(err)
	}
}

// api notes the request and gives the answer that is due.
func (f *fake) api(own http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		f.mu.Lock()
		path := strings.TrimPrefix(r.URL.Path, "/api/session")
		f.requests = append(f.requests, request{r.Method, path, string(body), r.Header.Clone(), f.now})
		w.Header().Set("Cache-Control", "no-store")
		answer := own
		if due := f.answers[r.Method+" "+path]; len(due) > 0 {
			answer, f.answers[r.Method+" "+path] = due[0], due[1:]
			f.mu.Unlock() // it may use the fake's methods, and take its time
			answer(w, r)
			return
		}
		defer f.mu.Unlock()
		answer(w, r)
	}
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// refusal answers with an error.
func refusal(status int, code string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		reply(w, status, map[string]any{"status": "error", "code": code, "message": "Refused: " + code})
	}
}

// silence answers nothing at all: the connection is cut.
func silence(w http.ResponseWriter, _ *http.Request) {
	panic(http.ErrAbortHandler)
}

// instant is a time as the API writes it.
func instant(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func (f *fake) expires() time.Time {
	end := f.seenAt.Add(f.idle)
	if !f.absolute.IsZero() && f.absolute.Before(end) {
		return f.absolute
	}
	return end
}

// ended answers with the end of the session, if it has ended.
func (f *fake) ended(w http.ResponseWriter) bool {
	if f.id != "" && f.reason == "" && !f.now.Before(f.expires()) {
		f.reason = "idle"
	}
	if f.reason == "" {
		return false
	}
	code := "SESSION_REVOKED"
	if f.reason == "idle" || f.reason == "lifetime" {
		code = "SESSION_EXPIRED"
	}
	reply(w, 401, map[string]any{"status": "error", "code": code, "reason": f.reason, "message": "Session expired. Please refresh the page."})
	return true
}

func (f *fake) session() map[string]any {
	return map[string]any{
		"session_id": f.id, "principal": f.principal, "is_active": true, "user_data": map[string]any{},
		"created_at": instant(f.seenAt), "last_activity": instant(f.seenAt), "authenticated_at": nil, "reauth_required": false,
		"elapsed_seconds": int(f.now.Sub(f.seenAt).Seconds()), "remaining_seconds": int(f.expires().Sub(f.now).Seconds()),
		"now": instant(f.now), "expires_at": instant(f.expires()), "absolute_expires_at": instant(f.absolute),
		"extendable": f.absolute.IsZero() || f.seenAt.Add(f.idle).Before(f.absolute),
	}
}

func (f *fake) info(w http.ResponseWriter, _ *http.Request) {
	switch {
	case f.id == "":
		reply(w, 200, map[string]any{"status": "success", "session": nil, "message": "No active session"})
	case !f.ended(w):
		reply(w, 200, map[string]any{"status": "success", "session": f.session()})
	}
}

func (f *fake) csrfToken(w http.ResponseWriter, _ *http.Request) {
	if f.id == "" {
		f.id, f.principal, f.seenAt = "GGGGGGGGGGGGGGGGGGGGGG", "", f.now
		f.newToken()
	}
	if !f.ended(w) {
		reply(w, 200, map[string]any{"status": "success", "csrf_token": f.token})
	}
}

func (f *fake) extend(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.id == "":
		reply(w, 400, map[string]any{"status": "error", "message": "No active session to extend"})
	case f.ended(w) || f.badToken(w, r):
	default:
		f.seenAt = f.now
		reply(w, 200, map[string]any{"status": "success", "message": "Session extended", "session": f.session()})
	}
}

func (f *fake) clear(w http.ResponseWriter, r *http.Request) {
	if f.id == "" || !f.ended(w) && !f.badToken(w, r) {
		f.id = ""
		reply(w, 200, map[string]any{"status": "success", "message": "Session cleared"})
	}
}

// echo is a route of the application: unsafe methods need a token.
func (f *fake) echo(w http.ResponseWriter, r *http.Request) {
	if f.ended(w) || r.Method != "GET" && f.badToken(w, r) {
		return
	}
	body, _ := io.ReadAll(r.Body)
	reply(w, 200, map[string]any{"status": "success", "body": string(body)})
}

func (f *fake) badToken(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("X-CSRF-Token") == f.token {
		return false
	}
	refusal(403, "CSRF_INVALID")(w, r)
	return true
}

// newToken makes another token: the older ones are refused.
func (f *fake) newToken() {
	f.tokens++
	f.token = fmt.Sprintf("%043d", f.tokens)
}

// change changes the session or the clock.
func (f *fake) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
}

// answer has the next requests for a route answered otherwise, in turn.
func (f *fake) answer(route string, with ...http.HandlerFunc) {
	f.change(func() { f.answers[route] = append(f.answers[route], with...) })
}

// seen returns what was asked on a path so far; "" is every path.
func (f *fake) seen(method, path string) []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.requests), func(r request) bool {
		return r.Method != method || r.Path != path
	})
}

func (f *fake) count(method, path string) int { return len(f.seen(method, path)) }
