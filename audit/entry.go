package audit

import (
	"net/netip"
	"time"

	"github.com/satra-sessions/satra"
)

// An Entry is what the log tells of something that happened. Strings are valid
// UTF-8 and bounded; what was longer is cut, and what was none replaced. Only the
// names of principals and actors are any bytes. Strings come from clients:
// whoever prints an entry uses [Entry.String], [Plain], [WriteJSON] or [WriteCSV].
type Entry struct {
	// At is when it happened, UTC, in whole microseconds. Of refusals that were
	// counted together it is when the first of them came.
	At time.Time `json:"at"`

	// Kind is what happened: one of the core's events, of this package's kinds,
	// or the application's own.
	Kind satra.Kind `json:"kind"`

	// Session is the ID of the session it happened to; zero if there is none.
	Session satra.ID `json:"session,omitzero"`

	// Principal is whom it concerns: the session's owner, or who is to be
	// signed in or out. "" if anonymous, unknown, or everybody, and if Erased.
	Principal string `json:"principal,omitempty"`

	// Actor is who did it, if not the principal on its own session: an
	// administrator or a program. "" if nobody did, and if Erased.
	Actor string `json:"actor,omitempty"`

	// Reason says why a session is over.
	Reason satra.Reason `json:"reason,omitempty"`

	// Address is where the request came from; invalid if there was no request,
	// if it is unknown, and if Erased. Of refusals that were counted together
	// it is that of the first.
	Address netip.Addr `json:"address,omitzero"`

	// UserAgent is what the browser or program called itself. "" if Erased.
	UserAgent string `json:"user_agent,omitempty"`

	// Method and Path are those of the request; Path is without its query, and
	// "" if Erased.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`

	// Request is the ID of the request, as Options.RequestID tells it.
	Request string `json:"request,omitempty"`

	// Detail says more, for people. "" if Erased.
	Detail string `json:"detail,omitempty"`

	// Error is what went wrong, as a text. "" if Erased.
	Error string `json:"error,omitempty"`

	// Outcome tells the two entries of an act apart: Intent before, and Done
	// or Failed after. "" for what simply happened.
	Outcome Outcome `json:"outcome,omitempty"`

	// Count is how many times it happened, if refusals of one kind from one
	// network were counted together; else 1. [Log.Record] takes 0 for 1.
	Count int `json:"count,omitempty"`

	// Erased says that the personal part cannot be read any more, because the
	// principal's key was thrown away. It is never recorded.
	Erased bool `json:"erased,omitempty"`

	// Doubt says why the entry is not to be believed: it was altered, or its key
	// is not known. "" if it is as it was written, as far as the entry alone
	// can show; whether others are missing [Verify] tells. It is never recorded.
	Doubt string `json:"doubt,omitempty"`

	// Writer and Seq name the entry: the chain, and its place there. The log
	// sets them.
	Writer string `json:"writer,omitempty"`
	Seq    int64  `json:"seq,omitempty"`

	// at is the row's own time if At cannot tell it, so that a page goes on from
	// there all the same.
	at int64
}

// Outcome says what became of an act.
type Outcome string

// The outcomes. An intent that no outcome follows was under way when the
// process ended.
const (
	Intent Outcome = "intent" // is about to be done
	Done   Outcome = "done"
	Failed Outcome = "failed" // Error says why
)

// The kinds that the log writes about itself. The other kinds are those of
// [satra.Event], and what an application gives to [Log.Record].
const (
	KindOpened  satra.Kind = "audit_opened"  // a chain began: Detail names the program's node
	KindHeads   satra.Kind = "audit_heads"   // the heads of other chains, as this one saw them
	KindClosed  satra.Kind = "audit_closed"  // a chain ended in order
	KindCut     satra.Kind = "audit_cut"     // old entries are about to be removed: up to where, in which chains
	KindErased  satra.Kind = "audit_erased"  // a principal's key is about to be thrown away
	KindFinding satra.Kind = "finding"       // what package detect has found: Detail says it, Reason is the rule
	KindDropped satra.Kind = "audit_dropped" // refusals for which there was no room: Detail names kinds and numbers
)

// limits says how long the strings of an entry are at most, in bytes.
var limits = struct{ kind, name, line, text int }{
	kind: 64,   // Kind, Reason, Method, Outcome
	name: 1024, // Principal, Actor
	line: 512,  // UserAgent, Path, Request
	text: 4096, // Detail, Error
}
