package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

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
// against them.
func (s *Store) look(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	info, err := s.client.Do(ctx, s.client.B().Info().Section("server").Build()).ToString()
	if err != nil {
		if !refused(err) {
			return fault(ctx, err)
		}
		s.findings = append(s.findings, Finding{"redis_version", "", "allow the user INFO, so that the version can be looked at"})
	} else {
		version := infoField(info, "redis_version")
		if tooOld(version) {
			return fmt.Errorf("redisstore: the server is Redis %s; 6.2 or newer is needed", version)
		}
		s.findings = append(s.findings, Finding{Setting: "redis_version", Value: version})
	}
	var errs []error
	for _, w := range wanted {
		m, err := s.client.Do(ctx, s.client.B().ConfigGet().Parameter(w.setting).Build()).AsStrMap()
		if err != nil && !refused(err) {
			return fault(ctx, err)
		}
		f := Finding{Setting: w.setting, Value: m[w.setting]}
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
	return errors.Join(errs...)
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
