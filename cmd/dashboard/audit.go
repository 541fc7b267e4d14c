package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// An auditing is the audit log with what it is kept in, and what there is to say of
// it.
type auditing struct {
	log     *audit.Log // nil: there is none
	watch   *watch     // nil: nothing is looked for
	acts    *responder // nil: not yet, or not at all
	store   *backend.Store
	heads   *audit.CheckpointFile
	summary string
	note    string // what the operator had better know, or ""
}

// openAudit opens the log that the settings name, and makes its keys if there are
// none.
func openAudit(ctx context.Context, s *settings.Settings, f *files, log *slog.Logger, now func() time.Time) (*auditing, error) {
	name := s.AuditName()
	if name == "" {
		return &auditing{summary: "no: what happens is in the program's log alone"}, nil
	}
	a := &auditing{summary: storename.Redact(name) + ", kept for " + days(s.AuditRetention)}
	if s.AuditRetention < 0 {
		a.summary = storename.Redact(name) + ", kept for ever"
	}
	if err := a.open(ctx, s, f, name, log, now); err != nil {
		why := strings.Join(strings.Fields(err.Error()), " ")
		return nil, errors.Join(fmt.Errorf("audit: %s cannot be used: %s", storename.Redact(name), strings.TrimPrefix(why, "audit: ")), a.Close())
	}
	return a, nil
}

// days writes 8760h as 365 days.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d > day && d%day == 0 {
		return fmt.Sprint(int(d/day), " days")
	}
	return duration(d)
}

func (a *auditing) open(ctx context.Context, s *settings.Settings, f *files, name string, log *slog.Logger, now func() time.Time) error {
	parsed, err := storename.Parse(name, s.DataDir)
	if err != nil {
		return err
	}
	made, err := audit.CreateKeys(s.AuditKeysFile())
	if err != nil {
		return err
	}
	if made {
		a.note = s.AuditKeysFile() + " was made: whoever has it can write an audit log that verifies, so keep it, and " + s.AuditHeadsFile() + ", where those who can write to the log cannot"
	}
	keys, err := audit.ReadKeys(s.AuditKeysFile())
	if err != nil {
		return err
	}
	if a.store, err = backend.Open(ctx, parsed); err != nil {
		return err
	}
	sink, ok := a.store.Store.(audit.Sink)
	if !ok {
		return errors.New("this kind of store keeps no audit log; right is sqlite:PATH, redis://… or postgres://…")
	}
	if err := sameKeys(ctx, audit.NewReader(sink, keys), s); err != nil {
		return err
	}
	if a.heads, err = audit.OpenCheckpointFile(s.AuditHeadsFile()); err != nil {
		return err
	}
	o := &audit.Options{
		Keys: keys, RequestID: web.RequestID, Checkpoints: a.heads, Retention: s.AuditRetention, Now: now,
		Problem: func(err error) { log.Error("audit", "error", err) },
	}
	if s.Detects() {
		if a.watch, err = watchFrom(ctx, audit.NewReader(sink, keys), &f.rules, log); err != nil {
			return err
		}
		o.Copy = a.watch.observe
	}
	a.log, err = audit.Open(ctx, sink, o)
	if err == nil && a.watch != nil {
		a.watch.to.Store(a.log)
	}
	return err
}

// respond begins to act on what is found.
func (a *auditing) respond(s *settings.Settings, sessions *satra.Manager, log *slog.Logger) (err error) {
	if a.watch != nil {
		a.acts, err = respond(s, sessions, a.watch.findings, log)
	}
	return err
}

// sameKeys refuses a log that others have written with keys which are not here: this
// node could neither verify nor read it, nor they what it would write.
func sameKeys(ctx context.Context, r *audit.Reader, s *settings.Settings) error {
	newest, err := r.Entries(ctx, audit.Filter{Limit: 10})
	for _, e := range newest {
		if e.Doubt == audit.DoubtKey {
			return fmt.Errorf("it was written with keys that are not in %s: copy the file of the other node (mode 0600), or choose another log with -audit", s.AuditKeysFile())
		}
	}
	return err
}

// Close ends the log, in order if that takes no longer than patience. What is found last
// is acted on before, and what that does is written; neither that nor anybody who is to
// be told and does not answer takes the log's time.
func (a *auditing) Close() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if a.acts != nil {
		acting, done := context.WithTimeout(ctx, patience/2)
		errs = append(errs, a.log.Flush(acting), a.acts.Close(acting))
		done()
	}
	if a.log != nil {
		errs = append(errs, a.log.Close(ctx))
	}
	if a.acts != nil {
		a.watch.leave()
		errs = append(errs, a.acts.alerts.Close(ctx))
	}
	if a.heads != nil {
		errs = append(errs, a.heads.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	return errors.Join(errs...)
}
