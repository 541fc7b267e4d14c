package audit

import (
	"crypto/hmac"
	"fmt"
	"time"
)

// mostTries bounds the time for rows that are not genuine, whoever has put however
// many there: it is a second or two.
const mostTries = 1 << 20

const noSuchPlace = "a chain has no such place"

// step takes in the next row of a chain.
func (v *verification) step(w *walked, r Row) {
	b, _, why := v.ring.genuine(r)
	switch {
	case why == DoubtKey:
		v.find(r.Writer, r.Seq, r.Seq, FaultKey, fmt.Sprintf("key %x is not among those that are given", b.key))
	case why != "":
		v.fault(r, b)
	}
	genuine := why == ""
	if r.Seq < 1 || r.Writer == "" {
		if genuine {
			v.find(r.Writer, r.Seq, r.Seq, FaultAltered, noSuchPlace)
		}
		return
	}
	switch {
	case w.first == 0:
		w.first, w.trusted = r.Seq, genuine
		if genuine {
			w.prev = b.prev
		}
	case r.Seq != w.last+1:
		v.find(r.Writer, w.last+1, r.Seq-1, FaultRemoved, "they are missing between others")
	case genuine && w.unbroken && b.prev != w.lastMAC:
		v.find(r.Writer, r.Seq, r.Seq, FaultReplaced, "it does not follow the entry before it")
	}
	w.last, w.unbroken = r.Seq, genuine
	if !genuine {
		return
	}
	copy(w.lastMAC[:], r.MAC)
	at := time.UnixMicro(r.At).UTC()
	if v.report.First.IsZero() || at.Before(v.report.First) {
		v.report.First = at
	}
	if at.After(v.report.Last) {
		v.report.Last = at
	}
	for _, m := range b.marks {
		switch {
		case r.Kind != string(KindCut):
			v.vouch(m, fmt.Sprintf("entry %d of %s", r.Seq, r.Writer), r.At)
		case m.writer == "":
			v.before = max(v.before, m.seq)
		case m.seq > v.cuts[m.writer].seq:
			v.cuts[m.writer] = m
		}
	}
}

// fault tells a row that was moved or copied from one that was altered: elsewhere it
// would be genuine.
func (v *verification) fault(r Row, b *body) {
	if from, moved := v.origin(r, b); moved {
		v.find(r.Writer, r.Seq, r.Seq, FaultMoved, from)
		return
	}
	v.find(r.Writer, r.Seq, r.Seq, FaultAltered, "it is not as it was written")
}

// origin tells where a row was written, if it is a genuine one of this or another
// chain that there is.
func (v *verification) origin(r Row, b *body) (from string, moved bool) {
	if b == nil {
		return "", false
	}
	k := v.ring.find(b.key)
	if k == nil {
		return "", false
	}
	written := func(by string) bool {
		there := r
		there.Writer, there.Seq = by, b.seq
		mac := k.macOf(there)
		return hmac.Equal(mac[:], r.MAC)
	}
	if written(r.Writer) {
		return fmt.Sprintf("it was written as entry %d", b.seq), true
	}
	for writer := range v.chains {
		if v.tries == 0 {
			break
		}
		if v.tries--; written(writer) {
			return fmt.Sprintf("it was written as entry %d of %s", b.seq, writer), true
		}
	}
	return "", false
}
