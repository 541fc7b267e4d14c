package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
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

func open(ctx context.Context, s *settings.Settings, log *slog.Logger) (*parts, error) {
	p := new(parts)
	var err error
	if p.store, err = openStore(ctx, s); err == nil {
		p.sealed, err = sealStore(ctx, s, p.store, log)
	}
	if err == nil {
		p.book, err = openAccounts(ctx, s)
	}
	if err == nil {
		p.audit, err = openAudit(ctx, s, log)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
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
