// Package seal encrypts what a store keeps of sessions: their values, and the
// seeds that CSRF tokens are made from. Whoever gets a copy of the store's data
// (a dump, a backup, a disk) reads neither.
//
//	ring, err := seal.Open(ctx, seal.File("/var/lib/app/keys.json"), nil)
//	…
//	defer ring.Close()
//	store, err := seal.New(redis, ring, nil)
//	…
//	sessions, err := satra.New(store, nil)
//
// # What it protects
//
// A value is sealed with AES-256-GCM under a key of its session, which is
// derived from a key of the [Ring], and bound to the session's ID and to the
// key's name: moved to another session or another name it does not open. Of
// somebody who reads the data it hides values, seeds and what is made from them.
// It does not hide what the store has to work with: session IDs, principals,
// times, devices, the names of keys, and how long a value is. Tokens need no
// sealing: a store holds hashes of them only.
//
// Somebody who writes to the data, without a key, cannot make a value or a seed
// of their choice: what was not sealed here is not believed. They can destroy and
// remove values, put back an older one of the same session and name, and change
// all that is not sealed: whose a session is, above all. Sealing is no
// substitute for a store that strangers cannot write to.
//
// A process that seals has the keys: it protects nothing from somebody who
// takes over that process, or who gets the keys with the data. Keep the two apart
// in backups.
//
// # What cannot be opened
//
// A value whose key is not in the ring, or not yet, stays as it is:
// [satra.Key.Get] answers [satra.ErrUnreadable], the session goes on, and writes to
// other keys do not lose it. Of a seed that cannot be opened this process
// makes another one that nobody can foresee: CSRF tokens from before do not fit
// any more, and a page that is loaded anew works.
package seal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/satra-sessions/satra"
)

// Options of a [Store]. The zero value is the strict choice.
type Options struct {
	// InsecureAcceptPlain reads values and seeds that are not sealed as they
	// are, and seals a value when it is next written: for the time after
	// sealing was switched on, until the sessions from before are over.
	// Meanwhile somebody who can write to the store's data can plant values of
	// their choice, as without sealing.
	InsecureAcceptPlain bool
}

// A Store seals what it hands to another store, and opens what that hands back.
// It is safe for concurrent use. Lists and all that has no value in it go
// through as they are. It starts nothing; closing the other store and the ring is
// up to those who opened them.
type Store struct {
	satra.Store
	ring        *Ring
	acceptPlain bool
	features    satra.Features
}

// New returns a store that keeps its sealed records in store. nil options are
// the strict ones. One value may have 33 bytes less than store takes, and
// each more that a session has takes another 33.
func New(store satra.Store, ring *Ring, o *Options) (*Store, error) {
	if store == nil || ring == nil {
		return nil, errors.New("seal: New: it wants a store and a ring")
	}
	if o == nil {
		o = &Options{}
	}
	s := &Store{Store: store, ring: ring, acceptPlain: o.InsecureAcceptPlain, features: store.Features()}
	if most := s.features.MaxRecord; most != 0 {
		if most <= overhead {
			return nil, fmt.Errorf("seal: New: the store takes %d bytes of values, which is no more than sealing adds to one (%d)", most, overhead)
		}
		s.features.MaxRecord = most - overhead
	}
	return s, nil
}

// Features are those of the other store, but for MaxRecord: what one value
// may have.
func (s *Store) Features() satra.Features { return s.features }

// Create seals the record's values and its seed.
func (s *Store) Create(ctx context.Context, r *satra.Record) error {
	sealed, err := s.seal(r, false)
	if err != nil {
		return err
	}
	return s.Store.Create(ctx, sealed)
}

// Import seals what of the record is not sealed already. What is, stays as it
// is, even if its key is not in the ring: a record may come from a sealed store.
func (s *Store) Import(ctx context.Context, r *satra.Record) (bool, error) {
	sealed, err := s.seal(r, true)
	if err != nil {
		return false, err
	}
	return s.Store.Import(ctx, sealed)
}

// Find opens what the store has found.
func (s *Store) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	r, err := s.Store.Find(ctx, id, f)
	return s.open(ctx, r), err
}

// Apply seals what the change sets, and opens the record that comes back, with
// an error too.
func (s *Store) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	sealed, err := s.change(id, c)
	if err != nil {
		return satra.Result{}, err
	}
	result, err := s.Store.Apply(ctx, id, sealed)
	result.Record = s.open(ctx, result.Record)
	return result, err
}

// change returns c with its values and its seed sealed: c itself if it has
// neither, as most have.
func (s *Store) change(id satra.ID, c *satra.Change) (*satra.Change, error) {
	if len(c.Set) == 0 && c.SignIn == nil {
		return c, nil
	}
	k, err := s.ring.sealing()
	if err != nil {
		return nil, err
	}
	sealed := *c
	if len(c.Set) > 0 {
		sealed.Set = k.sealValues(id, c.Set, false)
	}
	if c.SignIn != nil {
		b := *c.SignIn
		if b.Seed, err = k.sealNewSeed(id, b.Seed); err != nil {
			return nil, err
		}
		sealed.SignIn = &b
	}
	return &sealed, nil
}

// seal returns r with its values and seeds sealed. kept leaves what is sealed
// already.
func (s *Store) seal(r *satra.Record, kept bool) (*satra.Record, error) {
	k, err := s.ring.sealing()
	if err != nil {
		return nil, err
	}
	sealed := *r
	if len(r.Values) > 0 {
		sealed.Values = k.sealValues(r.ID, r.Values, kept)
	}
	err = eachSeed(&sealed, func(seed satra.Seed) (satra.Seed, error) {
		if kept && !plainSeed(seed) {
			return seed, nil
		}
		return k.sealNewSeed(r.ID, seed)
	})
	return &sealed, err
}

// open returns r with its values and seeds opened, as far as they can be. r is
// the store's and is not changed.
func (s *Store) open(ctx context.Context, r *satra.Record) *satra.Record {
	if r == nil {
		return nil
	}
	opened := *r
	keys := s.ring.keysFor(ctx, r)
	if len(r.Values) > 0 {
		opened.Values = keys.openValues(r.ID, r.Values, s.acceptPlain)
	}
	eachSeed(&opened, func(seed satra.Seed) (satra.Seed, error) {
		return keys.openSeed(r.ID, seed, s.acceptPlain), nil
	})
	return &opened
}

// Format prints what the store is: it leads to a ring of keys.
func (s *Store) Format(w fmt.State, _ rune) { io.WriteString(w, "[sealed store]") }
