package market

import "time"

// A Phase is what the market is doing. Its text is meant for programs and
// style sheets; people read its [Phase.Label].
type Phase string

// The phases. Only in [Open] and [Special] shares are traded continuously.
const (
	// Unknown: the calendar does not cover the year. Nothing is guessed: a
	// market that is shown open while it rests is the costlier mistake.
	Unknown Phase = "unknown"

	// Closed: outside the hours, nights, weekends and the pause between the
	// close and the post-close session included.
	Closed Phase = "closed"

	// Holiday: the exchange rests, from midnight to midnight.
	Holiday Phase = "holiday"

	// PreOpen: orders for the opening auction are taken. The exchange ends it
	// at random within its last minute.
	PreOpen Phase = "pre-open"

	// Matching: the opening auction is held; no orders are taken.
	Matching Phase = "matching"

	// Open: the normal session.
	Open Phase = "open"

	// PostClose: orders at the closing price.
	PostClose Phase = "post-close"

	// Special: the normal session of a special day, Muhurat trading say.
	Special Phase = "special"

	// Unscheduled: a special session is held on this day, and the calendar
	// does not have its hours yet.
	Unscheduled Phase = "unscheduled"
)

// Trading reports whether shares are traded continuously.
func (p Phase) Trading() bool { return p == Open || p == Special }

// Label is the phase in words for people.
func (p Phase) Label() string {
	switch p {
	case Closed:
		return "Closed"
	case Holiday:
		return "Holiday"
	case PreOpen:
		return "Pre-open"
	case Matching:
		return "Pre-open, matching orders"
	case Open:
		return "Open"
	case PostClose:
		return "Post-close"
	case Special:
		return "Special session"
	case Unscheduled:
		return "Special session, time to be announced"
	}
	return "Calendar unknown"
}

// A Status is the state of the market at a moment. All times are in [IST].
type Status struct {
	At    time.Time // the moment
	Phase Phase
	Name  string    // of the holiday or the special session, else ""
	Since time.Time // when this began; zero if nobody knows

	// Next is the next change of phase, with At zero if the calendar ends
	// before. A page is out of date from then on.
	Next Change

	// Opens is when trading begins next after the moment, weekends and
	// holidays passed over. Its phase is Open or Special; or Unscheduled or
	// Unknown, at the midnight from which the calendar cannot tell; or At is
	// zero, if it is Unknown with no later year to look at.
	Opens Change
}

// A Change is a moment and what the market is doing from then on.
type Change struct {
	At    time.Time
	Phase Phase
	Name  string
}

// Known reports whether there is such a moment.
func (c Change) Known() bool { return !c.At.IsZero() }

// At returns the state of the market at t. It depends on nothing else.
func (c *Calendar) At(t time.Time) Status {
	d, here := c.find(t)
	s := Status{At: t.In(IST), Phase: here.phase, Name: here.name}
	s.Since = c.since(d, here)
	s.Next = c.next(d, here)
	s.Opens = s.Next
	for s.Opens.Known() && !s.Opens.Phase.opening() {
		d, here = c.find(s.Opens.At)
		s.Opens = c.next(d, here)
	}
	return s
}

// opening reports whether a search for the next trading ends here: because
// there is trading, or because it cannot be told.
func (p Phase) opening() bool { return p.Trading() || p == Unscheduled || p == Unknown }
