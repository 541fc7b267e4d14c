package browser

import (
	"net/http"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// left is the time to the end that the page knows of, in seconds.
func (s *stage) left() float64 {
	s.t.Helper()
	return chrome.Eval[float64](s.Tab, `sessionManager.deadline.left() / 1000`)
}

func (s *stage) wantLeft(want float64) {
	s.t.Helper()
	if got := s.left(); got < want-1 || got > want+1 {
		s.t.Errorf("time left: got %.3f s, want %.0f s", got, want)
	}
}

// idle gives the session another idle timeout.
func idle(d time.Duration) func(*fake) { return func(f *fake) { f.idle = d } }

func TestAskingDoesNotExtend(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	before := s.count("GET", "/info")
	s.pass(5 * time.Minute)
	if got := s.count("GET", "/info") - before; got < 9 || got > 11 {
		t.Errorf("got %d questions in 5 minutes, want one each 30 s", got)
	}
	s.wantCount("POST", "/extend", 0)
	for _, r := range s.seen("GET", "/info") {
		if r.Header.Get("X-Session-Background") != "1" || r.Header.Get("X-Session-Activity") != "" {
			t.Fatalf("a question counts as activity: %v", r.Header)
		}
	}
	s.wantLeft(3300)
}

func TestTheServersClockIsUsed(t *testing.T) {
	// The wall clock of the page is a month away from the server's, which is in
	// 2026, March: nothing but the server's own times may be compared.
	s := play(t, "")
	s.Run(`Date.now = () => 0`)
	s.Run(`sessionManager.refreshSessionInfo()`)
	s.wantLeft(3600)
}

func TestTheWarningComesOncePerTransition(t *testing.T) {
	s := play(t, "dialog=off", idle(20*time.Minute))
	s.StopTime()
	s.leap(14 * time.Minute)
	s.pass(55 * time.Second)
	s.wantEvents()
	s.pass(10 * time.Second)
	s.wantEvents("sessionWarning")
	if got := s.events()[0].Detail.RemainingSeconds; got < 299 || got > 300 {
		t.Errorf("remainingSeconds: got %d, want 300", got)
	}
	s.pass(2 * time.Minute)
	s.wantEvents("sessionWarning")

	s.change(func() { s.seenAt = s.now }) // somebody is active elsewhere
	s.pass(31 * time.Second)
	s.wantEvents("sessionWarning", "sessionRestored")
	s.leap(14 * time.Minute)
	s.pass(time.Minute)
	s.wantEvents("sessionWarning", "sessionRestored", "sessionWarning")
}

func TestNothingIsShownBeforeTheServerWasAsked(t *testing.T) {
	s := play(t, "dialog=off", idle(20*time.Minute))
	s.Run(`sessionManager.startSessionMonitoring(3600e3)`)
	s.StopTime()
	s.leap(10 * time.Minute)
	s.change(func() { s.seenAt = s.now })
	before := s.count("GET", "/info")
	s.pass(6 * time.Minute)
	s.wantEvents()
	s.wantCount("GET", "/info", before+1)
}

func TestTheEndIsToldOnce(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.leap(14 * time.Minute)
	s.pass(6*time.Minute + 3*time.Second)
	s.wantEvents("sessionWarning", "sessionExpired")
	d := s.events()[1].Detail
	if d.Message != "Session expired. Please refresh the page." || d.Reason != "idle" || d.Code != "SESSION_EXPIRED" {
		t.Errorf("detail: got %+v", d)
	}
	before := s.count("GET", "/info")
	s.pass(3 * time.Minute)
	s.wantEvents("sessionWarning", "sessionExpired")
	s.wantCount("GET", "/info", before)
	if chrome.Eval[bool](s.Tab, `sessionManager.checkSession()`) {
		t.Error("checkSession: got true after the end")
	}
	s.wantEvents("sessionWarning", "sessionExpired")
}

func TestAnEndByDecision(t *testing.T) {
	s := play(t, "")
	for i, reason := range []string{"signed_out_elsewhere", "administrator", "stolen", "disabled", "limit"} {
		s.change(func() { s.reason = reason })
		s.leap(0)
		events := s.events()
		if len(events) != i+1 || events[i].Name != "sessionExpired" {
			t.Fatalf("%s: got events %+v", reason, events)
		}
		if d := events[i].Detail; d.Reason != reason || d.Code != "SESSION_REVOKED" {
			t.Errorf("%s: detail: got %+v", reason, d)
		}
		s.change(func() { s.reason = "" })
		s.Run(`sessionManager.adoptSession()`)
	}
}

func TestASessionThatIsGone(t *testing.T) {
	// Another tab has signed out: there is no cookie, and nobody to say why.
	s := play(t, "")
	s.change(func() { s.id = "" })
	if chrome.Eval[bool](s.Tab, `sessionManager.checkSession()`) {
		t.Error("checkSession: got true without a session")
	}
	s.wantEvents("sessionExpired")
}

func TestAPageWithoutASession(t *testing.T) {
	s := play(t, "bare", func(f *fake) { f.id, f.principal = "", "" })
	s.StopTime()
	s.pass(2 * time.Minute)
	s.wantEvents()
	s.wantCount("GET", "/csrf-token", 0) // it would start one
	if !chrome.Eval[bool](s.Tab, `sessionManager.getSessionInfo().then((s) => s === null)`) {
		t.Error("getSessionInfo: want null")
	}
}

func TestTheWarningThreshold(t *testing.T) {
	for _, c := range []struct {
		what, query, script string
		idle                time.Duration
		want                time.Duration // before the end
	}{
		{"five minutes", "", "", time.Hour, 5 * time.Minute},
		{"the tag's", "warning=120", "", time.Hour, 2 * time.Minute},
		{"the method's", "", "sessionManager.setWarningThreshold(60)", time.Hour, time.Minute},
		{"never under 20 s", "", "sessionManager.setWarningThreshold(1)", time.Hour, 20 * time.Second},
		{"what is no number", "", "sessionManager.setWarningThreshold(Infinity)", time.Hour, 5 * time.Minute},
		{"half of a short idle timeout", "", "", 4 * time.Minute, 2 * time.Minute},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := play(t, "dialog=off&"+c.query, idle(c.idle))
			s.Run(c.script)
			s.StopTime()
			s.change(func() { s.now = s.now.Add(c.idle - c.want - 10*time.Second) })
			s.Run(`sessionManager.refreshSessionInfo()`)
			s.pass(8 * time.Second)
			s.wantEvents()
			s.pass(4 * time.Second)
			s.wantEvents("sessionWarning")
		})
	}
}

