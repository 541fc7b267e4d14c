package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/satra-sessions/satra"
)

// An operation is one call of the store, as it is written down before it is made:
// with all that has to be known to say what it would do.
type operation struct {
	Op        int // its number
	Kind      kind
	ID        satra.ID // the session, or zero
	At        int64    // microseconds since 1970
	N         int      // what is written: the number of the values or of the secret
	From      int      // renewals: the number of the secret that is replaced
	Rev       uint64   // counts: the version that was read
	Principal string
	Epoch     satra.Epoch
	Limit     int
	EndOldest bool
	Access    satra.Access
}

type kind string

const (
	create kind = "create"
	signIn kind = "sign-in"
	commit kind = "commit" // two values that are always the same, and one that comes and goes
	count  kind = "count"  // an increment by whoever is faster
	renew  kind = "renew"
	touch  kind = "touch"
	end    kind = "end"
	endAll kind = "end all"
)

// An outcome is written down after the call.
type outcome struct {
	Of    int // the operation's number
	Got   answer
	Ended []satra.ID // sessions that the call says it has ended
}

// An answer is what a call returned: acknowledged, unknown, or a refusal.
type answer string

const (
	acknowledged answer = "acknowledged"
	unknown      answer = "unknown" // not answered, or that the store cannot be reached
)

// refusals are what a store may answer, and then it has done nothing.
var refusals = []error{
	satra.ErrNotFound, satra.ErrExists, satra.ErrFull, satra.ErrTooLarge, satra.ErrEnded,
	satra.ErrConflict, satra.ErrLimit, satra.ErrEpoch, satra.ErrDisabled,
}

func answerOf(err error) answer {
	if err == nil {
		return acknowledged
	}
	if errors.Is(err, satra.ErrUnavailable) {
		return unknown
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return answer(refusal.Error())
		}
	}
	return answer("an error that is none of the store's: " + err.Error())
}

func refused(with error) answer { return answer(with.Error()) }

// A line of the log is one of the two.
type line struct {
	Begun *operation `json:",omitempty"`
	Over  *outcome   `json:",omitempty"`
}

func (o *operation) at() time.Time { return time.UnixMicro(o.At).UTC() }

// actor is who ended a session, so that a tombstone says which operation it was.
func (o *operation) actor() string {
	return fmt.Sprintf("%d of %s", o.Op, o.at().Format(time.RFC3339Nano))
}

func (o *operation) endOf(why satra.Reason) satra.End {
	return satra.End{At: o.at(), Reason: why, Actor: o.actor()}
}

// hashed is what stands for randomness, so that the log need not tell it.
func (o *operation) hashed(what string, n int) [32]byte {
	return sha256.Sum256(fmt.Append(nil, what, n, o.ID))
}

// record is what a create creates.
func (o *operation) record() *satra.Record {
	device := satra.Device{UserAgent: "Browser/1.0 (killed)", Addr: "2001:db8::7"}
	return &satra.Record{
		ID: o.ID, Secret: o.hashed("secret", 0), Seed: o.hashed("seed", 0), Generation: 1, Version: 1,
		Created: o.at(), Begun: o.at(), Seen: o.at(), Idle: time.Hour, Lifetime: 12 * time.Hour,
		FirstDevice: device, LastDevice: device,
	}
}

// The keys of the values. Whoever finds left and right different has found half
// a change.
const left, right, odd = "left", "right", "odd"

// change is what the operation asks of a session.
func (o *operation) change() *satra.Change {
	c := &satra.Change{At: o.at()}
	text := []byte(strconv.Itoa(o.N))
	switch o.Kind {
	case commit:
		c.Set = []satra.Value{{Key: left, Data: text}, {Key: right, Data: text}}
		if o.N%2 == 1 {
			c.Set = append(c.Set, satra.Value{Key: odd, Data: text})
		} else {
			c.Delete = []string{odd}
		}
		if o.N%3 == 0 {
			c.Seen = o.at()
		}
	case count:
		c.IfRev = []satra.Rev{{Key: left, Rev: o.Rev}}
		c.Set = []satra.Value{{Key: left, Data: text}, {Key: right, Data: text}}
	case renew:
		c.Renew = &satra.Renew{Old: o.hashed("secret", o.From), New: o.hashed("secret", o.N), Successor: text, Keep: 2}
	case touch:
		c.Seen = o.at()
	case end:
		how := o.endOf(satra.ReasonSignedOut)
		c.End = &how
	case signIn:
		c.SignIn = &satra.Binding{
			Principal: o.Principal, Method: "password", Secret: o.hashed("secret", o.N), Seed: o.hashed("seed", o.N),
			Keep: []string{left, right}, Persistent: true, Epoch: o.Epoch,
			Limit: o.Limit, EndOldest: o.EndOldest, LimitEnd: o.endOf(satra.ReasonLimit),
		}
	}
	return c
}

// ending is what an endAll asks for.
func (o *operation) ending() satra.Ending {
	return satra.Ending{At: o.at(), Principal: o.Principal, Access: o.Access, End: o.endOf(satra.ReasonElsewhere)}
}
