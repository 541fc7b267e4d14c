package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/satra-sessions/satra/audit/detect"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
)

// alerts tell people and programs of findings.
type alerts []alert

type alert interface {
	Notify(context.Context, detect.Decision) error
	Close(context.Context) error
}

func openAlerts(s *settings.Settings, log *slog.Logger) (all alerts, err error) {
	problem := func(setting string) func(error) {
		return func(err error) { log.Error(setting, "error", err) }
	}
	if s.AlertWebhook != "" {
		secret, err := readSecret("alert-webhook-secret", s.AlertWebhookSecret)
		if err != nil {
			return nil, err
		}
		w, err := detect.NewWebhook(s.AlertWebhook, []byte(secret), &detect.WebhookOptions{Problem: problem("alert-webhook")})
		if err != nil {
			return nil, fmt.Errorf("alert-webhook: %w", err)
		}
		all = append(all, w)
	}
	if len(s.AlertMail) > 0 {
		password, err := readSecret("alert-mail-password", s.AlertMailPassword)
		if err != nil {
			return nil, errors.Join(err, all.Close(context.Background()))
		}
		m, err := detect.NewMailer(detect.MailerOptions{
			Server: s.AlertMailServer, Username: s.AlertMailUser, Password: password,
			From: s.AlertMailFrom, To: s.AlertMail, Name: "Satra dashboard", Problem: problem("alert-mail"),
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("alert-mail: %w", err), all.Close(context.Background()))
		}
		all = append(all, m)
	}
	return all, nil
}

// readSecret reads what a setting names, without the end of the line that an editor adds.
func readSecret(setting, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", unreadable(setting, name, err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// notify is the hook that tells all of them, nil if there are none.
func (all alerts) notify() func(context.Context, detect.Decision) error {
	if len(all) == 0 {
		return nil
	}
	var hooks []func(context.Context, detect.Decision) error
	for _, a := range all {
		hooks = append(hooks, a.Notify)
	}
	return detect.All(hooks...)
}

// Close sends what waits, in ctx, by all of them at once.
func (all alerts) Close(ctx context.Context) error {
	errs := make([]error, len(all))
	var closing sync.WaitGroup
	for i, a := range all {
		closing.Go(func() { errs[i] = a.Close(ctx) })
	}
	closing.Wait()
	return errors.Join(errs...)
}
