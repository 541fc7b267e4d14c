package settings

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a daily end names its zone, and not every machine has them

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// Who may make an account, how sign-ins last, and where accounts are kept.

// off is the value that turns a setting off.
const off = "off"

// minRenew is the core's own bound; maxLimit is more devices than anybody has.
const (
	minRenew    = 2 * time.Minute
	minRemember = time.Hour
	maxLimit    = 1000
)

// parseDatabase takes the names of stores that can be the application's own
// database as well.
func parseDatabase(s *Settings, v string) error {
	name, err := storename.Parse(v, s.DataDir)
	switch {
	case err != nil:
		return errors.New("not the name of a database")
	case name.Kind != "sqlite" && name.Kind != "postgres":
		return errors.New("not a database for accounts")
	case name.Shared:
		return errors.New("a file with more behind it: several programs may use this one as it is")
	}
	s.Database = v
	return nil
}

// DatabaseName is the database for accounts.Open: "sqlite" alone is app.db in the
// data directory. It may hold a password.
func (s *Settings) DatabaseName() string {
	if s.Database == "sqlite" {
		return "sqlite:" + filepath.Join(s.DataDir, "app.db")
	}
	return s.Database
}

// SignUpOpen reports whether anybody may make an account. With "auto" that is so
// where only this machine can reach the dashboard.
func (s *Settings) SignUpOpen() bool {
	if s.SignUp == "auto" {
		return s.Loopback() && s.PublicOrigin == ""
	}
	return s.SignUp == "open"
}

func showSignUp(s *Settings) string {
	switch {
	case s.SignUp != "auto":
		return s.SignUp
	case s.SignUpOpen():
		return "auto (open)"
	}
	return "auto (closed)"
}

// parseTimeOrOff is parseTime with a least value of its own, and off for none.
func parseTimeOrOff(least, most time.Duration, to func(*Settings) *time.Duration) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if v == off {
			*to(s) = satra.Never
			return nil
		}
		var d Settings
		if err := parseTime(most, func(s *Settings) *time.Duration { return &s.Remember })(&d, v); err != nil {
			return err
		}
		if d.Remember < least {
			return errors.New("too short")
		}
		*to(s) = d.Remember
		return nil
	}
}

func rightTimeOrOff(least, most time.Duration) string {
	return fmt.Sprintf("seconds or a duration from %s to %s, or off", spell(least), spell(most))
}

func spellOrOff(d time.Duration) string {
	if d == satra.Never {
		return off
	}
	return spell(d)
}

func parseLimit(s *Settings, v string) error {
	n, err := strconv.Atoi(v)
	switch {
	case v == off:
		n = satra.Unlimited
	case err != nil || v != strconv.Itoa(n):
		return errors.New("not a number")
	case n < 1:
		return errors.New("too few")
	case n > maxLimit:
		return errors.New("too many")
	}
	s.SessionLimit = n
	return nil
}

func showLimit(s *Settings) string {
	if s.SessionLimit == satra.Unlimited {
		return off
	}
	return strconv.Itoa(s.SessionLimit)
}

func parseDailyEnd(s *Settings, v string) error {
	end, err := satra.ParseDailyEnd(strings.TrimSpace(v))
	if err != nil {
		return errors.New("not a time of the day and its zone")
	}
	s.DailyEnd = end
	return nil
}
