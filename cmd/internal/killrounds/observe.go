package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/satra-sessions/satra"
)

// An observation is all that the store tells of what is in a log.
type observation struct {
	at      time.Time
	records map[satra.ID]*satra.Record // those that are there
	listed  map[string]map[satra.ID]bool
	states  map[string]satra.PrincipalState
}

// observe looks until it sees the same twice: what a process that was killed had
// sent may still be on its way.
func observe(ctx context.Context, s satra.Store, h *history) (observation, error) {
	var before observation
	for try := 0; ; try++ {
		now, err := look(ctx, s, h)
		if err != nil {
			return now, err
		}
		if try > 0 && now.same(before) {
			return now, nil
		}
		if try == 50 {
			return now, errors.New("the store does not come to rest")
		}
		before = now
	}
}

func (o observation) same(other observation) bool {
	return reflect.DeepEqual(o.records, other.records) && reflect.DeepEqual(o.listed, other.listed) && reflect.DeepEqual(o.states, other.states)
}

func look(ctx context.Context, s satra.Store, h *history) (observation, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return observation{}, err
	}
	seen := observation{
		at:      now,
		records: map[satra.ID]*satra.Record{}, listed: map[string]map[satra.ID]bool{}, states: map[string]satra.PrincipalState{},
	}
	for _, principal := range h.principals() {
		if seen.states[principal], err = s.Principal(ctx, principal); err != nil {
			return seen, fmt.Errorf("asking for a principal: %w", err)
		}
		if seen.listed[principal], err = listed(ctx, s, principal, now); err != nil {
			return seen, fmt.Errorf("listing a principal's sessions: %w", err)
		}
	}
	for _, id := range h.ids {
		r, err := s.Find(ctx, id, satra.Fresh)
		if errors.Is(err, satra.ErrNotFound) {
			continue
		}
		if err != nil {
			return seen, fmt.Errorf("finding a session: %w", err)
		}
		seen.records[id] = r
	}
	return seen, nil
}

// listed returns the live sessions of a principal.
func listed(ctx context.Context, s satra.Store, principal string, at time.Time) (map[satra.ID]bool, error) {
	all := map[satra.ID]bool{}
	q := satra.Query{At: at, Principal: &principal, Limit: 1000}
	for {
		page, err := s.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			all[r.ID] = true
		}
		if page.Next.IsZero() {
			return all, nil
		}
		q.After = page.Next
	}
}
