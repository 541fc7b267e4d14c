package memstore

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/satra-sessions/satra"
)

// principals are the owners of one range of hashes: who has which sessions, and
// when they were last ended all at once.
type principals struct {
	mu     sync.Mutex
	first  map[string]*entry // the head of the list of a principal's entries
	states map[string]state  // of principals that were ended or disabled
}

// epochsLast is how much longer than a tombstone an epoch is remembered: a
// sign-in that began before the ending must find it, and may take an hour.
const epochsLast = 24 * time.Hour

// A state is what is remembered of a principal that was ended or disabled.
type state struct {
	epoch    uint64
	at       int64
	disabled bool
}

var seed = maphash.MakeSeed()

func (s *Store) principal(name string) *principals {
	return &s.principals[maphash.String(seed, name)%shardCount]
}

// epoch returns what a sign-in compares; p is locked.
func (s *Store) epoch(p *principals, name string) satra.Epoch {
	return satra.Epoch{Own: p.states[name].epoch, All: s.allEnded.Load()}
}

// signIn binds a record to a principal. The principal is locked throughout, so
// that it is atomic against its other sign-ins and endings.
func (s *Store) signIn(id satra.ID, c *satra.Change) (satra.Result, error) {
	s.everybody.RLock()
	defer s.everybody.RUnlock()
	b := c.SignIn
	p := s.principal(b.Principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.states[b.Principal].disabled {
		return satra.Result{}, satra.ErrDisabled
	}
	if s.epoch(p, b.Principal) != b.Epoch {
		return satra.Result{}, satra.ErrEpoch
	}
	over, err := s.overLimit(p, id, c)
	if err != nil {
		return satra.Result{}, err
	}
	// Those over the limit end first, so that nobody ever finds one too many
	// live; but only for a sign-in that will not be refused.
	if rec, err := s.wouldApply(id, c); err != nil {
		return satra.Result{Record: rec}, err
	}
	var ended []satra.Ended
	for _, old := range over {
		if x, ok := s.endOne(old, c.At, b.LimitEnd); ok {
			ended = append(ended, x)
		}
	}
	result, err := s.change(id, c)
	result.Ended = ended
	if err == nil {
		p.link(s, b.Principal, id)
	}
	return result, err
}

// wouldApply returns the error that c would meet now, and the record with it.
func (s *Store) wouldApply(id satra.ID, c *satra.Change) (*satra.Record, error) {
	rec, err := s.Find(context.Background(), id, satra.Fresh)
	if err != nil {
		return nil, err
	}
	next, err := rec.With(c)
	if err == nil {
		err = s.fits(next)
	}
	return rec, err
}

// overLimit returns the sessions that have to end for one more, oldest sign-in
// first; p is locked.
func (s *Store) overLimit(p *principals, id satra.ID, c *satra.Change) ([]satra.ID, error) {
	b := c.SignIn
	if b.Limit <= 0 {
		return nil, nil
	}
	live := s.liveOf(p, b.Principal, c.At, id)
	excess := len(live) + 1 - b.Limit
	if excess <= 0 {
		return nil, nil
	}
	if !b.EndOldest {
		return nil, satra.ErrLimit
	}
	over := make([]satra.ID, 0, excess)
	for range excess {
		oldest := 0
		for i, r := range live {
			if r.begun < live[oldest].begun {
				oldest = i
			}
		}
		over = append(over, live[oldest].id)
		live = append(live[:oldest], live[oldest+1:]...)
	}
	return over, nil
}

type liveSession struct {
	id    satra.ID
	begun int64
}

// liveOf returns the principal's live sessions but one; p is locked.
func (s *Store) liveOf(p *principals, name string, at time.Time, except satra.ID) []liveSession {
	var live []liveSession
	for e := p.first[name]; e != nil; e = e.next {
		if e.id == except {
			continue
		}
		sh := s.shard(e.id)
		sh.mu.RLock()
		if !e.removed && micros(at) < e.overAt() && !e.isEnded() {
			live = append(live, liveSession{e.id, e.begun})
		}
		sh.mu.RUnlock()
	}
	return live
}

// link adds the record to its principal's list; p is locked.
func (p *principals) link(s *Store, name string, id satra.ID) {
	sh := s.shard(id)
	sh.mu.RLock()
	e := sh.records[id]
	sh.mu.RUnlock()
	if e == nil || e.linked {
		return
	}
	if p.first == nil {
		p.first = map[string]*entry{}
	}
	e.next = p.first[name]
	if e.next != nil {
		e.next.prev = e
	}
	p.first[name] = e
	e.linked = true
}

// unlink takes a removed entry out of its principal's list.
func (s *Store) unlink(e *entry) {
	p := s.principal(e.principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !e.linked {
		return
	}
	e.linked = false
	if e.next != nil {
		e.next.prev = e.prev
	}
	switch {
	case e.prev != nil:
		e.prev.next = e.next
	case e.next != nil:
		p.first[e.principal] = e.next
	default:
		delete(p.first, e.principal)
	}
	e.next, e.prev = nil, nil
}

// Principal returns the epoch and whether the principal is disabled.
func (s *Store) Principal(ctx context.Context, name string) (satra.PrincipalState, error) {
	if err := ctx.Err(); err != nil {
		return satra.PrincipalState{}, err
	}
	p := s.principal(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	return satra.PrincipalState{Epoch: s.epoch(p, name), Disabled: p.states[name].disabled}, nil
}

// EndAll ends the sessions of one principal or of everybody.
func (s *Store) EndAll(ctx context.Context, e satra.Ending) ([]satra.Ended, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.boundTombstones()
	if e.Everybody {
		return s.endEverybody(e), nil
	}
	s.everybody.RLock()
	defer s.everybody.RUnlock()
	p := s.principal(e.Principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.states == nil {
		p.states = map[string]state{}
	}
	old := p.states[e.Principal]
	// A clone: the name may be a part of a long request.
	p.states[strings.Clone(e.Principal)] = state{s.epochs.Add(1), micros(e.At), e.Access == satra.AccessDeny || e.Access == satra.AccessKeep && old.disabled}
	if e.Access == satra.AccessAllow {
		return nil, nil
	}
	var ended []satra.Ended
	for _, member := range s.liveOf(p, e.Principal, e.At, e.Except) {
		if x, ok := s.endOne(member.id, e.At, e.End); ok {
			ended = append(ended, x)
		}
	}
	return ended, nil
}

// endEverybody ends all sessions, while no sign-in is under way.
func (s *Store) endEverybody(e satra.Ending) []satra.Ended {
	s.everybody.Lock()
	defer s.everybody.Unlock()
	s.allEnded.Store(s.epochs.Add(1))
	var ended []satra.Ended
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		ids := make([]satra.ID, 0, len(sh.records))
		for id := range sh.records {
			ids = append(ids, id)
		}
		sh.mu.RUnlock()
		for _, id := range ids {
			if id == e.Except {
				continue
			}
			if x, ok := s.endOne(id, e.At, e.End); ok {
				ended = append(ended, x)
			}
		}
	}
	return ended
}

// endOne ends a session, and reports whether it was this call that did.
func (s *Store) endOne(id satra.ID, at time.Time, end satra.End) (satra.Ended, bool) {
	_, err := s.change(id, &satra.Change{At: at, End: &end})
	return satra.Ended{ID: id, End: end}, err == nil
}

// forgetEpochs drops what nobody can ask for any more.
func (s *Store) forgetEpochs(before time.Time) {
	for i := range s.principals {
		p := &s.principals[i]
		p.mu.Lock()
		for name, st := range p.states {
			if !st.disabled && st.at < micros(before) {
				delete(p.states, name)
			}
		}
		p.mu.Unlock()
	}
}
