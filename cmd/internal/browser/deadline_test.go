package browser

import (
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// scripted makes a client whose clock, network and server's clock are the
// page's variables: ask(trip, before) has it ask, and the server answer before
// ms of the trip's ms have gone by.
const scripted = `
	window.clock = 1000;
	window.server = Date.parse("2026-01-01T00:00:00Z"); // its clock when the page's is 0
	window.speak = () => Response.json({ status: "success", session: {
		session_id: "AAAAAAAAAAAAAAAAAAAAAA", principal: "alice", extendable: true,
		now: new Date(server + clock).toISOString(), last_activity: "2026-01-01T00:00:00.000Z", expires_at: "2026-01-01T01:00:00.000Z" } });
	window.made = new SessionManagerClient({ dialog: false, env: {
		now: () => clock, wall: () => clock, setTimeout: () => 1, clearTimeout() {},
		fetch: async () => { clock += before; const response = speak(); clock += trip - before; return response; },
	} });
	window.ask = async (t, b) => { window.trip = t; window.before = b; await made.refreshSessionInfo(); return made.deadline.endsAt; };
`

func TestTheShortestTripTellsTheServersClock(t *testing.T) {
	s := play(t, "")
	s.Run(scripted)
	const hour = 3600e3 // the end, on the page's clock
	for _, c := range []struct {
		what string
		call string
		want float64
	}{
		{"the first trip is believed, to half of it", `ask(400, 0)`, hour + 200},
		{"a slow one moves that as far as it must", `ask(3000, 2900)`, hour + 100},
		{"a shorter one is better", `ask(40, 20)`, hour},
		{"and stays the best", `ask(3000, 0)`, hour},
		{"a clock that was put forward is followed", `(server += 60e3, ask(3000, 1500))`, hour - 58500},
		{"and one that was put back", `(server -= 60e3, ask(3000, 1500))`, hour - 1500},
		{"until a short trip tells it again", `ask(20, 10)`, hour},
	} {
		if got := chrome.Eval[float64](s.Tab, c.call); got != c.want {
			t.Errorf("%s: the end is at %.0f, want %.0f", c.what, got, c.want)
		}
	}
}

func TestNoTimerIsLong(t *testing.T) {
	s := play(t, "", idle(24*time.Hour))
	s.Run(`window.longest = 0;
		{ const set = window.setTimeout; window.setTimeout = (f, ms) => { longest = Math.max(longest, ms); return set(f, ms); }; }
		sessionManager.startSessionMonitoring(3600e3)`)
	s.StopTime()
	before := s.count("GET", "/info")
	s.pass(5 * time.Minute)
	if got := chrome.Eval[float64](s.Tab, `longest`); got < 29e3 || got > 30e3 {
		t.Errorf("the longest timer is %.0f ms, want 30000", got)
	}
	s.wantCount("GET", "/info", before) // short timers are no questions
}
