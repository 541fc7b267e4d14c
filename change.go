package satra

import (
	"slices"
	"strings"
	"time"
)

// RetiredFor is how long a secret that a sign-in or re-authentication retired
// is still recognised, so that a request that was under way is told to repeat
// itself instead of losing its session. It opens nothing.
const RetiredFor = 30 * time.Second

// A Change is all that one operation does to a record: the store does the
// whole of it or nothing, in one command. Conditions come first; the zero
// value of a field changes nothing. Durations are whole units of [Precision], a
// key occurs once in Set, and versions stay below 2⁵³, which every store counts
// exactly.
type Change struct {
	At time.Time // when the manager decided; expiry is judged at this instant

	// Conditions. Apply returns ErrConflict if one of them does not hold.
	IfGeneration *uint32 // the generation that was found
	IfPrincipal  *string // the owner, for ending a session by its ID
	IfRev        []Rev   // the versions of values that were read

	Set    []Value   // by key; Rev is the store's to fill in
	Delete []string  // keys; a key that Set names as well is set
	Seen   time.Time // a touch; last-seen never goes back
	Device *Device   // the device that Seen saw, if another than before

	Renew   *Renew   // renewal by age
	Shown   *Hash    // renewal by age: this secret was shown for the first time
	Refused *Refusal // renewal by age: a retired secret was shown after its grace

	Idle     time.Duration // new idle timeout
	Lifetime time.Duration // new lifetime
	NotAfter time.Time     // new further end

	SignIn *Binding
	End    *End

	Return bool // the result holds the record
}

// A Rev names the version of a value; 0 says that there is none.
type Rev struct {
	Key string
	Rev uint64
}

// A Renew replaces the secret because of its age. It is an ErrConflict if Old
// is no longer the record's secret: then somebody else has renewed it, and the
// record that comes back holds the successor that all of them use.
type Renew struct {
	Old       Hash
	New       Hash
	Successor []byte // the new secret, sealed under the old one
	Keep      int    // how many renewed secrets are remembered, at least 1
}

// A Refusal counts that a retired secret was shown after its grace: once in a
// Window at most. The refusal that reaches Limit ends the session with End.
type Refusal struct {
	Secret Hash
	Window time.Duration
	Limit  int
	End    End
}

// A Binding is a sign-in, or with Again a fresh proof by the principal that the
// record already has.
type Binding struct {
	Principal  string
	Method     string
	Secret     Hash // of the new token
	Seed       Seed
	Keep       []string // keys that survive when the record was anonymous; else all do. Those of Set always do
	Persistent bool
	Transport  Transport

	// Again skips the rest: the principal's epoch was judged when the session
	// began, and an EndAll since then would have ended it.
	Again bool

	Epoch     Epoch // the principal's, read before the credentials were checked
	Limit     int   // live sessions of the principal, this one included; 0: no limit
	EndOldest bool  // over the limit, end those that began first; else ErrLimit
	LimitEnd  End   // how those are ended
}

// maxRetired bounds the secrets remembered that sign-ins retired, newest first:
// nobody signs in that often in half a minute, but somebody might try.
const maxRetired = 8

// With returns the record after c, or why c does not apply: [ErrEnded] if the
// record is not live at c.At, [ErrConflict] if a condition does not hold. The
// record itself is not changed, and what the result shares with it must not be.
//
// With is the meaning of a Change, as far as one record goes; the principal's
// epoch and limit are the store's to keep. A store may apply it to what it
// read, or do the same in its own language; storetest holds both against it.
func (r *Record) With(c *Change) (*Record, error) {
	if !r.Live(c.At) {
		return nil, ErrEnded
	}
	if !r.meets(c) {
		return nil, ErrConflict
	}
	next := *r
	if !c.TouchOnly() {
		next.Version++
		next.forgetRetired(c.At)
	}
	next.touch(c)
	next.limits(c)
	next.renew(c)
	next.signIn(c)
	next.setValues(c) // after signIn: what the request itself sets is kept
	next.refuse(c)
	if c.End != nil {
		next.end(*c.End)
	}
	return &next, nil
}

// meets reports whether the conditions of c hold, those included that a
// renewal and a sign-in bring with them.
func (r *Record) meets(c *Change) bool {
	if c.IfGeneration != nil && *c.IfGeneration != r.Generation {
		return false
	}
	if c.IfPrincipal != nil && *c.IfPrincipal != r.Principal {
		return false
	}
	for _, want := range c.IfRev {
		if v, _ := r.Value(want.Key); v.Rev != want.Rev {
			return false
		}
	}
	if c.Renew != nil && c.Renew.Old != r.Secret {
		return false
	}
	if b := c.SignIn; b != nil {
		return r.Principal == b.Principal || r.Principal == "" && !b.Again
	}
	return true
}

// TouchOnly reports whether c notes activity and does nothing else: the most
// frequent change by far, which a store may make cheap.
func (c *Change) TouchOnly() bool {
	return len(c.Set) == 0 && len(c.Delete) == 0 && c.Renew == nil && c.Shown == nil && c.Refused == nil &&
		c.Idle == 0 && c.Lifetime == 0 && c.NotAfter.IsZero() && c.SignIn == nil && c.End == nil
}

