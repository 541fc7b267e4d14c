package satra

import (
	"testing"
	"time"
)

func TestExpiry(t *testing.T) {
	t0 := time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	for _, test := range []struct {
		name           string
		seen           time.Time
		idle, lifetime time.Duration
		notAfter       time.Time
		want           time.Time
		why            Reason
	}{
		{"idle is nearer", at(0), time.Hour, 12 * time.Hour, time.Time{}, at(time.Hour), ReasonIdle},
		{"lifetime is nearer", at(11*time.Hour + 30*time.Minute), time.Hour, 12 * time.Hour, time.Time{}, at(12 * time.Hour), ReasonLifetime},
		{"both at once: the one that nothing moves", at(11 * time.Hour), time.Hour, 12 * time.Hour, time.Time{}, at(12 * time.Hour), ReasonLifetime},
		{"no idle timeout", at(0), Never, 12 * time.Hour, time.Time{}, at(12 * time.Hour), ReasonLifetime},
		{"no lifetime", at(100 * time.Hour), time.Hour, Never, time.Time{}, at(101 * time.Hour), ReasonIdle},
		{"neither", at(0), Never, Never, time.Time{}, time.Time{}, ""},
		{"a further end is nearest", at(0), time.Hour, 12 * time.Hour, at(time.Minute), at(time.Minute), ReasonDaily},
		{"a further end is farther", at(0), time.Hour, 12 * time.Hour, at(13 * time.Hour), at(time.Hour), ReasonIdle},
		{"a further end alone", at(0), Never, Never, at(time.Hour), at(time.Hour), ReasonDaily},
	} {
		got, why := expiry(t0, test.seen, test.idle, test.lifetime, test.notAfter)
		if !got.Equal(test.want) || why != test.why {
			t.Errorf("%s: got %v by %q, want %v by %q", test.name, got, why, test.want, test.why)
		}
	}
}

func TestLiveToTheInstant(t *testing.T) {
	t0 := time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC)
	r := &Record{Begun: t0, Seen: t0, Idle: time.Hour, Lifetime: 12 * time.Hour}
	end := t0.Add(time.Hour)
	if !r.Live(end.Add(-Precision)) {
		t.Error("a moment before the end: got over, want live")
	}
	for _, at := range []time.Time{end, end.Add(Precision)} {
		if over := r.Over(at); over == nil || over.Reason != ReasonIdle || !over.At.Equal(end) {
			t.Errorf("at %v: got %v, want over since %v by idle", at, over, end)
		}
	}
	r.Ended = &End{At: t0, Reason: ReasonStolen}
	if got := r.Over(end.Add(time.Hour)); got.Reason != ReasonStolen {
		t.Errorf("ended, then expired: got %q, want %q", got.Reason, ReasonStolen)
	}
}

func TestTouchDue(t *testing.T) {
	t0 := time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		idle, since time.Duration
		want        bool
	}{
		{time.Hour, 59 * time.Second, false}, {time.Hour, time.Minute, true},
		{time.Minute, 999 * time.Millisecond, false}, {time.Minute, time.Second, true},
		{Never, 59 * time.Second, false}, {Never, time.Minute, true},
		{time.Hour, -time.Minute, false}, // another node's clock is ahead
	} {
		if got := touchDue(t0, t0.Add(test.since), test.idle); got != test.want {
			t.Errorf("idle %v, seen %v ago: got %v, want %v", test.idle, test.since, got, test.want)
		}
	}
}
