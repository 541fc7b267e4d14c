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
	"github.com/satra-sessions/satra/client"
	"github.com/satra-sessions/satra/clientip"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
	"github.com/satra-sessions/satra/csrf"
	"github.com/satra-sessions/satra/sessionapi"
)

// A Config is what the dashboard's settings decide. Only Calendar is required.
type Config struct {
	IdleTimeout    time.Duration // as satra.Options
	Lifetime       time.Duration // as satra.Options
	InsecureCookie bool          // plain HTTP on the loopback interface
	PublicOrigin   string        // "" : the request's own
	Hosts          []string      // hosts that requests may name, with their port; empty: loopback only
	AnyAddress     bool          // a request may also name the very address that it came in on
	Proxies        []string      // trusted proxies, for clientip
	Calendar       *market.Calendar
	Log            *slog.Logger     // nil: none
	Now            func() time.Time // for tests; nil: the store's clock
}

// A Site is the dashboard as an http.Handler.
type Site struct {
	http.Handler
	sessions *satra.Manager
	pages    *pages
	calendar *market.Calendar
	log      *slog.Logger
}

// Values that a session keeps for the dashboard.
var (
	themeKey     = satra.NewKey[string]("theme")
	watchlistKey = satra.NewKey[[]string]("watchlist")
)

// New returns the dashboard on a store of sessions. Close ends what it starts.
func New(store satra.Store, c Config) (*Site, error) {
	if c.Calendar == nil {
		return nil, errors.New("web: New: no calendar")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	s := &Site{calendar: c.Calendar, log: c.Log}
	if s.pages, err = newPages(assets); err != nil {
		return nil, err
	}
	s.sessions, err = satra.New(store, &satra.Options{
		IdleTimeout: c.IdleTimeout, Lifetime: c.Lifetime, InsecureCookie: c.InsecureCookie,
		Activity:  satra.ByPerson,
		Visible:   []satra.AnyKey{themeKey, watchlistKey},
		Surviving: []satra.AnyKey{themeKey, watchlistKey},
		Observers: []func(context.Context, satra.Event){s.observe},
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
	protection, err := csrf.New(&csrf.Options{PublicOrigin: c.PublicOrigin})
	if err != nil {
		return nil, err
	}
	api, err := sessionapi.New(s.sessions, protection, nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/session/", api)
	mux.Handle("GET /static/client/", http.StripPrefix("/static/client", client.Handler()))
	mux.Handle("GET /static/", http.StripPrefix("/static", assets.handler(http.HandlerFunc(notFound))))
	mux.Handle("/", protection.Handler(s.routes()))

	h := s.sessions.Handler(mux)
	h = newHostGuard(c).guard(h, s.refuseHost)
	h = s.logged(s.recovered(securityHeaders(h)))
	return resolver.Handler(h), nil
}

func (s *Site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /ended", s.endedPage)
	mux.Handle("GET /market", satra.Background(http.HandlerFunc(s.marketStatus)))
	for path, act := range map[string]func(*http.Request) (next string, err error){
		"/preferences/theme": s.setTheme,
		"/watchlist/add":     s.addSymbol,
		"/watchlist/remove":  s.removeSymbol,
		"/session/extend":    s.extend,
		"/session/end":       s.end,
	} {
		mux.HandleFunc("POST "+path, s.acting(act))
		mux.HandleFunc(path, methodNotAllowed("POST"))
	}
	mux.HandleFunc("/{$}", methodNotAllowed("GET, HEAD"))
	mux.HandleFunc("/", notFound)
	return mux
}

func notFound(w http.ResponseWriter, r *http.Request) {
	satra.WriteError(w, r, &satra.Problem{Status: http.StatusNotFound, Code: satra.CodeNotFound, Message: "There is no page at this address."})
}

// acting carries out a form's act and sends the browser to a page, so that a
// reload does not repeat it.
func (s *Site) acting(act func(*http.Request) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			satra.WriteError(w, r, badForm(err))
			return
		}
		next, err := act(r)
		if err != nil {
			satra.WriteError(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
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
