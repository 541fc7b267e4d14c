package storetest_test

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/satra-sessions/satra"
)

// A twist is how a faulty store differs from Record.With: in what it takes the
// record and the change for, or in what it makes of the record afterwards. All
// three are copies.
type twist struct {
	before func(r *satra.Record, c *satra.Change)
	after  func(old *satra.Record, c *satra.Change, next *satra.Record)
}

var twists = map[string]twist{
	"with: a renewal raises the generation": {after: func(_ *satra.Record, c *satra.Change, next *satra.Record) {
		if c.Renew != nil {
			next.Generation++
		}
	}},
	"apply: changes what is over": {before: func(r *satra.Record, c *satra.Change) {
		if c.End == nil {
			r.Ended, r.Idle, r.Lifetime, r.NotAfter = nil, satra.Never, satra.Never, time.Time{}
		}
	}},
	"end: again":         {before: func(r *satra.Record, c *satra.Change) { r.Ended = nil }},
	"rev: not looked at": {before: func(_ *satra.Record, c *satra.Change) { c.IfRev = nil }},
	"delete: leaves a husk": {after: func(_ *satra.Record, c *satra.Change, next *satra.Record) {
		for _, key := range c.Delete {
			if _, set := next.Value(key); !set && next.Ended == nil {
				next.Values = append(slices.Clone(next.Values), satra.Value{Key: key, Rev: next.Version})
			}
		}
	}},
	"end: keeps the values": {after: func(old *satra.Record, c *satra.Change, next *satra.Record) {
		if c.End != nil {
			next.Values = old.Values
		}
	}},
	"touch: goes back": {after: func(_ *satra.Record, c *satra.Change, next *satra.Record) {
		if !c.Seen.IsZero() {
			next.Seen = c.Seen
		}
	}},
	"touch: the device of a late writer": {after: func(_ *satra.Record, c *satra.Change, next *satra.Record) {
		if c.Device != nil {
			next.LastDevice = *c.Device
		}
	}},
	"time: a microsecond late":  {before: func(_ *satra.Record, c *satra.Change) { c.At = c.At.Add(-satra.Precision) }},
	"time: a microsecond early": {before: func(_ *satra.Record, c *satra.Change) { c.At = c.At.Add(satra.Precision) }},
	"touch: begins anew": {after: func(_ *satra.Record, c *satra.Change, next *satra.Record) {
		if c.Seen.After(next.Begun) {
			next.Begun = c.Seen
		}
	}},
	"end: not of what never expires": {before: func(r *satra.Record, c *satra.Change) {
		if r.Idle == satra.Never && r.Lifetime == satra.Never {
			c.End = nil
		}
	}},
	"renew: forgets the old secret": {after: func(_ *satra.Record, c *satra.Change, next *satra.Record) {
		if c.Renew != nil {
			next.Retired = nil
		}
	}},
	"renew: each its own": {before: func(r *satra.Record, c *satra.Change) {
		if c.Renew != nil {
			renew := *c.Renew
			renew.Old, c.Renew = r.Secret, &renew
		}
	}},
	"refuse: each counts": {before: func(_ *satra.Record, c *satra.Change) {
		if c.Refused != nil {
			refused := *c.Refused
			refused.Window, c.Refused = 0, &refused
		}
	}},
	"refuse: any secret": {before: func(r *satra.Record, c *satra.Change) {
		if c.Refused != nil && len(r.Retired) > 0 {
			refused := *c.Refused
			refused.Secret, c.Refused = r.Retired[0].Secret, &refused
		}
	}},
	"sign-in: moves a session": {before: func(r *satra.Record, c *satra.Change) {
		if c.SignIn != nil {
			r.Principal = ""
		}
	}},
	"owner: not looked at":      {before: func(_ *satra.Record, c *satra.Change) { c.IfPrincipal = nil }},
	"generation: not looked at": {before: func(_ *satra.Record, c *satra.Change) { c.IfGeneration = nil }},
	"set: drops what is not JSON": {after: func(old *satra.Record, _ *satra.Change, next *satra.Record) {
		next.Values = slices.DeleteFunc(slices.Clone(next.Values), func(v satra.Value) bool { return !json.Valid(v.Data) })
	}},
}

// with is what the store makes of a record: what Record.With says, unless a
// fault says otherwise.
func (n *node) with(r *satra.Record, c *satra.Change) (*satra.Record, error) {
	twist := twists[n.fault]
	record, change := *r, *c
	if twist.before != nil {
		twist.before(&record, &change)
	}
	next, err := record.With(&change)
	if err == nil && twist.after != nil {
		twist.after(r, c, next)
	}
	return next, err
}
