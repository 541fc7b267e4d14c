package browser

import (
	"net/http"
	"slices"
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
	s.pass(14*time.Minute + 55*time.Second)
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
	s.pass(15 * time.Minute)
	s.wantEvents("sessionWarning", "sessionRestored", "sessionWarning")
}

func TestNothingIsShownBeforeTheServerWasAsked(t *testing.T) {
	s := play(t, "dialog=off", idle(20*time.Minute))
	s.Run(`sessionManager.startSessionMonitoring(3600e3)`)
	s.StopTime()
	s.pass(10 * time.Minute)
	s.change(func() { s.seenAt = s.now })
	before := s.count("GET", "/info")
	s.pass(6 * time.Minute)
	s.wantEvents()
	s.wantCount("GET", "/info", before+1)
}

func TestTheEndIsToldOnce(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.pass(20*time.Minute + 3*time.Second)
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
	for _, reason := range []string{"signed_out_elsewhere", "administrator", "stolen", "disabled", "limit"} {
		t.Run(reason, func(t *testing.T) {
			s := play(t, "")
			s.StopTime()
			s.change(func() { s.reason = reason })
			s.pass(31 * time.Second)
			s.wantEvents("sessionExpired")
			if d := s.events()[0].Detail; d.Reason != reason || d.Code != "SESSION_REVOKED" {
				t.Errorf("detail: got %+v", d)
			}
		})
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

func TestExtend(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.pass(5 * time.Minute)
	if !chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Fatal("extendSession: got false")
	}
	s.wantLeft(1200)
	s.wantEvents("sessionExtended")
	r := s.seen("POST", "/extend")[0]
	if r.Header.Get("X-CSRF-Token") != s.token || r.Header.Get("X-Session-Activity") != "1" {
		t.Errorf("headers: got %v", r.Header)
	}
	s.wantCount("GET", "/csrf-token", 0) // the page brought it
}

func TestExtendWithAnOldToken(t *testing.T) {
	s := play(t, "")
	s.change(s.newToken)
	if !chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Fatal("extendSession: got false")
	}
	s.wantCount("POST", "/extend", 2)
	s.wantCount("GET", "/csrf-token", 1)
}

func TestExtendingIsNotConfirmed(t *testing.T) {
	for name, broken := range map[string]http.HandlerFunc{
		"cut": silence, "unavailable": refusal(503, "STORE_UNAVAILABLE"), "not JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("<p>Welcome to the hotel's network"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, "")
			// Chromium itself repeats what was cut on an old connection.
			s.answer("POST /extend", slices.Repeat([]http.HandlerFunc{broken}, 10)...)
			if chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
				t.Error("extendSession: got true though the server has not confirmed")
			}
			s.wantEvents()
		})
	}
}

func TestExtendWithoutASession(t *testing.T) {
	s := play(t, "")
	s.change(func() { s.id = "" })
	if chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Error("extendSession: got true")
	}
	s.wantEvents("sessionExpired")
}

