package satra

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A DailyEnd is a time of the day at which sessions end, however young they
// are, because what they stand for ends then: the day of a broker, of an
// exchange, of a shift. The zero value is none.
type DailyEnd struct {
	Hour, Minute int
	Location     *time.Location // nil: there is no daily end
}

// ParseDailyEnd reads a time and the name of its zone: "06:00 Asia/Kolkata". The
// empty string is none. A program that may run where no zones are installed
// imports time/tzdata.
func ParseDailyEnd(s string) (DailyEnd, error) {
	if s == "" {
		return DailyEnd{}, nil
	}
	clock, zone, _ := strings.Cut(s, " ")
	at, err := time.Parse("15:04", clock)
	if err != nil || len(clock) != len("15:04") || zone == "" {
		return DailyEnd{}, fmt.Errorf("satra: %q is not a time and a zone; for example \"06:00 Asia/Kolkata\"", s)
	}
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return DailyEnd{}, fmt.Errorf("satra: %q: there is no zone %q here; for example \"06:00 Asia/Kolkata\" or \"06:00 UTC\"", s, zone)
	}
	return DailyEnd{at.Hour(), at.Minute(), location}, nil
}

// String is the form that [ParseDailyEnd] reads.
func (d DailyEnd) String() string {
	if d.Location == nil {
		return ""
	}
	return fmt.Sprintf("%02d:%02d %s", d.Hour, d.Minute, d.Location)
}

// Next returns the first such instant after t, in UTC, or the zero time if
// there is no daily end. Where clocks are put forward over the time, it is
// that much later on that day; where they are put back, it is one of the two.
func (d DailyEnd) Next(t time.Time) time.Time {
	if d.Location == nil {
		return time.Time{}
	}
	local := t.In(d.Location)
	for day := local.Day() - 1; ; day++ {
		next := time.Date(local.Year(), local.Month(), day, d.Hour, d.Minute, 0, 0, d.Location)
		if next.After(t) {
			return next.UTC()
		}
	}
}

func (d DailyEnd) check() error {
	if d.Hour < 0 || d.Hour > 23 || d.Minute < 0 || d.Minute > 59 {
		return fmt.Errorf("satra: Options.DailyEnd: %d:%02d is no time of the day", d.Hour, d.Minute)
	}
	if d.Location == nil && (d.Hour != 0 || d.Minute != 0) {
		return errors.New("satra: Options.DailyEnd: it has a time and no Location; ParseDailyEnd(\"06:00 Asia/Kolkata\") has both")
	}
	return nil
}
