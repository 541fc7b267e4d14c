package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// pick fills in the field of the watchlist and sends the form.
func (s *stage) pick(symbol string) {
	s.t.Helper()
	s.Click("#symbol")
	s.Press(symbol)
	s.Press(chrome.Escape) // the browser's suggestions lie over the button
	s.Click(".row button")
	s.wantText(".watch", symbol)
	s.ready()
}

func TestThePageAsksNobodyElseAndBreaksNoRule(t *testing.T) {
	s := prepare(t)
	s.open("/")
	s.pick("INFY")
	s.Click("label:has([value=dark])")
	s.Click(".choices button")
	s.Settle(`document.documentElement.dataset.theme === "dark"`)
	s.ready()
	s.Click(".watch .icon")
	s.wantText(".notice", "Removed")
	s.ready()
	s.open("/nope")
	s.wantText("h1", "There is nothing here")
	s.open("/")
	s.StopTime()
	s.pass(time.Minute)
	if got := s.asked(""); len(got) < 10 {
		t.Fatalf("the browser has asked only for %v", got)
	}
	for _, r := range s.asked("") {
		if _, url, _ := strings.Cut(r, " "); !strings.HasPrefix(url, s.url+"/") {
			t.Errorf("the page asked somebody else: %s", r)
		}
	}
	for _, line := range s.Console() {
		if !strings.Contains(line, "404") {
			t.Errorf("the console says: %s", line)
		}
	}
}

func TestThePolicyIsEnforced(t *testing.T) {
	s := play(t)
	s.Expect("(?i)content security policy|trusted ?(html|types?)")
	for _, attempt := range []string{
		`document.body.insertAdjacentHTML("beforeend", "<img src=x>")`,
		`trustedTypes.createPolicy("mine", { createHTML: (x) => x })`,
	} {
		if got := chrome.Eval[string](s.Tab, `(() => { try { `+attempt+`; return "" } catch (e) { return e.name } })()`); got == "" {
			t.Errorf("the policy lets through %s", attempt)
		}
	}
	if got := chrome.Eval[string](s.Tab, `new Promise((done) => {
		document.addEventListener("securitypolicyviolation", (e) => done(e.effectiveDirective));
		const style = document.createElement("style");
		style.textContent = "body { display: none }";
		document.head.append(style);
	})`); got != "style-src-elem" {
		t.Errorf("an inline style: got the violation %q", got)
	}
}

func TestTheMarketIsRefreshed(t *testing.T) {
	s := play(t)
	s.wantText("#market-phase", "Open") // Tuesday, 09:30
	s.clock.Advance(6*time.Hour - 10*time.Second)
	s.open("/") // the session has ended meanwhile, and this page says so
	s.open("/")
	s.wantText("#market-phase", "Open")
	s.wantText(".hours .now", "Normal session")
	s.StopTime()
	s.pass(40 * time.Second)
	s.wantText("#market-phase", "Closed")
	s.wantText("#market-short", "NSE Closed")
	s.Settle(`!document.querySelector(".hours .now")`)
}

func TestWithoutScripts(t *testing.T) {
	s := prepare(t)
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(s.Context(), emulation.SetScriptExecutionDisabled, off); err != nil {
		t.Fatal(err)
	}
	s.Navigate(s.url + "/")
	s.wantText(".who", "Guest")
	if chrome.Eval[bool](s.Tab, `"sessionManager" in window`) {
		t.Fatal("scripts run")
	}
	s.wantText("#session-text", "Ends at 09:50:00 IST unless you use it")
	s.wantText("#market-phase", "Open")

	s.Click("#symbol")
	s.Press("TCS")
	s.Press(chrome.Enter)
	s.wantText(".watch", "TCS")
	s.wantText(".notice", "Added")
	s.Click("label:has([value=dark])")
	s.Click(".choices button")
	s.wantText(".notice", "theme was saved")
	if got := chrome.Eval[string](s.Tab, `getComputedStyle(document.body).backgroundColor`); got != "rgb(14, 20, 28)" {
		t.Errorf("the dark theme has the background %s", got)
	}
	s.clock.Advance(5 * time.Minute)
	s.Click("#extend-form button")
	s.wantText(".notice", "Your session was extended")
	s.wantText("#session-text", "Ends at 09:55:00 IST")
	s.Click("[aria-label='Remove TCS from the watchlist']")
	s.wantText(".watchlist .empty", "Nothing here yet")
	s.Click("#end-form button")
	s.wantText("h1", "You ended the session")
	if got := s.cookie(); got != "" {
		t.Errorf("the cookie is still there: %s", got)
	}
	s.Click(".button")
	s.wantText(".who", "Guest")

	s.clock.Advance(idle)
	s.Navigate(s.url + "/")
	s.wantText(".problem", "nothing happened for 20 minutes")
	s.Click(".button")
	s.wantText(".who", "Guest")
}
