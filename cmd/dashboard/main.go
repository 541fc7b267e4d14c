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

	"github.com/satra-sessions/satra/cmd/dashboard/settings"
)

// patience is how long requests under way may take once the program ends.
const patience = 10 * time.Second

func main() {
	ctx, stop := signalled()
	defer stop()
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// signalled returns a context that is done at the first signal to end. The
// second one ends the program at once.
func signalled() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
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
	case s.AddAccount != "":
		return addAccount(ctx, s, os.Stdin, stdout)
	}
	f, err := loadFiles(s)
	if err != nil {
		return err
	}
	listener, err := listen(s.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	log := newLog(s, stderr)

	p, err := open(ctx, s, f, log, nil)
	if err != nil {
		return err
	}
	site, err := p.site(s, f, port, log, nil)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	report(stdout, s, p, f.calendar, listener.Addr())
	server := &http.Server{
		Handler:           site,
		TLSConfig:         f.tls,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute, // an event stream sets its own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	// Shutdown waits for event streams, and only this ends them.
	server.RegisterOnShutdown(func() { site.Close(context.WithoutCancel(ctx)) })
	err = serve(ctx, listener, server)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err = errors.Join(err, site.Close(closing), p.Close())
	if err == nil {
		fmt.Fprintln(stdout, "  ended")
	}
	return err
}

// addressInUse is Windows' own number for syscall.EADDRINUSE, which package
// syscall does not translate.
const addressInUse = syscall.Errno(10048)

// listen takes the address, and says in one line what to do if it cannot.
func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		return listener, nil
	}
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, addressInUse) {
		return nil, fmt.Errorf("addr: another program listens on %s already: end it, or choose another address with -addr, 127.0.0.1:0 for any free port", addr)
	}
	if failed := (*net.OpError)(nil); errors.As(err, &failed) {
		err = failed.Err // the address is said already
	}
	return nil, fmt.Errorf("addr: cannot listen on %s: %w; choose another address with -addr", addr, err)
}

// serve answers requests until ctx is done, and then waits for those under way.
func serve(ctx context.Context, listener net.Listener, server *http.Server) error {
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(listener, "", "")
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
