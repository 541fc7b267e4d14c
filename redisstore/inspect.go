package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Inspect looks at a server as Open does, and further, and changes nothing: how
// soon it answers, its version, what it keeps and what it drops when it is full,
// and its clock. Its errors are those of Open.
func Inspect(ctx context.Context, address string, o *Options) ([]Finding, error) {
	s, err := Open(ctx, address, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	reach, clock, err := s.clock(ctx)
	if err != nil {
		return nil, err
	}
	findings := append([]Finding{reach}, s.findings...)
	findings = append(findings, s.memory(ctx)...)
	return append(findings, clock), nil
}

// clockRounds is how often the server is asked for the time.
const clockRounds = 9

// clock tells how soon the server answers, and how far its clock is from this
// machine's, from the answer that came soonest.
func (s *Store) clock(ctx context.Context) (reach, clock Finding, err error) {
	var took []time.Duration
	var offset time.Duration
	for range clockRounds {
		asked := time.Now()
		theirs, err := s.Now(ctx)
		if err != nil {
			return reach, clock, err
		}
		round := time.Since(asked)
		if len(took) == 0 || round < slices.Min(took) {
			offset = theirs.Sub(asked.Add(round / 2))
		}
		took = append(took, round)
	}
	slices.Sort(took)
	reach = Finding{Setting: "reachable", Value: fmt.Sprintf("in %v, the middle of %d", took[len(took)/2].Round(time.Microsecond), len(took))}
	clock = Finding{Setting: "clock", Value: fmt.Sprintf("%+d ms to this machine's", offset.Milliseconds())}
	if offset.Abs() > time.Second {
		clock.Advice = "sessions are judged by the server's clock, logs are written by this machine's: let both follow a time server"
	}
	return reach, clock, nil
}

// memory tells how full the server is, as far as the user may ask.
func (s *Store) memory(ctx context.Context) []Finding {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	info, err := s.client.Do(ctx, s.client.B().Info().Section("memory", "stats", "replication").Build()).ToString()
	if err != nil {
		return nil // INFO was asked for before, and what to do about it said
	}
	number := func(name string) int64 { n, _ := strconv.ParseInt(infoField(info, name), 10, 64); return n }
	used, most := number("used_memory"), number("maxmemory")
	memory := Finding{Setting: "memory", Value: fmt.Sprintf("%d MiB used, no limit", used>>20)}
	if most > 0 {
		memory.Value = fmt.Sprintf("%d MiB used of %d", used>>20, most>>20)
		if used > most/10*8 {
			memory.Advice = "a full server takes no new sessions: raise maxmemory"
		}
	}
	evicted := Finding{Setting: "evicted_keys", Value: strconv.FormatInt(number("evicted_keys"), 10)}
	if evicted.Value != "0" {
		evicted.Advice = "the server has dropped keys since it was started, live sessions perhaps: set maxmemory-policy to noeviction"
	}
	role := Finding{Setting: "role", Value: infoField(info, "role")}
	if role.Value == "slave" {
		role.Value, role.Advice = "replica", "name the primary: a replica takes no changes"
	}
	return []Finding{memory, evicted, role}
}