func (r *Record) touch(c *Change) {
	if c.Seen.After(r.Seen) {
		r.Seen = c.Seen
		if c.Device != nil {
			r.LastDevice = *c.Device
		}
	}
}

func (r *Record) limits(c *Change) {
	if c.Idle != 0 {
		r.Idle = c.Idle
	}
	if c.Lifetime != 0 {
		r.Lifetime = c.Lifetime
	}
	if !c.NotAfter.IsZero() {
		r.NotAfter = c.NotAfter
	}
}

func (r *Record) setValues(c *Change) {
	if len(c.Set) == 0 && len(c.Delete) == 0 {
		return
	}
	values := make([]Value, 0, len(r.Values)+len(c.Set))
	for _, v := range r.Values {
		if !slices.Contains(c.Delete, v.Key) && !slices.ContainsFunc(c.Set, func(s Value) bool { return s.Key == v.Key }) {
			values = append(values, v)
		}
	}
	for _, v := range c.Set {
		values = append(values, Value{Key: v.Key, Data: v.Data, Rev: r.Version})
	}
	sortValues(values)
	r.Values = values
}

func sortValues(values []Value) {
	slices.SortFunc(values, func(a, b Value) int { return strings.Compare(a.Key, b.Key) })
}

// renew replaces the secret by age and notes that a successor was shown.
func (r *Record) renew(c *Change) {
	if c.Shown != nil {
		r.successorShown(*c.Shown, c.At)
	}
	if c.Renew == nil {
		return
	}
	retired := Retired{Secret: r.Secret, At: c.At, Successor: c.Renew.Successor}
	r.Retired = append([]Retired{retired}, r.Retired...)
	renewed := 0
	r.Retired = slices.DeleteFunc(r.Retired, func(old Retired) bool {
		if old.Seed != nil {
			return false
		}
		renewed++
		return renewed > max(c.Renew.Keep, 1)
	})
	r.Secret = c.Renew.New
}

// successorShown marks the secret that was replaced by shown: its grace begins.
func (r *Record) successorShown(shown Hash, at time.Time) {
	successor := r.Secret
	for i, old := range r.Retired {
		if old.Seed == nil && successor == shown {
			if old.Shown.IsZero() {
				r.Retired = slices.Clone(r.Retired)
				r.Retired[i].Shown = at
			}
			return
		}
		successor = old.Secret
	}
}

// forgetRetired drops the secrets that a sign-in retired and that have been
// told apart from unknown ones for long enough.
func (r *Record) forgetRetired(at time.Time) {
	lapsed := func(old Retired) bool { return old.Seed != nil && at.Sub(old.At) > RetiredFor }
	if slices.ContainsFunc(r.Retired, lapsed) {
		r.Retired = slices.DeleteFunc(slices.Clone(r.Retired), lapsed)
	}
}

// signIn gives the record its owner, a new secret and a new seed. Every older
// secret is dead at once, those that a renewal had left in their grace too.
func (r *Record) signIn(c *Change) {
	b := c.SignIn
	if b == nil {
		return
	}
	seed := r.Seed
	retired := slices.Clone(r.Retired)
	for i, old := range retired {
		if old.Seed == nil {
			retired[i] = Retired{Secret: old.Secret, At: c.At, Seed: &seed}
		}
	}
	r.Retired = append([]Retired{{Secret: r.Secret, At: c.At, Seed: &seed}}, retired...)
	r.Retired = r.Retired[:min(len(r.Retired), maxRetired)]
	r.Secret, r.Seed = b.Secret, b.Seed
	r.Generation++
	if r.Principal == "" {
		r.Values = slices.DeleteFunc(slices.Clone(r.Values), func(v Value) bool { return !slices.Contains(b.Keep, v.Key) })
	}
	r.Principal, r.Method, r.AuthAt = b.Principal, b.Method, c.At
	r.Begun = c.At
	if c.At.After(r.Seen) {
		r.Seen = c.At
	}
	r.Persistent, r.Transport = b.Persistent, b.Transport
}

// refuse counts a retired secret that was shown after its grace.
func (r *Record) refuse(c *Change) {
	f := c.Refused
	if f == nil {
		return
	}
	i := slices.IndexFunc(r.Retired, func(old Retired) bool { return old.Secret == f.Secret })
	if i < 0 || r.Retired[i].Refused > 0 && c.At.Sub(r.Retired[i].RefusedAt) < f.Window {
		return
	}
	r.Retired = slices.Clone(r.Retired)
	r.Retired[i].Refused++
	r.Retired[i].RefusedAt = c.At
	if r.Retired[i].Refused >= f.Limit {
		r.end(f.End)
	}
}

// end makes the record a tombstone: the hashes stay, so that whoever proves
// the secret can be told why; values and seed go.
func (r *Record) end(e End) {
	r.Ended = &e
	r.Values = nil
	r.Seed = Seed{}
	r.Retired = slices.Clone(r.Retired)
	for i := range r.Retired {
		r.Retired[i].Seed, r.Retired[i].Successor = nil, nil
	}
}
