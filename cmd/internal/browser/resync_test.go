package browser

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// gaps are the pauses between the page's questions since it was told to note
// them, in seconds on its own clock, to half a one.
func (s *stage) gaps() []float64 {
	s.t.Helper()
	return chrome.Eval[[]float64](s.Tab, `asked.slice(1).map((at, i) => Math.round((at - asked[i]) / 500) / 2)`)
}

func (s *stage) noteQuestions() {
	s.t.Helper()
	s.Run(`window.asked = [];
		{ const ask = window.fetch; window.fetch = (url, init) => { asked.push(performance.now()); return ask(url, init); }; }`)
}

func TestBackOff(t *testing.T) {
	for _, c := range []struct {
		random string
		want   []float64
	}{
		{"0", []float64{1, 2, 4, 8, 16, 32, 60, 60}},
		{"1", []float64{1, 1, 2, 4, 8, 16, 30, 30}}, // up to half is taken off, but never less than a second
	} {
		s := play(t, "")
		s.Run(`Math.random = () => ` + c.random)
		s.StopTime()
		s.noteQuestions()
		for range 9 {
			s.answer("GET /info", refusal(503, "STORE_UNAVAILABLE"))
		}
		s.pass(30*time.Second + 3*time.Minute + 10*time.Second)
		if got := s.gaps(); len(got) < len(c.want) || !slices.Equal(got[:len(c.want)], c.want) {
			t.Errorf("random %s: pauses after failures: got %v, want %v", c.random, got, c.want)
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
	s.leap(14 * time.Minute)
	s.Offline(true)
	s.pass(7 * time.Minute)
	s.wantEvents("sessionWarning") // which needs no server
	s.Until(`document.querySelector("#satra-note").textContent === "Checking with the server…"`)
	s.Offline(false) // raises the event online
	s.Until(`seen.length === 2`)
	s.wantEvents("sessionWarning", "sessionExpired")
}

func TestOnlineAgainAndStillAlive(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.StopTime()
	s.leap(14 * time.Minute)
	s.Offline(true)
	s.pass(7 * time.Minute)
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
	s := play(t, "")
	s.StopTime()
	for _, script := range []string{
		`document.dispatchEvent(new Event("visibilitychange"))`,
		`document.dispatchEvent(new Event("resume"))`,
		`window.dispatchEvent(new Event("focus"))`,
		`window.dispatchEvent(new Event("online"))`,
		`window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`,
	} {
		s.pass(5 * time.Second)
		s.Until(`sessionManager.flights.size === 0`)
		before := s.count("GET", "/info")
		s.Run(script)
		s.Wait(script, func() bool { return s.count("GET", "/info") == before+1 })
	}
	s.pass(2 * time.Second)
	s.Until(`sessionManager.flights.size === 0`)
	s.Run(`Object.defineProperty(document, "hidden", { value: true });
		document.dispatchEvent(new Event("visibilitychange"));
		window.dispatchEvent(new PageTransitionEvent("pageshow"))`)
	if !chrome.Eval[bool](s.Tab, `sessionManager.flights.size === 0`) {
		t.Error("a page that nobody sees asks, or one that does not come from the cache")
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

func TestThePageIsHiddenWithoutTheStyleSheet(t *testing.T) {
	s := play(t, "dialog=off")
	s.Run(`document.querySelector("link[rel=stylesheet]").remove()`)
	s.answer("GET /info", refusal(503, "STORE_UNAVAILABLE"))
	s.Run(`window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`)
	s.Until(`getComputedStyle(document.querySelector("h1")).visibility === "hidden"`)
	s.Until(`getComputedStyle(document.querySelector("h1")).visibility === "visible"`) // the next question is answered
}

func TestThePauseHoldsForActivityToo(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	s.pass(61 * time.Second)
	s.answer("POST /extend", refusal(429, "RATE_LIMITED", "Retry-After", "300"))
	s.Press("x")
	s.Wait("the extension", func() bool { return s.count("POST", "/extend") == 1 })
	s.Until(`sessionManager.flights.size === 0`)
	for range 4 {
		s.pass(61 * time.Second)
		s.Press("x")
	}
	s.wantCount("POST", "/extend", 1)
	s.pass(61 * time.Second)
	s.Press("x")
	s.Wait("another extension", func() bool { return s.count("POST", "/extend") == 2 })
}

func TestRetryAfterAsADate(t *testing.T) {
	s := play(t, "")
	s.StopTime()
	until := chrome.Eval[float64](s.Tab, `Date.now()`)/1000 + 45
	before := s.count("GET", "/info")
	s.answer("GET /info", refusal(503, "STORE_UNAVAILABLE", "Retry-After", time.Unix(int64(until), 0).UTC().Format(http.TimeFormat)))
	s.Run(`sessionManager.refreshSessionInfo().catch(() => {})`)
	s.pass(42 * time.Second)
	s.wantCount("GET", "/info", before+1)
	s.pass(6 * time.Second)
	s.wantCount("GET", "/info", before+2)
}

func TestTheApiIsAskedAgainWhileTheCookieChanges(t *testing.T) {
	s := play(t, "bare")
	s.answer("GET /info", refusal(409, "SESSION_RETRY"))
	s.answer("GET /csrf-token", refusal(409, "SESSION_RETRY"))
	s.answer("POST /extend", refusal(409, "SESSION_RETRY"))
	before := s.count("GET", "/info")
	if got := chrome.Eval[string](s.Tab, `sessionManager.refreshSessionInfo().then((i) => i.principal, (e) => e.name)`); got != "alice" {
		t.Errorf("refreshSessionInfo: got %s", got)
	}
	s.wantCount("GET", "/info", before+2)
	if got := chrome.Eval[string](s.Tab, `sessionManager.getCSRFToken()`); got != s.token {
		t.Errorf("getCSRFToken: got %q, want %q", got, s.token)
	}
	if !chrome.Eval[bool](s.Tab, `sessionManager.extendSession()`) {
		t.Error("extendSession: got false")
	}
	s.wantCount("POST", "/extend", 2)
}