func TestDestroyRemovesEverything(t *testing.T) {
	s := play(t, "dialog=off")
	listeners := func() int {
		return s.listeners("window") + s.listeners("document")
	}
	with := listeners()
	s.StopTime()
	before := s.count("GET", "/info")
	s.answer("GET /info", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s.Run(`void (window.under = sessionManager.refreshSessionInfo().then(() => "answered", () => "aborted"))`)
	s.Run(`sessionManager.destroy()`)
	if got := chrome.Eval[string](s.Tab, `under`); got != "aborted" {
		t.Errorf("what was under way: got %s, want aborted", got)
	}
	if got := with - listeners(); got != 9 {
		t.Errorf("destroy removed %d listeners, want 9", got)
	}
	s.Run(`window.dispatchEvent(new Event("focus"))`)
	s.change(func() { s.reason = "administrator" })
	s.pass(2 * time.Minute)
	if chrome.Eval[bool](s.Tab, `sessionManager.init()`) || with-listeners() != 9 {
		t.Error("it begins again")
	}
	s.Run(`sessionManager.refreshSessionInfo().catch(() => {})`)
	s.wantCount("GET", "/info", before+1)
	s.wantEvents()
}

func TestDestroyDuringTheStart(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	s.Run(`window.other = new SessionManagerClient(); void other.init(); other.destroy();`)
	s.Run(`sessionManager.destroy()`)
	before := s.count("GET", "/info")
	s.pass(2 * time.Minute)
	if got := s.count("GET", "/info") - before; got > 1 {
		t.Errorf("got %d questions after destroy", got)
	}
}

func TestMonitoringCanBeStoppedAndStarted(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	s.Run(`sessionManager.stopSessionMonitoring()`)
	before := s.count("GET", "/info")
	s.pass(2 * time.Minute)
	s.wantCount("GET", "/info", before)
	s.Run(`sessionManager.startSessionMonitoring(10e3)`)
	s.pass(time.Minute)
	if got := s.count("GET", "/info") - before; got < 5 || got > 7 {
		t.Errorf("got %d questions in a minute, want one each 10 s", got)
	}
}
