// Package web is the dashboard's web server: its pages, what guards them, and
// the session behind them. It uses Satra as any application would.
//
//	site, err := web.New(memstore.New(nil), web.Config{PublicOrigin: "https://dash.example"})
//	…
//	http.ListenAndServe(addr, site)
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/client"
	"github.com/satra-sessions/satra/clientip"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/ratelimit"
	"github.com/satra-sessions/satra/sessionapi"
)

// A Config is what the dashboard's settings decide. Only Accounts and Calendar
// are required.
type Config struct {
	Accounts       *accounts.Book    // their owner is who opened them
	SignUp         bool              // anybody may make an account
	RenewAfter     time.Duration     // as satra.Options
	SessionLimit   int               // as satra.Options
	Remember       time.Duration     // how long a remembered sign-in lasts; 0: 30 days; satra.Never: not offered
	DailyEnd       satra.DailyEnd    // as satra.Options
	Limits         ratelimit.Backend // where tries are counted; nil: in this process
	IdleTimeout    time.Duration     // as satra.Options
	Lifetime       time.Duration     // as satra.Options
	InsecureCookie bool              // plain HTTP on the loopback interface
	PublicOrigin   string            // "" : the request's own
	Hosts          []string          // hosts that requests may name, with their port; empty: loopback only
	AnyAddress     bool              // a request may also name the very address that it came in on
	Proxies        []string          // trusted proxies, for clientip
	Calendar       *market.Calendar
	Audit          *audit.Log       // nil: none; its owner is who opened it
	Log            *slog.Logger     // nil: none
	Now            func() time.Time // for tests; nil: the store's clock
}

// A Site is the dashboard as an http.Handler.
type Site struct {
	http.Handler
	sessions   *satra.Manager
	accounts   *accounts.Book
	protection *csrf.Protection
	limiter    *ratelimit.Limiter
	devices    deviceCookies
	signUpOpen bool
	remember   bool
	acts       map[string]guardedAct // by their path
	pages      *pages
	calendar   *market.Calendar
	audit      *audit.Log // nil: none
	log        *slog.Logger
}

// Values that a session keeps for the dashboard.
var (
	themeKey     = satra.NewKey[string]("theme")
	watchlistKey = satra.NewKey[[]string]("watchlist")
	nameKey      = satra.NewKey[string]("name") // of the account
)

// New returns the dashboard on a store of sessions. Close ends what it starts.
func New(store satra.Store, c Config) (*Site, error) {
	if c.Calendar == nil || c.Accounts == nil {
		return nil, errors.New("web: New: no calendar, or no accounts")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	s := &Site{calendar: c.Calendar, log: c.Log, audit: c.Audit, accounts: c.Accounts, signUpOpen: c.SignUp, remember: c.Remember != satra.Never}
	if s.pages, err = newPages(assets); err != nil {
		return nil, err
	}
	if err := s.prepareSignIn(c); err != nil {
		return nil, err
	}
	remembered := c.Remember
	if remembered == satra.Never {
		remembered = 0
	}
	s.sessions, err = satra.New(store, &satra.Options{
		IdleTimeout: c.IdleTimeout, Lifetime: c.Lifetime, InsecureCookie: c.InsecureCookie,
		RenewAfter: c.RenewAfter, SessionLimit: c.SessionLimit, DailyEnd: c.DailyEnd,
		RememberIdle: remembered / 2, RememberLifetime: remembered,
		Activity:  satra.ByPerson,
		Visible:   []satra.AnyKey{themeKey, watchlistKey},
		Surviving: []satra.AnyKey{themeKey, watchlistKey},
		Observers: s.observers(),
		Before:    s.before(),
		Error:     s.writeProblem,
		Now:       c.Now,
	})
	if err != nil {
		return nil, err
	}
	if s.Handler, err = s.chain(assets, c); err != nil {
		return nil, errors.Join(err, s.Close(context.Background()))
	}
	return s, nil
}

// prepareSignIn makes what signing in needs beside the sessions.
func (s *Site) prepareSignIn(c Config) error {
	key, err := c.Accounts.Key(context.Background(), "device cookies")
	if err != nil {
		return err
	}
	s.devices = deviceCookies{key: key, secure: !c.InsecureCookie}
	s.limiter, err = ratelimit.New(c.Limits, &ratelimit.Options{Now: c.Now})
	return err
}

// Sessions is the manager of the site's sessions, for what acts on them from outside.
func (s *Site) Sessions() *satra.Manager { return s.sessions }

// Close ends what New started. The store is its owner's to close.
func (s *Site) Close(ctx context.Context) error { return s.sessions.Close(ctx) }

// chain puts the layers around the routes. From the outside: who the client is,
// the log, the headers of every response, whether this host is ours, the
// session, and where the request comes from.
func (s *Site) chain(assets *assets, c Config) (http.Handler, error) {
	proxies := clientip.Options{TrustedProxies: c.Proxies}
	if len(c.Proxies) > 0 {
		// The host is not among them: a proxy that passes on the Host header
		// often leaves X-Forwarded-Host as the client sent it.
		proxies.Headers = clientip.XForwardedFor | clientip.XForwardedProto
	}
	resolver, err := clientip.New(&proxies)
	if err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	if s.protection, err = csrf.New(&csrf.Options{PublicOrigin: c.PublicOrigin}); err != nil {
		return nil, err
	}
	api, err := sessionapi.New(s.sessions, s.protection, &sessionapi.Options{History: s.history()})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	s.limited(mux, api)
	mux.Handle("GET /static/client/", http.StripPrefix("/static/client", client.Handler()))
	mux.Handle("GET /static/", http.StripPrefix("/static", assets.handler(http.HandlerFunc(notFound))))
	mux.HandleFunc("POST /signin", s.entering("/signin", s.signIn))
	mux.HandleFunc("POST /signup", s.entering("/signup", s.signUp))
	mux.Handle("/", s.protection.Handler(s.routes()))

	h := s.sessions.Handler(mux)
	h = newHostGuard(c).guard(h, s.refuseHost)
	h = s.logged(s.recovered(securityHeaders(h)))
	return resolver.Handler(h), nil
}

// limited are the calls of the session API, by how often in a minute a session may
// make them, and ten times as often whoever has none from an address.
func (s *Site) limited(mux *http.ServeMux, api http.Handler) {
	const base = "/api/session/"
	for call, often := range map[string]int{
		"info": 200, "csrf-token": 100, "extend": 30, "clear": 30, "validate-csrf": 30,
		"events": 30, "devices": 30, "devices/": 30, "activity": 30,
	} {
		limit := s.limiter.PerSession(call, ratelimit.PerMinute(often))(api)
		mux.HandleFunc(base+call, func(w http.ResponseWriter, r *http.Request) {
			if s.protection.Check(r) != nil {
				api.ServeHTTP(w, r) // it refuses what is from elsewhere, and asks no store
				return
			}
			limit.ServeHTTP(w, r)
		})
	}
	mux.Handle(base, api) // which says that there is no such call
}

func (s *Site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.undoubted(s.home))
	mux.HandleFunc("GET /ended", s.endedPage)
	mux.Handle("GET /market", satra.Background(http.HandlerFunc(s.marketStatus)))
	for path, act := range map[string]func(*http.Request) (next string, err error){
		"/preferences/theme": s.setTheme,
		"/watchlist/add":     s.addSymbol,
		"/watchlist/remove":  s.removeSymbol,
		"/session/extend":    s.extend,
	} {
		mux.HandleFunc("POST "+path, s.undoubted(s.acting(act)))
		mux.HandleFunc(path, methodNotAllowed("POST"))
	}
	mux.HandleFunc("POST /session/end", s.acting(s.end))
	mux.HandleFunc("/session/end", methodNotAllowed("POST"))
	s.accountRoutes(mux)
	mux.HandleFunc("/{$}", methodNotAllowed("GET, HEAD"))
	mux.HandleFunc("/", notFound)
	return mux
}

