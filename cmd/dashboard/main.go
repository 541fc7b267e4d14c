// Dashboard serves the first page of a dashboard for the Indian stock market,
// with a live session.
//
//	go run ./cmd/dashboard      # http://127.0.0.1:8080
//	go run ./cmd/dashboard -h   # all settings
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/satra-sessions/satra/cmd/dashboard/market"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/memstore"
)

// patience is how long requests under way may take once the program ends.
const patience = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// run is the program: it returns when ctx is done and all requests have ended.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	s, err := settings.Load(args, environ, os.ReadFile)
	switch {
	case errors.Is(err, settings.ErrHelp):
		return settings.Usage(stdout)
	case err != nil:
		return err
	case s.PrintConfig:
		return s.Print(stdout)
	}
	calendar, err := loadCalendar(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
		return fmt.Errorf("the data directory cannot be made: %w; choose another with -data-dir", err)
	}
	listener, err := listen(s.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	log := newLog(s, stderr)

	site, err := web.New(memstore.New(nil), web.Config{
		IdleTimeout: s.SessionTimeout, Lifetime: s.SessionLifetime,
		InsecureCookie: !s.CookieSecure(), PublicOrigin: s.PublicOrigin,
		Hosts: s.Hosts(port), AnyAddress: s.AnyAddress(), Proxies: s.Proxies(),
		Calendar: calendar, Log: log,
	})
	if err != nil {
		return err
	}
	report(stdout, s, calendar, port)
	err = serve(ctx, listener, s, &http.Server{
		Handler:           site,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	})
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err = errors.Join(err, site.Close(closing))
	if err == nil {
		fmt.Fprintln(stdout, "  ended")
	}
	return err
}

// listen takes the address, and says in one line what to do if it cannot.
func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program listens on %s already: end it, or choose another address with -addr, 127.0.0.1:0 for any free port", addr)
	}
	return listener, err
}

// serve answers requests until ctx is done, and then waits for those under way.
func serve(ctx context.Context, listener net.Listener, s *settings.Settings, server *http.Server) error {
	ended := make(chan error, 1)
	go func() {
		if s.TLS() {
			ended <- server.ServeTLS(listener, s.TLSCert, s.TLSKey)
		} else {
			ended <- server.Serve(listener)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := server.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-ended
	return err
}

func loadCalendar(s *settings.Settings) (*market.Calendar, error) {
	if s.MarketCalendar == "" {
		return market.NSE(), nil
	}
	data, err := os.ReadFile(s.MarketCalendar)
	if err != nil {
		return nil, fmt.Errorf("the market's calendar: %w", err)
	}
	calendar, err := market.NSE().Override(data)
	if err != nil {
		return nil, fmt.Errorf("the market's calendar %s: %w", s.MarketCalendar, err)
	}
	return calendar, nil
}

func newLog(s *settings.Settings, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: s.LogLevel, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		}
		return a
	}}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// report says what the program uses, and where to find it.
func report(w io.Writer, s *settings.Settings, calendar *market.Calendar, port int) {
	row := func(what, value string) { fmt.Fprintf(w, "  %-9s %s\n", what, value) }
	fmt.Fprintln(w, "Satra dashboard")
	if s.Config != "" {
		row("settings", s.Config)
	}
	for _, warning := range s.Warnings {
		row("note", warning)
	}
	row("store", "memory: sessions end with this program")
	row("sessions", fmt.Sprintf("end after %s without use, and after %s at the latest", duration(s.SessionTimeout), duration(s.SessionLifetime)))
	if s.CookieSecure() {
		row("cookie", "__Host-satra, for HTTPS only")
	} else {
		row("cookie", "satra, over plain HTTP: good for trying it on this machine only")
	}
	row("calendar", fmt.Sprintf("%s, %s", calendar.Market(), years(calendar.Years())))
	row("address", s.Origin(port))
	fmt.Fprintln(w, "Open the address in a browser. Ctrl-C ends the program.")
}

// duration writes 1h0m0s as 1h.
func duration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(text) > len(zero) && text[len(text)-len(zero):] == zero {
			text = text[:len(text)-2]
		}
	}
	return text
}

func years(covered []int) string {
	if len(covered) == 0 {
		return "covers no year"
	}
	return fmt.Sprintf("covers %v", covered)
}
