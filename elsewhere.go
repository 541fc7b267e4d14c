package satra

import (
	"encoding/binary"
	"sync"
	"time"
)

// A session that a thief has copied is used by two browsers in turn. The record knows
// the one that it was last used by, and a request of another browser, or of the same one
// on another system, is an event: no store is asked, and nothing is written. It says nothing by itself, and is for those
// who look at many events, such as package audit/detect.

// elsewherePause is how far apart two such events of a session are at least, but for
// those that the memory has no room for.
const elsewherePause = time.Minute

// An elsewhere remembers which sessions had such an event a moment ago, in a table
// of fixed size: sessions that share a place forget each other.
type elsewhere struct {
	mu   sync.Mutex
	seen [512]elsewhereSeen
}

type elsewhereSeen struct {
	id ID
	at time.Time
}

// first reports whether the session has had none within the pause, and notes it.
func (e *elsewhere) first(id ID, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	place := &e.seen[binary.LittleEndian.Uint16(id[:])%uint16(len(e.seen))]
	if place.id == id && now.Sub(place.at) < elsewherePause {
		return false
	}
	*place = elsewhereSeen{id, now}
	return true
}

// nameOf is what a browser is told as.
func nameOf(userAgent string) string {
	browser, system := DescribeUserAgent(userAgent)
	switch {
	case browser == "" && system == "":
		return "an unknown program"
	case browser == "":
		return "a browser on " + system
	case system == "":
		return browser
	}
	return browser + " on " + system
}

// noteElsewhere notes that the token of a session that is live and signed in came from another browser than the
// session was last used by.
func (s *state) noteElsewhere(rec *Record, now time.Time) {
	last := rec.LastDevice.UserAgent
	if len(s.m.options.Observers) == 0 || rec.Principal == "" || last == "" {
		return
	}
	if here := clip(s.r.UserAgent()); here != last && !sameDevice(here, last) && s.m.elsewhere.first(rec.ID, now) {
		s.note(Event{Kind: EventSeenElsewhere, Session: rec.ID, Principal: rec.Principal, Detail: "after " + nameOf(last)})
	}
}