// accountRoutes are the pages of accounts and of their security. What ends others
// or changes the passphrase wants a fresh proof.
func (s *Site) accountRoutes(mux *http.ServeMux) {
	for path, page := range map[string]http.HandlerFunc{
		"/signin":   s.signInPage,
		"/signup":   s.signUpPage,
		"/reauth":   s.signedIn(s.reauthPage),
		"/security": s.undoubted(s.signedIn(s.securityPage)),

		"/security/history": s.undoubted(s.signedIn(s.historyPage)),

		"/security/passphrase": s.proven(s.passphrasePage),
	} {
		mux.HandleFunc("GET "+path, page)
		if path != "/security" && path != "/security/history" {
			mux.HandleFunc(path, methodNotAllowed("GET, HEAD, POST"))
		}
	}
	mux.HandleFunc("/security", methodNotAllowed("GET, HEAD"))
	mux.HandleFunc("/security/history", methodNotAllowed("GET, HEAD"))
	for path, act := range map[string]http.HandlerFunc{
		"/reauth":              s.signedIn(s.formed(s.reauth)),
		"/security/passphrase": s.proven(s.formed(s.changePassphrase)),
	} {
		mux.HandleFunc("POST "+path, act)
	}
	s.acts = map[string]guardedAct{
		"/security/end":        {"To end that session", s.endDevice},
		"/security/end-others": {"To end all other sessions", s.endOthers},
		"/security/end-all":    {"To end all sessions, this one too,", s.endEvery},
		"/security/not-me":     {"To end all other sessions and then change your passphrase", s.wasNotMe},
	}
	for path := range s.acts {
		mux.HandleFunc("POST "+path, s.guarded(path))
		mux.HandleFunc(path, methodNotAllowed("POST"))
	}
}

func notFound(w http.ResponseWriter, r *http.Request) {
	satra.WriteError(w, r, &satra.Problem{Status: http.StatusNotFound, Code: satra.CodeNotFound, Message: "There is no page at this address."})
}

// acting carries out a form's act and sends the browser to a page, so that a
// reload does not repeat it.
func (s *Site) acting(act func(*http.Request) (string, error)) http.HandlerFunc {
	return s.formed(func(w http.ResponseWriter, r *http.Request) {
		next, err := act(r)
		if err != nil {
			satra.WriteError(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	})
}

// formed reads the form before the handler.
func (s *Site) formed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			satra.WriteError(w, r, badForm(err))
			return
		}
		next(w, r)
	}
}

const maxForm = 64 << 10

func methodNotAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		satra.WriteError(w, r, &satra.Problem{
			Status: http.StatusMethodNotAllowed, Code: satra.CodeMethodNotAllowed, Allow: allow,
			Message: "This address does not answer to " + r.Method + ".",
		})
	}
}

func badForm(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &satra.Problem{Status: http.StatusRequestEntityTooLarge, Code: satra.CodeBadRequest, Message: "The form is larger than 64 kB."}
	}
	return badRequest("The form could not be read.")
}

func badRequest(message string) error {
	return &satra.Problem{Status: http.StatusBadRequest, Code: satra.CodeBadRequest, Message: message}
}
