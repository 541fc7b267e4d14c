package satra

import "time"

// Never, as a duration of an option or a record, is no limit at all.
const Never time.Duration = -1

// Precision is the precision of every time in a record: what the coarsest
// store, PostgreSQL, keeps exactly. The manager rounds down before it decides,
// so that all nodes and stores decide on the same instant.
const Precision = time.Microsecond

// expiry returns the instant from which a session is over and what ends it
// then: idle after it was last seen, but never later than lifetime after it
// began, nor than notAfter unless that is zero. The zero time means never.
func expiry(began, seen time.Time, idle, lifetime time.Duration, notAfter time.Time) (time.Time, Reason) {
	var end time.Time
	var why Reason
	if idle >= 0 {
		end, why = seen.Add(idle), ReasonIdle
	}
	if absolute, which := absoluteExpiry(began, lifetime, notAfter); !absolute.IsZero() && (end.IsZero() || !absolute.After(end)) {
		end, why = absolute, which
	}
	return end, why
}

// absoluteExpiry returns the end that no activity moves and which limit it is, or
// the zero time.
func absoluteExpiry(began time.Time, lifetime time.Duration, notAfter time.Time) (time.Time, Reason) {
	end, why := notAfter, ReasonDaily
	if lifetime >= 0 {
		if limit := began.Add(lifetime); end.IsZero() || limit.Before(end) {
			end, why = limit, ReasonLifetime
		}
	}
	return end, why
}

// touchDue reports whether last-seen is old enough to be written again: at
// most once per 1/60 of the idle timeout, so that reads do not cost a write
// each. Without an idle timeout it is worth one write a minute, for the list
// of devices.
func touchDue(seen, now time.Time, idle time.Duration) bool {
	step := idle / 60
	if idle < 0 {
		step = time.Minute
	}
	return now.Sub(seen) >= step
}
