package satra

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// A Record is what a store keeps of one session. The manager makes it, the
// store keeps it, and neither changes a record that it has handed to the
// other. Times are UTC in whole units of [Precision].
type Record struct {
	ID     ID
	Secret Hash // of the token that is valid now
	Seed   Seed // what Derive works from

	// Retired secrets, newest first: see [Retired].
	Retired []Retired

	// Generation is raised by sign-in and re-authentication. A change that
	// carries an older one is refused: whoever found the record before knew it
	// by a secret that is dead now.
	Generation uint32

	// Version is raised by every change, and is the Rev of the values it sets.
	Version uint64

	Principal string    // the owner: any bytes; "" while anonymous
	Created   time.Time // never changes
	Begun     time.Time // what the lifetime counts from; sign-in sets it anew
	Seen      time.Time // last activity

	Idle     time.Duration // idle timeout, or Never
	Lifetime time.Duration // absolute limit from Begun, or Never
	NotAfter time.Time     // a further end, the daily one, that only a sign-in moves; zero: none

	Persistent bool      // the cookie survives the browser's restart
	Transport  Transport // how the token travels

	AuthAt time.Time // when the principal last proved who they are; zero: never
	Method string    // how: what the application told

	FirstDevice Device // at creation
	LastDevice  Device // at the last touch that saw another one

	Values []Value // sorted by key, each key once

	Ended *End // nil while nobody has ended it; expiry is computed, not stored
}

// A Value is one key's value. Keys that begin with "$" belong to the core.
type Value struct {
	Key  string
	Data []byte // JSON, or sealed bytes: a store must not look inside; nil is as good as empty
	Rev  uint64 // version of the record that wrote it
}

// A Device is what is known of the browser or program behind a session.
type Device struct {
	UserAgent string // as sent, at most 512 bytes
	Addr      string // the client's address in text form, at most 64 bytes, "" if unknown
}

// Transport is how a session's token travels.
type Transport uint8

// The transports.
const (
	TransportCookie Transport = iota
	TransportBearer           // Authorization: Bearer
)

// A Retired secret once opened the session. One retired by sign-in or
// re-authentication is dead at once and only explains a request that was under
// way, and a store may forget it after [RetiredFor]; one retired by a renewal by
// age works until its successor was shown.
type Retired struct {
	Secret    Hash
	At        time.Time // when it was replaced
	Seed      *Seed     // by sign-in: the seed of its CSRF tokens; else nil
	Successor []byte    // by renewal: the next secret, sealed under this one; else nil
	Shown     time.Time // by renewal: when the successor was first shown
	Refused   int       // by renewal: refusals after the grace, one a window at most
	RefusedAt time.Time // the last that was counted
}

// Reason says why a session is over. The values are part of the API.
type Reason string

// The reasons.
const (
	ReasonIdle          Reason = "idle"                 // not used for the idle timeout
	ReasonLifetime      Reason = "lifetime"             // reached the absolute limit
	ReasonDaily         Reason = "daily_end"            // reached the daily end
	ReasonSignedOut     Reason = "signed_out"           // its owner signed out
	ReasonElsewhere     Reason = "signed_out_elsewhere" // its owner ended it from another session
	ReasonLimit         Reason = "limit"                // a newer session took its place
	ReasonAdministrator Reason = "administrator"        // an administrator ended it
	ReasonStolen        Reason = "stolen"               // a copied token was shown
	ReasonDisabled      Reason = "disabled"             // the principal was disabled
	ReasonReplaced      Reason = "replaced"             // somebody else signed in with it
	ReasonIncomplete    Reason = "incomplete"           // its sign-in was not completed
)

// Expired reports whether time, not a decision, ended the session.
func (r Reason) Expired() bool {
	return r == ReasonIdle || r == ReasonLifetime || r == ReasonDaily
}

// An End says when, why and by whom a session was ended.
type End struct {
	At     time.Time
	Reason Reason
	Actor  string // who did it, for the audit log: a principal or a program
}

// Expiry returns the instant from which the session is over by time, and
// which limit that is. A session that never expires returns the zero time.
// The result holds for an ended record too, as if it had not been ended.
func (r *Record) Expiry() (time.Time, Reason) {
	return expiry(r.Begun, r.Seen, r.Idle, r.Lifetime, r.NotAfter)
}

// AbsoluteExpiry returns the end that no activity moves, or the zero time.
func (r *Record) AbsoluteExpiry() time.Time {
	end, _ := absoluteExpiry(r.Begun, r.Lifetime, r.NotAfter)
	return end
}

// Over returns how the session ended, or nil if it is live at that time. A
// decision wins over time, whichever came first: it says more.
func (r *Record) Over(at time.Time) *End {
	if r.Ended != nil {
		return r.Ended
	}
	if end, why := r.Expiry(); !end.IsZero() && !at.Before(end) {
		return &End{At: end, Reason: why}
	}
	return nil
}

// Live reports whether the session is neither ended nor expired at that time.
func (r *Record) Live(at time.Time) bool { return r.Over(at) == nil }

// Value returns the value of a key, and whether there is one.
func (r *Record) Value(key string) (Value, bool) {
	for _, v := range r.Values {
		if v.Key == key {
			return v, true
		}
	}
	return Value{}, false
}

// Format prints the session's ID alone: a record holds a seed and values.
func (r *Record) Format(w fmt.State, _ rune) {
	if r == nil {
		io.WriteString(w, "record <nil>")
		return
	}
	io.WriteString(w, "record "+r.ID.String())
}

// MarshalJSON tells the session's ID alone, for the same reason.
func (r *Record) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(r)) }
