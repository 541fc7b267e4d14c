package memstore

import (
	"context"
	"errors"
	"slices"

	"github.com/satra-sessions/satra"
)

// Import takes in a record from another store.
func (s *Store) Import(ctx context.Context, r *satra.Record) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if r.ID.IsZero() {
		return false, errors.New("memstore: Import: a record has an ID")
	}
	if err := s.fits(r); err != nil {
		return false, err
	}
	if !s.has(r.ID) {
		if err := s.makeRoom(r.Seen); err != nil { // now: it takes the locks of other principals
			return false, err
		}
	}
	defer s.boundTombstones()
	s.everybody.RLock()
	defer s.everybody.RUnlock()
	p := s.principal(r.Principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	changed, err := s.put(r)
	if changed && r.Principal != "" {
		p.link(s, r.Principal, r.ID)
	}
	return changed, err
}

// put adds the record, or puts it over the one that is there.
func (s *Store) put(r *satra.Record) (bool, error) {
	for {
		changed, err := s.merge(r)
		if !errors.Is(err, satra.ErrNotFound) {
			return changed, err
		}
		if err = s.add(r); !errors.Is(err, satra.ErrExists) { // not created meanwhile
			return err == nil, err
		}
	}
}

// merge puts a record over the one that is there.
func (s *Store) merge(r *satra.Record) (bool, error) {
	sh := s.shard(r.ID)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.records[r.ID]
	if e == nil {
		return false, satra.ErrNotFound
	}
	old := e.unpack(sh)
	next, err := old.Merge(r)
	if err != nil || next == old {
		return false, err
	}
	s.replace(sh, e, old, next)
	return true, nil
}

// Disabled lists the principals that are disabled. It looks at all that were
// ever ended or disabled and are remembered.
func (s *Store) Disabled(ctx context.Context, after string, limit int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var names []string
	for i := range s.principals {
		p := &s.principals[i]
		p.mu.Lock()
		for name, st := range p.states {
			if st.disabled && name > after {
				names = append(names, name)
			}
		}
		p.mu.Unlock()
	}
	slices.Sort(names)
	return names[:min(len(names), max(1, min(limit, 1000)))], nil
}
