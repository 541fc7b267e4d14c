package satra

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// An Event is something that happened to a session or was refused one. No
// field holds a token, a hash or a value, so that an event can be logged.
type Event struct {
	Kind      Kind
	At        time.Time
	Session   ID     // the zero ID if there is none
	Principal string // the session's owner, "" if anonymous or unknown
	Reason    Reason // why a session is over
	Actor     string // who acted, if not the principal on its own session
	Client    Client // who asked; empty for what a program did
	UserAgent string // as sent, at most 512 bytes
	Method    string // of the request
	Path      string // of the request, without its query
	Detail    string // for people; of a sign-in and a fresh proof the method
	Err       error
}

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	EventCreated         Kind = "created"          // a session began
	EventSignedIn        Kind = "signed_in"        // a principal took it
	EventReauthenticated Kind = "reauthenticated"  // the principal gave a fresh proof
	EventRenewed         Kind = "renewed"          // its secret was renewed by age
	EventExtended        Kind = "extended"         // it was extended on demand
	EventStepUp          Kind = "step_up"          // a fresh proof was demanded of it: Reason
	EventSeenElsewhere   Kind = "seen_elsewhere"   // its token came from another browser or system than it was last used by
	EventEnded           Kind = "ended"            // somebody ended it: Reason
	EventEndedAll        Kind = "ended_all"        // all of a principal, or of everybody
	EventShownOver       Kind = "shown_over"       // the token of a session that is over was shown: Reason
	EventUnknownToken    Kind = "unknown_token"    // well-formed, and no session has it
	EventRetiredToken    Kind = "retired_token"    // it was replaced a moment ago
	EventReusedToken     Kind = "reused_token"     // it was renewed, and is past its grace: a copy, perhaps
	EventAmbiguous       Kind = "ambiguous_tokens" // two live sessions on one request
	EventCSRFRejected    Kind = "csrf_rejected"
	EventCrossOrigin     Kind = "cross_origin"
	EventSignInRefused   Kind = "sign_in_refused" // a limit, an epoch, a disabled principal
	EventUnreadable      Kind = "value_unreadable"
	EventStoreFailed     Kind = "store_failed"
)

// LogValue lists what is known, for slog.
func (e Event) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 9)
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("kind", string(e.Kind))
	if !e.Session.IsZero() {
		add("session", e.Session.String())
	}
	add("principal", e.Principal)
	add("reason", string(e.Reason))
	add("actor", e.Actor)
	if e.Client.Addr.IsValid() {
		add("client", e.Client.Addr.String())
	}
	add("method", e.Method)
	add("path", e.Path)
	add("detail", e.Detail)
	if e.Err != nil {
		add("error", e.Err.Error())
	}
	return slog.GroupValue(attrs...)
}

// Observe reports an event of a package on top of this one, with the request's
// own facts filled in. It panics outside [Manager.Handler].
func Observe(ctx context.Context, e Event) {
	mustState(ctx).observe(e)
}

// An Act is about to happen, and [Options.Before] may refuse it.
type Act struct {
	Kind      Kind // EventSignedIn, EventReauthenticated, EventStepUp, EventEnded, EventEndedAll
	Session   ID
	Principal string
	Reason    Reason
	Actor     string
	Client    Client
}

func (m *Manager) observe(ctx context.Context, e Event) {
	if e.At.IsZero() {
		e.At = m.now()
	}
	for _, observer := range m.options.Observers {
		observer(ctx, e)
	}
}

func (m *Manager) before(ctx context.Context, a Act) error {
	if m.options.Before == nil {
		return nil
	}
	return m.options.Before(ctx, a)
}

// requestEvent fills in what the request tells.
func requestEvent(r *http.Request, e Event) Event {
	e.Client = ClientOf(r)
	e.UserAgent = clip(r.UserAgent())
	e.Method, e.Path = r.Method, r.URL.Path
	return e
}

// inRequest fills in what the request tells, if the context is of one.
func inRequest(ctx context.Context, e Event) Event {
	if s := stateOf(ctx); s != nil {
		return requestEvent(s.r, e)
	}
	return e
}

// clip bounds what a client can make the program keep of a header.
func clip(s string) string { return s[:min(len(s), 512)] }
