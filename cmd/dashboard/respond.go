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
	"github.com/satra-sessions/satra/audit/detect"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
)

// A responder does about findings what the policy says, on a goroutine of its own: an
// act is written into the audit log before it is done, and the log's own goroutine,
// which finds, must not wait for itself.
type responder struct {
	policy   *detect.Policy
	sessions *satra.Manager
	alerts   alerts
	log      *slog.Logger
	findings <-chan caught
	stop     chan struct{}      // closed: no more findings come
	giveUp   context.CancelFunc // what is being done
	ended    chan struct{}
}

// A caught finding waits for the responder.
type caught struct {
	finding detect.Finding
	request string // with which it was found
}

// waiting is how many findings wait at most. Those beyond are written into the audit log
// and the program's, and nothing else is done about them.
const waiting = 1000

// An act that the store does not take is tried again, for so long.
const (
	actPatience = 30 * time.Second
	firstPause  = 100 * time.Millisecond
)

// policyActor is who acts, in the audit log.
const policyActor = "policy"

// respond begins to act on findings, those included that were caught before.
func respond(s *settings.Settings, sessions *satra.Manager, findings <-chan caught, log *slog.Logger) (*responder, error) {
	r := &responder{sessions: sessions, log: log, findings: findings, stop: make(chan struct{}), ended: make(chan struct{})}
	o := detect.PolicyOptions{
		Actions: s.Actions(), Enforce: s.Detection == settings.DetectionEnforce,
		OnRecord: r.record, OnStepUp: r.stepUp, OnRevoke: r.revoke,
	}
	var err error
	if r.alerts, err = openAlerts(s, log); err != nil {
		return nil, err
	}
	o.OnNotify = r.alerts.notify()
	if r.policy, err = detect.NewPolicy(&o); err != nil {
		return nil, errors.Join(fmt.Errorf("detection-actions: %w", err), r.alerts.Close(context.Background()))
	}
	ctx, giveUp := context.WithCancel(context.Background())
	r.giveUp = giveUp
	go r.run(ctx)
	return r, nil
}

func (r *responder) run(ctx context.Context) {
	defer close(r.ended)
	for {
		select {
		case c := <-r.findings:
			r.apply(ctx, c)
		case <-r.stop:
			for {
				select {
				case c := <-r.findings:
					r.apply(ctx, c)
				default:
					return
				}
			}
		}
	}
}

// apply does what the policy says. What is written of it has the request's ID, and names
// the finding.
func (r *responder) apply(ctx context.Context, c caught) {
	ctx, cancel := context.WithTimeout(ctx, actPatience)
	defer cancel()
	ctx = audit.Because(web.WithRequestID(ctx, c.request), causeOf(c.finding))
	r.policy.Apply(ctx, c.finding) // its errors are told to record
}

// causeOf names a finding, and the entries by which a person can check it.
func causeOf(f detect.Finding) string {
	refs := make([]string, len(f.Entries))
	for i, ref := range f.Entries {
		refs[i] = ref.String()
	}
	return fmt.Sprintf("%s: %s (entries %s)", f.Rule, f.Text, strings.Join(refs, ", "))
}

// stepUp, as revoke, does nothing if the owner has given a proof since the finding: a
// thief's copy is worth nothing after it, and the owner has answered already.
func (r *responder) stepUp(ctx context.Context, d detect.Decision) error {
	f := d.Finding
	return insist(ctx, func() error {
		return r.sessions.StepUp(ctx, f.Session, satra.StepUp{Reason: satra.Reason(f.Rule), Actor: policyActor}, satra.UnlessProven(f.At))
	})
}

func (r *responder) revoke(ctx context.Context, d detect.Decision) error {
	f := d.Finding
	return insist(ctx, func() error {
		return r.sessions.End(ctx, f.Session, satra.End{Reason: satra.ReasonStolen, Actor: policyActor}, satra.UnlessProven(f.At))
	})
}

// insist tries again while the store cannot be reached.
func insist(ctx context.Context, act func() error) error {
	for pause := firstPause; ; pause *= 2 {
		err := overIsWell(act())
		if !errors.Is(err, satra.ErrUnavailable) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// overIsWell takes it for done if there is no session any more, or nobody signed in.
func overIsWell(err error) error {
	for _, over := range []error{satra.ErrEnded, satra.ErrNotFound, satra.ErrNoSession} {
		if errors.Is(err, over) {
			return nil
		}
	}
	return err
}

// record logs what was done beyond telling, and what would have been.
func (r *responder) record(d detect.Decision) {
	if errors.Is(d.Err, satra.ErrConflict) {
		r.log.Info("policy: nothing is done", "rule", d.Finding.Rule, "session", d.Finding.Session, "why", d.Err)
		return
	}
	if d.Err != nil {
		r.log.Error("policy", "rule", d.Finding.Rule, "action", d.Action, "error", d.Err)
		return
	}
	if d.Action <= detect.Notify {
		return
	}
	r.log.LogAttrs(context.Background(), slog.LevelWarn, "policy", slog.String("rule", string(d.Finding.Rule)), slog.Any("action", d.Action),
		slog.Bool("tried_only", d.DryRun), slog.String("why", d.Why), slog.String("session", d.Finding.Session.String()),
		slog.String("principal", d.Finding.Principal), slog.String("text", d.Finding.Text))
}

// Close does what waits, in ctx. The alerts are open until they are closed themselves.
func (r *responder) Close(ctx context.Context) error {
	close(r.stop)
	var err error
	select {
	case <-r.ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
		r.giveUp()
		<-r.ended
	}
	r.giveUp()
	return err
}
