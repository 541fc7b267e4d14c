package satra

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func TestDailyEnd(t *testing.T) {
	for _, c := range []struct{ end, at, want string }{
		{"06:00 Asia/Kolkata", "2026-03-02T00:29:59.999999Z", "2026-03-02T00:30:00Z"},
		{"06:00 Asia/Kolkata", "2026-03-02T00:30:00Z", "2026-03-03T00:30:00Z"},
		{"06:00 Asia/Kolkata", "2026-12-31T18:00:00Z", "2027-01-01T00:30:00Z"},
		{"00:00 UTC", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"},
		{"23:59 UTC", "2026-02-28T23:58:00Z", "2026-02-28T23:59:00Z"},
		{"06:00 Pacific/Auckland", "2026-03-02T00:00:00Z", "2026-03-02T17:00:00Z"}, // tomorrow there is today in UTC
		{"22:00 America/Los_Angeles", "2026-03-02T03:00:00Z", "2026-03-02T06:00:00Z"},
		{"02:30 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"}, // there is no 02:30 that day
	} {
		d, err := ParseDailyEnd(c.end)
		if err != nil || d.String() != c.end {
			t.Errorf("%q: got %q, %v", c.end, d, err)
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Next(at).Format(time.RFC3339Nano); got != c.want {
			t.Errorf("%s after %s: got %s, want %s", c.end, c.at, got, c.want)
		}
	}
	if d, err := ParseDailyEnd(""); err != nil || !d.Next(time.Now()).IsZero() {
		t.Errorf("none: got %v, %v", d, err)
	}
	for _, wrong := range []string{"06:00", "6:00 UTC", "24:00 UTC", "06:60 UTC", "06:00  UTC", "06:00 Local", "06:00 Nowhere/At_All", "UTC 06:00", " ", "06:00:00 UTC"} {
		if d, err := ParseDailyEnd(wrong); err == nil {
			t.Errorf("%q: got %v, want an error", wrong, d)
		}
	}
}
