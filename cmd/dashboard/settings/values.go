package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// The parsers return an error that goes on after "… is": what the value is
// instead of what it should be. A value that they refuse changes nothing.

// optional takes any text on one line.
func optional(to func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if strings.ContainsFunc(v, unicode.IsControl) {
			return errors.New("a text with a control character")
		}
		*to(s) = v
		return nil
	}
}

func needed(to func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if strings.TrimSpace(v) == "" {
			return errors.New("not enough")
		}
		return optional(to)(s, v)
	}
}

func oneOf(to func(*Settings) *string, otherwise string, choices ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if !slices.Contains(choices, v) {
			return errors.New(otherwise)
		}
		*to(s) = v
		return nil
	}
}

// parseStore looks at the form of the name: whether the store is there is for
// the start to find out.
func parseStore(s *Settings, v string) error {
	_, err := storename.Parse(v, s.DataDir)
	s.Store = v
	return err
}

func parseSwitch(to func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if v != "true" && v != "false" {
			return errors.New("neither true nor false")
		}
		*to(s) = v == "true"
		return nil
	}
}

// parseTime takes seconds, as the variable of the original program has them,
// or a Go duration.
func parseTime(most time.Duration, to func(*Settings) *time.Duration) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		d, err := time.ParseDuration(v)
		if n, bare := strconv.ParseInt(v, 10, 64); bare == nil {
			d, err = time.Duration(max(-1, min(n, int64(most/time.Second)+1)))*time.Second, nil
		}
		switch {
		case err != nil:
			return errors.New("not a duration")
		case d < minTime:
			return errors.New("too short")
		case d > most:
			return errors.New("too long")
		case d%time.Second != 0:
			return errors.New("not in whole seconds")
		}
		*to(s) = d
		return nil
	}
}

func rightTime(most time.Duration) string {
	return fmt.Sprintf("seconds such as 3600 or a duration such as 90m, from 1s to %s", spell(most))
}

// spell writes a duration without the zeros of its String: 1h30m, not 1h30m0s.
func spell(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func parseLevel(s *Settings, v string) error {
	level, ok := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}[v]
	if !ok {
		return errors.New("not a level")
	}
	s.LogLevel = level
	return nil
}

func parseAddr(s *Settings, v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return errors.New("not host:port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || port != strconv.FormatUint(n, 10) {
		return errors.New("without a port from 0 to 65535")
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !validHost(host) {
		return errors.New("without the name or the address of a host")
	}
	s.Addr = v
	return nil
}

// parseProxies reads addresses and networks. A network of everybody is
// refused: each client could then claim any address.
func parseProxies(s *Settings, v string) error {
	var list []netip.Prefix
	for _, item := range strings.Split(v, ",") {
		item = strings.TrimSpace(item)
		if item == "" && strings.TrimSpace(v) == "" {
			break
		}
		p, err := parseProxy(item)
		if err != nil {
			return err
		}
		list = append(list, p)
	}
	s.TrustedProxies = list
	return nil
}

func parseProxy(item string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(item)
	if err != nil {
		addr, err := netip.ParseAddr(item)
		if err != nil || addr.Zone() != "" {
			return p, fmt.Errorf("wrong: %s is neither an address nor a network", quote(item))
		}
		p = netip.PrefixFrom(addr, addr.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	switch {
	case p.Bits() == 0:
		return p, fmt.Errorf("wrong: %s is everybody, and everybody could then claim any address", quote(item))
	case p != p.Masked():
		return p, fmt.Errorf("wrong: %s has bits behind its length, perhaps %s is meant", quote(item), p.Masked())
	}
	return p, nil
}

func showProxies(s *Settings) string {
	var list []string
	for _, p := range s.TrustedProxies {
		if p.IsSingleIP() {
			list = append(list, p.Addr().String())
			continue
		}
		list = append(list, p.String())
	}
	return strings.Join(list, ",")
}
