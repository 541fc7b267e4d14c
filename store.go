package satra

import (
	"context"
	"errors"
	"time"
)

// Errors of a [Store]. A store wraps them with %w where it has more to say.
var (
	ErrNotFound    = errors.New("satra: no such session")
	ErrExists      = errors.New("satra: session ID exists already")
	ErrFull        = errors.New("satra: the store takes no more sessions")
	ErrTooLarge    = errors.New("satra: the session's values are larger than the store takes")
	ErrEnded       = errors.New("satra: the session has ended")
	ErrConflict    = errors.New("satra: the session was changed meanwhile")
	ErrLimit       = errors.New("satra: the principal has as many sessions as are allowed")
	ErrEpoch       = errors.New("satra: all sessions of the principal were ended while it signed in")
	ErrDisabled    = errors.New("satra: the principal is disabled")
	ErrUnavailable = errors.New("satra: the session store cannot be reached")
)

// A Store keeps records. Applications hold a [Manager]; a store is what its
// author implements, and what storetest tests sentence by sentence.
//
// Methods are safe for concurrent use. They own their deadline: a store that
// cannot be reached answers [ErrUnavailable] in bounded time, and then it is
// unknown whether a change was made. They never retry a change. A cancelled
// context leaves the old or the new state. Values and secrets cross only inside
// [Record] and [Change], so that a wrapper (sealing, tracing) that embeds a
// Store and overrides Create, Find and Apply stays right as methods are added.
// Implementations embed [UnimplementedStore].
type Store interface {
	// Create adds a record without principal. It never overwrites: ErrExists,
	// also for an ended ID that is not yet swept; ErrFull; ErrTooLarge.
	Create(ctx context.Context, r *Record) error

	// Find returns the record, ended and expired ones too until they are
	// swept; else ErrNotFound. Neither side changes it afterwards.
	Find(ctx context.Context, id ID, f Freshness) (*Record, error)

	// Apply does all of c or nothing, as [Record.With] says, and never inserts:
	// ErrNotFound; ErrEnded if the record is not live at c.At; ErrConflict if
	// a condition does not hold; with c.SignIn also ErrLimit, ErrEpoch and
	// ErrDisabled; ErrTooLarge. Of several callers that end a record one
	// succeeds. A sign-in is atomic against EndAll and other sign-ins.
	Apply(ctx context.Context, id ID, c *Change) (Result, error)

	// EndAll ends the live sessions of one principal, or of everybody, and
	// lists those it ended, also with an error; see [Ending]. It is atomic for
	// each session, not over all of them: after an error, what remains is ended
	// by the same call again, or by whoever signs in or lists next.
	EndAll(ctx context.Context, e Ending) ([]Ended, error)

	// Principal returns what a sign-in needs to know. A principal that was
	// never seen, or not for long, has the zero state.
	Principal(ctx context.Context, principal string) (PrincipalState, error)

	// List returns a page of records in the order of their IDs, without
	// values, hashes and seeds. A store may look at so many records in one call and
	// no more: a page may be short, or empty, and not be the last. Only [Page.Next]
	// tells.
	List(ctx context.Context, q Query) (Page, error)

	// Disabled lists at most limit disabled principals, 1 to 1000, whose names
	// come after the one given, in the order of their bytes. "" is before all.
	Disabled(ctx context.Context, after string, limit int) ([]string, error)

	// Import takes in a record from another store as it is, whoever owns it
	// and whether it is over: it asks neither epochs nor limits. Where there is
	// one of that ID already, what comes of both is what [Record.Merge] says. It
	// reports whether it changed anything: ErrConflict if the two are different
	// sessions; ErrFull; ErrTooLarge. An import that ends a live session is
	// announced to watchers.
	Import(ctx context.Context, r *Record) (changed bool, err error)

	// Watch calls notify for every end by decision, on whichever node, until
	// ctx is done, and then returns ctx's error. notify must not block. A
	// notice with Gap says that ends may have been missed, and comes first
	// after every connection that was made anew.
	Watch(ctx context.Context, notify func(Notice)) error

	// Sweep removes at most limit records that ended or expired before the
	// instant given, oldest first, and returns how many. A store whose server
	// removes them by itself (Features.Retention) returns 0.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)

	// Now is the store's clock.
	Now(ctx context.Context) (time.Time, error)

	// Features is constant; [New] refuses options that the store cannot keep.
	Features() Features

	mustEmbedUnimplementedStore()
}

// Freshness says how old a record may be that Find returns.
type Freshness uint8

// The degrees of freshness.
const (
	Fresh     Freshness = iota // as the store holds it now
	Cacheable                  // within the staleness that the store documents
)

// A Result is what Apply tells.
type Result struct {
	// Record is the record after the change, if the change asked for it or
	// ended the record by a [Refusal]; and the record as it stands with
	// ErrConflict and ErrEnded, unless the change was a touch and nothing else.
	Record *Record

	// Ended lists the sessions that a sign-in ended: those over the limit, and
	// what a crash had left to be ended. It holds with an error, too.
	Ended []Ended
}

