package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/storename"
	"github.com/satra-sessions/satra/ratelimit"
)

// parts are what the program opens before it serves, in the order in which they
// are opened. One that is not open yet is nil.
type parts struct {
	store  *backend.Store
	sealed *sealing
	book   *accounts.Book
	audit  *auditing
}

// open opens them. now is a clock for tests; nil is the real one.
func open(ctx context.Context, s *settings.Settings, f *files, log *slog.Logger, now func() time.Time) (*parts, error) {
	p := new(parts)
	var err error
	if p.store, err = openStore(ctx, s); err == nil {
		p.sealed, err = sealStore(ctx, s, p.store, log)
	}
	if err == nil {
		p.book, err = openAccounts(ctx, s)
	}
	if err == nil {
		p.audit, err = openAudit(ctx, s, f, log, now)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// site is the dashboard on the parts, with what acts on what is found there. It is to
// be closed before them.
func (p *parts) site(s *settings.Settings, f *files, port int, log *slog.Logger, now func() time.Time) (*web.Site, error) {
	site, err := web.New(p.sealed, web.Config{
		Accounts: p.book, SignUp: s.SignUpOpen(), Limits: p.limits(), Audit: p.audit.log,
		RenewAfter: s.RenewAfter, SessionLimit: s.SessionLimit, Remember: s.Remember, DailyEnd: s.DailyEnd,
		IdleTimeout: s.SessionTimeout, Lifetime: s.SessionLifetime,
		InsecureCookie: !s.CookieSecure(), PublicOrigin: s.PublicOrigin,
		Hosts: s.Hosts(port), AnyAddress: s.AnyAddress(), Proxies: s.Proxies(),
		Calendar: f.calendar, Log: log, Now: now,
	})
	if err != nil {
		return nil, err
	}
	if err := p.audit.respond(s, site.Sessions(), log); err != nil {
		return nil, errors.Join(err, site.Close(context.Background()))
	}
	return site, nil
}

// limits counts over all nodes where the store can; nil: each counts for itself.
func (p *parts) limits() ratelimit.Backend {
	limits, _ := p.store.Store.(ratelimit.Backend)
	return limits
}

// Close ends the parts that are open, the last one first.
func (p *parts) Close() (err error) {
	if p.audit != nil {
		err = p.audit.Close()
	}
	if p.book != nil {
		err = errors.Join(err, p.book.Close())
	}
	if p.sealed != nil {
		p.sealed.Close()
	}
	if p.store != nil {
		err = errors.Join(err, p.store.Close())
	}
	return err
}

// openStore opens the store that the settings name. Its first words say which
// setting is at fault.
func openStore(ctx context.Context, s *settings.Settings) (*backend.Store, error) {
	name, err := storename.Parse(s.Store, s.DataDir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	store, err := backend.Open(ctx, name)
	if err != nil {
		why := strings.Join(strings.Fields(err.Error()), " ") // drivers like several lines
		return nil, fmt.Errorf("store: %s cannot be opened: %s", name, why)
	}
	return store, nil
}
