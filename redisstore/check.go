package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// A Finding is what the store found out about its server when it was opened.
type Finding struct {
	Setting string // "appendfsync", …
	Value   string // "" if the server does not tell
	Advice  string // what to do about it; "" if nothing
}

// Findings returns what Open saw of the server's settings, for a start-up report.
func (s *Store) Findings() []Finding { return append([]Finding(nil), s.findings...) }

// wanted are the settings that decide what survives.
var wanted = []struct{ setting, value, why string }{
	{"appendonly", "yes", "without it a restart loses what came after the last snapshot"},
	{"appendfsync", "always", "otherwise a power cut loses the last second or more, ends included"},
	{"maxmemory-policy", "noeviction", "otherwise a full server drops live sessions, and what is known of principals"},
}

// look reads the server's version and settings, and holds the declaration
// against them. Of a Cluster's nodes every one that answers is asked, and the
// worst answer counts.
func (s *Store) look(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var last error
	var seen []map[string]string
	for _, server := range s.servers() {
		settings, err := s.settings(ctx, server)
		switch {
		case err == nil:
			seen = append(seen, settings)
		case s.cluster:
			last = err // others may answer
		default:
			return err
		}
	}
	if len(seen) == 0 {
		return last
	}
	return s.judge(seen)
}

// settings asks one server. What its user may not ask for is missing.
func (s *Store) settings(ctx context.Context, server rueidis.Client) (map[string]string, error) {
	all := map[string]string{}
	for _, section := range []string{"server", "replication"} {
		info, err := server.Do(ctx, server.B().Info().Section(section).Build()).ToString()
		if err != nil && !refused(err) {
			return nil, fault(ctx, err)
		}
		for _, name := range []string{"redis_version", "role", "connected_slaves"} {
			if value := infoField(info, name); value != "" {
				all[name] = value
			}
		}
	}
	for _, w := range wanted {
		m, err := server.Do(ctx, server.B().ConfigGet().Parameter(w.setting).Build()).AsStrMap()
		if err != nil && !refused(err) {
			return nil, fault(ctx, err)
		}
		all[w.setting] = m[w.setting]
	}
	return all, nil
}

// judge says what there is to say of the servers' settings.
func (s *Store) judge(seen []map[string]string) error {
	version := seen[0]["redis_version"]
	for _, settings := range seen {
		if !s.cluster && settings["role"] == "slave" {
			return fmt.Errorf("redisstore: the server is a replica, which takes no changes; name its primary: %w", satra.ErrUnavailable)
		}
		if v := settings["redis_version"]; tooOld(v) {
			return fmt.Errorf("redisstore: the server is Redis %s; 6.2 or newer is needed", v)
		}
	}
	if version == "" {
		s.findings = append(s.findings, Finding{"redis_version", "", "allow the user INFO, so that the version can be looked at"})
	} else {
		s.findings = append(s.findings, Finding{Setting: "redis_version", Value: version})
	}
	var errs []error
	for _, w := range wanted {
		f := Finding{Setting: w.setting, Value: w.value}
		for _, settings := range seen {
			if v := settings[w.setting]; v != w.value && (v != "" || f.Value == w.value) {
				f.Value = v
			}
		}
		switch {
		case f.Value == "":
			f.Advice = "allow the user CONFIG GET, or make sure that it is " + w.value + ": " + w.why
		case f.Value != w.value:
			f.Advice = "set it to " + w.value + ": " + w.why
			if s.options.Durable == satra.DurablePower {
				errs = append(errs, fmt.Errorf("redisstore: Options.Durable declares DurablePower, and the server has %s %s; set it to %s: %s",
					w.setting, f.Value, w.value, w.why))
			}
		}
		s.findings = append(s.findings, f)
	}
	return errors.Join(append(errs, s.judgeReplicas(seen))...)
}

// judgeReplicas looks for nodes of a Cluster that may take over from a primary.
func (s *Store) judgeReplicas(seen []map[string]string) error {
	replicas := 0
	for _, settings := range seen {
		if n, err := strconv.Atoi(settings["connected_slaves"]); err == nil && s.cluster && settings["role"] == "master" {
			replicas += n
		}
	}
	if replicas == 0 {
		return nil
	}
	s.findings = append(s.findings, Finding{"replicas", strconv.Itoa(replicas),
		"a failover to one can lose what was acknowledged, ends included; where that must not be, keep primaries alone"})
	if s.options.Durable == satra.DurablePower {
		return fmt.Errorf("redisstore: Options.Durable declares DurablePower, and the Cluster has %d replicas that may take over"+
			" and lack what was acknowledged; declare DurableNot, or keep primaries alone", replicas)
	}
	return nil
}

// refused reports that the server answered, with no.
func refused(err error) bool {
	var answer interface{ IsNil() bool }
	return errors.As(err, &answer)
}

func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// tooOld reports a version before 6.2. One that cannot be read is not.
func tooOld(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err == nil && err2 == nil && (major < 6 || major == 6 && minor < 2)
}