// Ended names a session that a call has ended, and how.
type Ended struct {
	ID  ID
	End End
}

// An Ending ends many sessions at once. It raises the principal's epoch, so
// that a sign-in which began before is refused when it completes. Except stays
// live, of everybody as well.
type Ending struct {
	At        time.Time
	Principal string
	Everybody bool // all sessions, anonymous ones too; Principal is ignored
	Except    ID   // one that stays; the zero ID: none
	End       End
	Access    Access
}

// Access says what becomes of a principal's right to sign in.
type Access uint8

// The choices.
const (
	AccessKeep  Access = iota // as it was
	AccessDeny                // disabled from now on
	AccessAllow               // enabled again; ends nothing
)

// PrincipalState is what a sign-in needs to know of a principal.
type PrincipalState struct {
	Epoch    Epoch
	Disabled bool
}

// An Epoch tells one era of a principal's sessions from the next. It is compared
// for equality, and never comes back within the hour that an [Attempt] may last:
// a store may forget it a day after it was raised, and Disabled never.
type Epoch struct {
	Own uint64 // raised when all sessions of the principal are ended
	All uint64 // raised when everybody's are
}

// A Query asks for a page of records.
type Query struct {
	At        time.Time // the instant at which a record is live or not
	Principal *string   // of one principal; "" the anonymous ones; nil: of all
	Ended     bool      // those that are over and not yet swept, instead of the live ones
	After     ID        // the last ID of the page before; zero: from the start
	Limit     int       // 1 to 1000
}

// A Page is one answer of List.
type Page struct {
	Records []*Record
	Next    ID // Query.After of the next page, however many Records there are; zero: this was the last
}

// A Notice says that a session was ended.
type Notice struct {
	ID     ID
	Reason Reason
	Gap    bool // ends may have been missed: look again at all that is open
}

// Features says what a store keeps.
type Features struct {
	Name      string     // "memory", "sqlite", …, for people
	Durable   Durability // what an acknowledged change survives
	Shared    bool       // several processes see the same records
	MaxRecord int        // bytes that one record's values may take; 0: no limit

	// Retention is how long the store itself keeps what is over; 0: until it is
	// swept. New refuses an Options.Tombstone that is longer.
	Retention time.Duration
}

// Durability is what an acknowledged change survives.
type Durability uint8

// The degrees of durability.
const (
	DurableNot     Durability = iota // lost with the process
	DurableProcess                   // survives the process
	DurablePower                     // survives a power cut
)

// UnimplementedStore is embedded by every implementation of [Store], so that a
// method which is added to the interface does not break it: it is then
// answered with [ErrUnavailable].
type UnimplementedStore struct{}

var errUnimplemented = errors.Join(errors.New("satra: the store lacks this method"), ErrUnavailable)

// Create answers that the store lacks it.
func (UnimplementedStore) Create(context.Context, *Record) error { return errUnimplemented }

// Find answers that the store lacks it.
func (UnimplementedStore) Find(context.Context, ID, Freshness) (*Record, error) {
	return nil, errUnimplemented
}

// Apply answers that the store lacks it.
func (UnimplementedStore) Apply(context.Context, ID, *Change) (Result, error) {
	return Result{}, errUnimplemented
}

// EndAll answers that the store lacks it.
func (UnimplementedStore) EndAll(context.Context, Ending) ([]Ended, error) {
	return nil, errUnimplemented
}

// Principal answers that the store lacks it.
func (UnimplementedStore) Principal(context.Context, string) (PrincipalState, error) {
	return PrincipalState{}, errUnimplemented
}

// List answers that the store lacks it.
func (UnimplementedStore) List(context.Context, Query) (Page, error) { return Page{}, errUnimplemented }

// Disabled answers that the store lacks it.
func (UnimplementedStore) Disabled(context.Context, string, int) ([]string, error) {
	return nil, errUnimplemented
}

// Import answers that the store lacks it.
func (UnimplementedStore) Import(context.Context, *Record) (bool, error) {
	return false, errUnimplemented
}

// Watch answers that the store lacks it.
func (UnimplementedStore) Watch(context.Context, func(Notice)) error { return errUnimplemented }

// Sweep answers that the store lacks it.
func (UnimplementedStore) Sweep(context.Context, time.Time, int) (int, error) {
	return 0, errUnimplemented
}

// Now answers that the store lacks it.
func (UnimplementedStore) Now(context.Context) (time.Time, error) {
	return time.Time{}, errUnimplemented
}

// Features claims nothing.
func (UnimplementedStore) Features() Features { return Features{Name: "unimplemented"} }

func (UnimplementedStore) mustEmbedUnimplementedStore() {}