func TestClear(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	token := s.token
	if !chrome.Eval[bool](s.Tab, `sessionManager.clearSession()`) {
		t.Fatal("clearSession: got false")
	}
	if got := s.seen("POST", "/clear")[0].Header.Get("X-CSRF-Token"); got != token {
		t.Errorf("token: got %q, want %q", got, token)
	}
	before := s.count("GET", "/info")
	s.pass(2 * time.Minute)
	s.wantCount("GET", "/info", before)
	s.wantEvents() // who signed out knows it
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

// gaps are the pauses between the questions from the nth on, in seconds.
func (s *stage) gaps(n int) []int {
	asked := s.seen("GET", "/info")[n:]
	gaps := []int{}
	for i := 1; i < len(asked); i++ {
		gaps = append(gaps, int(asked[i].At.Sub(asked[i-1].At).Seconds()+.5))
	}
	return gaps
}

func TestBackOff(t *testing.T) {
	for _, c := range []struct {
		random string
		want   []int
	}{
		{"0", []int{1, 2, 4, 8, 16, 32, 60, 60}},
		{"1", []int{1, 1, 2, 4, 8, 16, 30, 30}}, // up to half is taken off, but never less than a second
	} {
		s := play(t, "")
		s.Run(`Math.random = () => ` + c.random)
		s.StopTime()
		before := s.count("GET", "/info")
		for range 9 {
			s.answer("GET /info", refusal(503, "STORE_UNAVAILABLE"))
		}
		s.pass(30*time.Second + 3*time.Minute + 10*time.Second)
		got := s.gaps(before)
		for i, want := range c.want {
			if i >= len(got) || got[i] < want || got[i] > want+1 {
				t.Errorf("random %s: pauses after failures: got %v, want about %v", c.random, got, c.want)
				break
			}
		}
		s.wantEvents()
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	before := s.count("GET", "/info")
	s.answer("GET /info", refusal(429, "RATE_LIMITED", "Retry-After", "45"))
	s.pass(31 * time.Second)
	s.wantCount("GET", "/info", before+1)
	s.pass(10 * time.Second)
	s.Run(`window.dispatchEvent(new Event("focus"))`)
	s.pass(30 * time.Second)
	s.wantCount("GET", "/info", before+1)
	s.pass(8 * time.Second)
	s.wantCount("GET", "/info", before+2)
}

func TestAQuestionIsGivenUpAfterTenSeconds(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	before := s.count("GET", "/info")
	end := make(chan struct{})
	defer close(end)
	hang := func(http.ResponseWriter, *http.Request) { <-end }
	s.answer("GET /info", hang)
	s.Run(`window.outcome = "waiting"; void sessionManager.refreshSessionInfo().catch((e) => { outcome = e.status + " " + e.name; })`)
	s.Wait("the question", func() bool { return s.count("GET", "/info") == before+1 })
	s.Outwait(9900 * time.Millisecond)
	if got := chrome.Eval[string](s.Tab, `outcome`); got != "waiting" {
		t.Errorf("after 9.9 s: got %q, want waiting", got)
	}
	s.Outwait(200 * time.Millisecond)
	s.Until(`outcome === "0 SessionApiError"`)
}

func TestOfflineIsNotExpired(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.pass(10 * time.Minute)
	s.Offline(true)
	s.pass(15 * time.Minute)
	s.wantEvents("sessionWarning") // which needs no server
	s.Until(`document.querySelector("#satra-note").textContent === "Checking with the server…"`)
	s.Offline(false) // raises the event online
	s.Until(`seen.length === 2`)
	s.wantEvents("sessionWarning", "sessionExpired")
}

func TestOnlineAgainAndStillAlive(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.Offline(true)
	s.pass(21 * time.Minute)
	s.change(func() { s.seenAt = s.now })
	s.Offline(false)
	s.Until(`seen.length === 2`)
	s.wantEvents("sessionWarning", "sessionRestored")
}

func TestAFailedStartIsTriedAgain(t *testing.T) {
	s := play(t, "bare", func(f *fake) { f.answer("GET /info", silence, refusal(503, "STORE_UNAVAILABLE")) })
	s.Until(`sessionManager.session !== null`)
	s.wantEvents()
}

func TestWhateverLetTimePassMeansAsking(t *testing.T) {
	for _, script := range []string{
		`document.dispatchEvent(new Event("visibilitychange"))`,
		`document.dispatchEvent(new Event("resume"))`,
		`window.dispatchEvent(new Event("focus"))`,
		`window.dispatchEvent(new Event("online"))`,
		`window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`,
	} {
		s := play(t, "")
		s.StopTime()
		s.pass(5 * time.Second)
		before := s.count("GET", "/info")
		s.Run(script)
		s.Wait(script, func() bool { return s.count("GET", "/info") == before+1 })
	}
}

func TestSleepIsNoticed(t *testing.T) {
	s := play(t, "")
	s.Run(`sessionManager.startSessionMonitoring(3600e3)`)
	s.StopTime()
	s.pass(31 * time.Second)
	before := s.count("GET", "/info")
	s.Run(`{ const now = Date.now; Date.now = () => now() + 3600e3; }`) // what a sleep does
	s.change(func() { s.reason = "signed_out_elsewhere" })
	s.pass(31 * time.Second)
	s.wantCount("GET", "/info", before+1)
	s.wantEvents("sessionExpired")
}

func TestALateAnswerDoesNotUndoAnExtension(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.pass(5 * time.Minute)
	release := make(chan struct{})
	s.change(func() {
		old := s.session()
		s.answers["GET /info"] = []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			<-release
			reply(w, 200, map[string]any{"status": "success", "session": old})
		}}
		s.now = s.now.Add(time.Second)
	})
	before := s.count("GET", "/info")
	s.Run(`void sessionManager.refreshSessionInfo()`)
	s.Wait("the question", func() bool { return s.count("GET", "/info") == before+1 })
	s.Run(`sessionManager.extendSession()`)
	close(release)
	s.Until(`sessionManager.flights.size === 0`)
	s.wantLeft(1200)
}

func TestAPageFromTheCacheIsHiddenUntilTheServerHasSpoken(t *testing.T) {
	const restored = `window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`
	const hidden = `getComputedStyle(document.querySelector("h1")).visibility === "hidden"`

	t.Run("signed in", func(t *testing.T) {
		s := play(t, "")
		release := make(chan struct{})
		s.answer("GET /info", func(w http.ResponseWriter, r *http.Request) {
			<-release
			s.change(func() { s.info(w, r) })
		})
		s.Run(restored)
		s.Until(hidden)
		close(release)
		s.Until(`!(` + hidden + `)`)
	})
	t.Run("signed out", func(t *testing.T) {
		s := play(t, "")
		s.Run(`window.old = true`)
		s.change(func() { s.id = "" })
		s.Run(restored)
		s.Until(`document.readyState === "complete" && !window.old`) // loaded again: the server decides
	})
	t.Run("guest", func(t *testing.T) {
		s := play(t, "", func(f *fake) { f.principal = "" })
		s.answer("GET /info", silence)
		s.Run(restored)
		if chrome.Eval[bool](s.Tab, hidden) {
			t.Error("a page that is nobody's was hidden")
		}
	})
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
