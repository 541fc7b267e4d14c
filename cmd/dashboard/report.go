package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/satra-sessions/satra/cmd/dashboard/market"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// report says what the program uses, and where to find it.
func report(w io.Writer, s *settings.Settings, p *parts, calendar *market.Calendar, addr net.Addr) {
	row := func(what, value string) { fmt.Fprintf(w, "  %-9s %s\n", what, value) }
	fmt.Fprintln(w, "Satra dashboard")
	if s.Config != "" {
		row("settings", s.Config)
	}
	for _, warning := range s.Warnings {
		row("note", warning)
	}
	row("store", p.store.Summary)
	for _, note := range p.store.Notes {
		row("note", note)
	}
	row("sealed", p.sealed.summary)
	if p.sealed.note != "" {
		row("note", p.sealed.note)
	}
	if s.SignUpOpen() {
		row("accounts", storename.Redact(s.DatabaseName())+", sign-up is open")
	} else {
		row("accounts", storename.Redact(s.DatabaseName())+", sign-up is closed: -add-account makes one")
	}
	row("audit", p.audit.summary)
	if p.audit.note != "" {
		row("note", p.audit.note)
	}
	if p.audit.store != nil {
		for _, note := range p.audit.store.Notes {
			if !slices.Contains(p.store.Notes, note) {
				row("note", "the audit log's server: "+note)
			}
		}
	}
	row("watch", watching(s))
	row("sessions", fmt.Sprintf("end after %s without use, and after %s at the latest", duration(s.SessionTimeout), duration(s.SessionLifetime)))
	if s.CookieSecure() {
		row("cookie", "__Host-satra, for HTTPS only")
	} else {
		row("cookie", "satra, over plain HTTP: good for trying it on this machine only")
	}
	row("calendar", calendar.Market()+", "+years(calendar.Years()))
	if s.TLS() {
		row("listens", addr.String()+", HTTPS")
	} else {
		row("listens", addr.String()+", plain HTTP")
	}
	origin := s.Origin(addr.(*net.TCPAddr).Port)
	row("origin", origin)
	fmt.Fprintf(w, "Open %s in a browser. Ctrl-C ends the program.\n", origin)
}

// watching says what is done about what looks wrong.
func watching(s *settings.Settings) string {
	switch {
	case !s.Detects():
		return "off: nobody looks at what happens"
	case s.Detection == settings.DetectionEnforce:
		return "findings are written, and acted on: step-up and revoke"
	}
	return "findings are written; -detection enforce acts on them, too"
}

// duration writes 1h0m0s as 1h.
func duration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func years(covered []int) string {
	if len(covered) == 0 {
		return "covers no year"
	}
	return "covers " + strings.Trim(strings.ReplaceAll(fmt.Sprint(covered), " ", ", "), "[]")
}

// newLog writes times in UTC, whatever the machine's zone.
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
