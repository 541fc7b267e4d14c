package audit

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// A person's entries of a quarter of a year are sealed under one key, so that
// keys end with retention although people stay.
const keyPeriod = 90 * 24 * time.Hour

const (
	keysLast   = time.Minute // for how long another node's erasure may be unknown here
	mostPeople = 10_000      // whose keys are remembered
)

// people are the keys of principals.
type people struct {
	sink Sink
	ring *Ring
	now  func() time.Time

	problem func(error)

	mu    sync.Mutex
	known map[string]person // by owner
}

type person struct {
	aead   cipher.AEAD // nil: there is none
	asked  time.Time
	broken bool // there is one that cannot be opened
}

func newPeople(sink Sink, ring *Ring, now func() time.Time, problem func(error)) *people {
	return &people{sink: sink, ring: ring, now: now, problem: problem, known: map[string]person{}}
}

// owner names the key of a principal for the time of an entry; index is the
// row's.
func owner(index []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(nil), index...), uint32(at.Unix()/int64(keyPeriod/time.Second)))
}

// of returns the AEAD for each draft, nil where there is no principal, and makes
// the keys that are missing. broken says whose key is there and cannot be opened.
func (p *people) of(ctx context.Context, k *derived, drafts []draft) (aeads []cipher.AEAD, broken []bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	owners := make([][]byte, len(drafts))
	for i, d := range drafts {
		if d.entry.Principal != "" {
			owners[i] = owner(k.principalIndex(d.entry.Principal), d.entry.At)
		}
	}
	missing, err := p.look(ctx, owners)
	if err != nil {
		return nil, nil, err
	}
	if len(missing) > 0 {
		keys := make([]WrappedKey, len(missing))
		for i, o := range missing {
			secret := make([]byte, secretSize)
			rand.Read(secret)
			keys[i] = WrappedKey{Owner: o, At: p.now().UnixMicro(), Key: k.wrapped(o, secret)}
			delete(p.known, string(o))
		}
		if err := p.sink.AddAuditKeys(ctx, keys); err != nil {
			return nil, nil, err
		}
		// Another node may have been first: what counts is what is there.
		still, err := p.look(ctx, missing)
		if err != nil {
			return nil, nil, err
		}
		if len(still) > 0 { // erased at this moment: they are made again
			return nil, nil, errors.New("keys that were added are not there")
		}
	}
	aeads, broken = make([]cipher.AEAD, len(drafts)), make([]bool, len(drafts))
	for i, o := range owners {
		if o != nil {
			known := p.known[string(o)]
			aeads[i], broken[i] = known.aead, known.broken
		}
	}
	return aeads, broken, nil
}

// look asks for keys that are not known, and returns the owners that have none.
func (p *people) look(ctx context.Context, owners [][]byte) (missing [][]byte, err error) {
	now := p.now()
	if len(p.known) > mostPeople {
		clear(p.known)
	}
	var ask [][]byte
	asked := map[string]bool{}
	for _, o := range owners {
		if o == nil || asked[string(o)] {
			continue
		}
		if known, ok := p.known[string(o)]; !ok || now.Sub(known.asked) > keysLast || now.Before(known.asked) {
			ask, asked[string(o)] = append(ask, o), true
		} else if known.aead == nil && !known.broken {
			missing, asked[string(o)] = append(missing, o), true
		}
	}
	if len(ask) == 0 {
		return missing, nil
	}
	keys, err := p.sink.AuditKeys(ctx, ask)
	if err != nil {
		return nil, err
	}
	for _, o := range ask {
		p.known[string(o)] = person{asked: now}
	}
	for _, w := range keys {
		if secret := p.ring.unwrapped(w.Owner, w.Key); secret != nil {
			p.known[string(w.Owner)] = person{aead: newAEAD(secret), asked: now}
		} else if asked[string(w.Owner)] {
			p.known[string(w.Owner)] = person{asked: now, broken: true}
			p.problem(errors.New("audit: the key of a principal cannot be opened, because the key that it is under is missing or it was altered: its entries are kept without what is personal"))
		}
	}
	for _, o := range ask {
		if known := p.known[string(o)]; known.aead == nil && !known.broken {
			missing = append(missing, o)
		}
	}
	return missing, nil
}

// forget drops what is known of owners whose keys were erased.
func (p *people) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.known)
}
