package main

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/detect"
)

// A watch holds the rules of package detect against what is written into the audit
// log, and writes what it finds there, too. What is done about it is the responder's.
type watch struct {
	detector *detect.Detector
	log      *slog.Logger
	to       atomic.Pointer[audit.Log]
	findings chan caught // for the responder
}

// known is how many of the last sign-ins the rules know of at the start, so that a
// device that was seen before is not a new one.
const known = 10_000

func watchFrom(ctx context.Context, r *audit.Reader, rules *detect.Options, log *slog.Logger) (*watch, error) {
	w := &watch{detector: detect.New(rules), log: log, findings: make(chan caught, waiting)}
	var all []audit.Entry
	for f := (audit.Filter{Kind: satra.EventSignedIn, Limit: 1000}); len(all) < known; {
		page, err := r.Entries(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < f.Limit {
			break
		}
		f.After = page[len(page)-1]
	}
	for _, e := range slices.Backward(all) {
		w.detector.Observe(e) // what was found then was told then
	}
	return w, nil
}

// observe is told of every entry that was written.
func (w *watch) observe(e audit.Entry) {
	if e.Kind == audit.KindFinding {
		return
	}
	for _, f := range w.detector.Observe(e) {
		level := slog.LevelInfo
		if f.Strength == detect.Strong {
			level = slog.LevelWarn
		}
		w.log.LogAttrs(context.Background(), level, "finding", slog.String("rule", string(f.Rule)), slog.String("strength", string(f.Strength)),
			slog.String("text", f.Text), slog.String("principal", f.Principal), slog.String("request", e.Request))
		if to := w.to.Load(); to != nil {
			to.Note(audit.Entry{
				At: f.At, Kind: audit.KindFinding, Reason: satra.Reason(f.Rule), Session: f.Session, Principal: f.Principal,
				Address: e.Address, UserAgent: e.UserAgent, Request: e.Request, Detail: f.Text,
			})
		}
		select {
		case w.findings <- caught{f, e.Request}:
		default:
			w.undone(f, "too many wait")
		}
	}
}

// undone says of a finding that the policy has not had it.
func (w *watch) undone(f detect.Finding, why string) {
	w.log.Error("policy: nothing is done about a finding, and nobody is told", "why", why, "rule", f.Rule, "session", f.Session, "principal", f.Principal, "text", f.Text)
}

// leave says what still waits, once nobody acts any more.
func (w *watch) leave() {
	for {
		select {
		case c := <-w.findings:
			w.undone(c.finding, "the program has ended")
		default:
			return
		}
	}
}
