package browser

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

// warned is a stage whose dialog has just opened, 300 seconds before the end.
// The focus was in the field.
func warned(t *testing.T, query string, prepare ...func(*fake)) *stage {
	t.Helper()
	s := play(t, query, append([]func(*fake){idle(20 * time.Minute)}, prepare...)...)
	s.Click("#field")
	s.leap(15*time.Minute + 100*time.Millisecond)
	s.Until(`document.querySelector("dialog")?.open`)
	return s
}

func (s *stage) text(selector string) string {
	s.t.Helper()
	return chrome.Eval[string](s.Tab, `document.querySelector(`+"`"+selector+"`"+`).textContent`)
}

func (s *stage) focused() string {
	s.t.Helper()
	return chrome.Eval[string](s.Tab, `document.activeElement.id`)
}

func (s *stage) dialogIsOpen() bool {
	s.t.Helper()
	return chrome.Eval[bool](s.Tab, `document.querySelector("dialog") !== null`)
}

func TestTheDialogIsAccessible(t *testing.T) {
	s := warned(t, "")
	got := chrome.Eval[map[string]any](s.Tab, `(() => {
		const d = document.querySelector("dialog"), by = (name) => d.getAttribute(name).split(" ").map((id) => document.getElementById(id).textContent).join(" ");
		return {
			role: d.getAttribute("role"), label: by("aria-labelledby"), text: by("aria-describedby"),
			modal: d.matches(":modal"), focus: document.activeElement.textContent,
			clock: d.querySelector("#satra-clock").getAttribute("aria-hidden"),
			outside: document.querySelector("#button").matches(":focus"),
		};
	})()`)
	for key, want := range map[string]any{
		"role": "alertdialog", "label": "Are you still there?", "modal": true, "focus": "Stay signed in", "clock": "true",
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
	if text := got["text"].(string); !strings.Contains(text, "signed out") || !strings.Contains(text, "5 minutes left") {
		t.Errorf("description: got %q", text)
	}
	// The keyboard does not leave the dialog for the page behind it.
	for range 6 {
		s.Press(chrome.Tabs)
		if id := s.focused(); id == "field" || id == "button" {
			t.Fatalf("the focus went to #%s behind the dialog", id)
		}
	}
}

func TestStay(t *testing.T) {
	for name, choose := range map[string]func(*stage){
		"by click":  func(s *stage) { s.Click("#satra-first") },
		"by Enter":  func(s *stage) { s.Press(chrome.Enter) },
		"by Escape": func(s *stage) { s.Press(chrome.Escape) },
	} {
		t.Run(name, func(t *testing.T) {
			s := warned(t, "")
			if s.focused() != "satra-first" {
				t.Errorf("focus: got #%s", s.focused())
			}
			choose(s)
			s.Until(`!document.querySelector("dialog")`)
			s.wantCount("POST", "/extend", 1)
			s.wantEvents("sessionWarning", "sessionRestored", "sessionExtended")
			if s.focused() != "field" {
				t.Errorf("focus afterwards: got #%s, want #field", s.focused())
			}
			s.wantLeft(1200)
		})
	}
}

func TestTheDialogClosesOnlyWhenTheServerHasConfirmed(t *testing.T) {
	s := warned(t, "")
	release := make(chan struct{})
	s.answer("POST /extend", func(w http.ResponseWriter, r *http.Request) {
		<-release
		refusal(503, "STORE_UNAVAILABLE")(w, r)
	})
	s.Press(chrome.Enter)
	s.Wait("the extension", func() bool { return s.count("POST", "/extend") == 1 })
	// Nothing that is pressed meanwhile is sent again, nor closes it.
	s.Press(chrome.Enter)
	s.Press(chrome.Escape)
	s.Press(chrome.Escape)
	s.Click("#satra-second")
	if !s.dialogIsOpen() || s.count("POST", "/extend") != 1 || s.count("POST", "/clear") != 0 {
		t.Errorf("while waiting: open %v, %d and %d requests", s.dialogIsOpen(), s.count("POST", "/extend"), s.count("POST", "/clear"))
	}
	if got := chrome.Eval[string](s.Tab, `[...document.querySelectorAll("dialog button")].map((b) => b.getAttribute("aria-disabled")).join()`); got != "true,true" {
		t.Errorf("aria-disabled while waiting: got %s", got)
	}
	close(release)
	s.Until(`document.querySelector("#satra-note").textContent !== ""`)
	if got := s.text("#satra-note"); !strings.Contains(got, "try again") {
		t.Errorf("note: got %q", got)
	}
	if s.focused() != "satra-second" { // where it was: a disabled button would have lost it
		t.Errorf("focus: got #%s", s.focused())
	}
	s.Press(chrome.Escape)
	s.Until(`!document.querySelector("dialog")`)
}

func TestSignOutFromTheDialog(t *testing.T) {
	s := warned(t, "")
	s.Run(`window.old = true`)
	s.Click("#satra-second")
	s.Wait("signing out", func() bool { return s.count("POST", "/clear") == 1 })
	s.Until(`document.readyState === "complete" && !window.old`) // the page is loaded anew
}

func TestTheCountdownIsSeenEachSecondAndReadOutRarely(t *testing.T) {
	s := warned(t, "")
	s.Run(`window.said = [];
		new MutationObserver(() => said.push(document.querySelector("#satra-spoken").textContent))
			.observe(document.querySelector("#satra-spoken"), { childList: true, characterData: true, subtree: true });`)
	s.StopTime()
	first := s.text("#satra-digits")
	s.pass(time.Second)
	if second := s.text("#satra-digits"); first != "5:00" && first != "4:59" || second == first {
		t.Errorf("countdown: got %s, then %s", first, second)
	}
	s.pass(4*time.Minute + 55*time.Second)
	got := strings.Join(chrome.Eval[[]string](s.Tab, `said`), ", ")
	want := "4 minutes left, 3 minutes left, 2 minutes left, 1 minute left, 40 seconds left, 20 seconds left"
	if got != want {
		t.Errorf("read out: got %s, want %s", got, want)
	}
	if got := chrome.Eval[string](s.Tab, `document.querySelector("#satra-spoken").getAttribute("aria-live")`); got != "assertive" {
		t.Errorf("aria-live: got %q", got)
	}
}

func TestTheEndThatCannotBeMoved(t *testing.T) {
	s := warned(t, "", func(f *fake) { f.absolute = f.now.Add(20 * time.Minute) })
	if got := s.text("#satra-text"); !strings.Contains(got, "cannot be extended") {
		t.Errorf("text: got %q", got)
	}
	if got := s.text("#satra-first"); got != "Continue working" {
		t.Errorf("button: got %q", got)
	}
	s.Press(chrome.Escape)
	s.Until(`!document.querySelector("dialog")`)
	s.wantCount("POST", "/extend", 0)
	s.leap(time.Minute)
	s.wantEvents("sessionWarning")
	if s.dialogIsOpen() {
		t.Error("the dialog came back though it was understood")
	}
}

func TestExtendedUpToTheEndThatCannotBeMoved(t *testing.T) {
	s := warned(t, "", func(f *fake) { f.absolute = f.now.Add(20*time.Minute + 30*time.Second) })
	s.leap(time.Minute)
	s.Press(chrome.Enter)
	s.Until(`document.querySelector("#satra-text")?.textContent.includes("cannot be extended")`)
	s.wantCount("POST", "/extend", 1)
	s.wantEvents("sessionWarning", "sessionExtended") // it is the same warning
	s.Press(chrome.Enter)
	s.Until(`!document.querySelector("dialog")`)
}

func TestTheDialogSaysWhyItEnded(t *testing.T) {
	s := warned(t, "")
	s.change(func() { s.reason = "signed_out_elsewhere" })
	s.leap(0)
	s.Until(`document.querySelector("#satra-title").textContent === "Your session has ended"`)
	if got := s.text("#satra-text"); !strings.Contains(got, "another device") {
		t.Errorf("text: got %q", got)
	}
	s.Run(`window.old = true`)
	s.Click("#satra-first")
	s.Until(`document.readyState === "complete" && !window.old`)
}

func TestTheDialogSaysThatTheAccountHasChanged(t *testing.T) {
	s := play(t, "")
	s.change(func() { s.principal = "bob" })
	s.Run(`sessionManager.checkSession()`)
	if got := s.text("#satra-title"); got != "Your session has changed" {
		t.Errorf("title: got %q", got)
	}
}

func TestAPageCanDoItsOwn(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.Run(`for (const name of ["sessionWarning", "sessionExpired"]) addEventListener(name, (e) => e.preventDefault())`)
	s.leap(15 * time.Minute)
	s.leap(5 * time.Minute)
	s.wantEvents("sessionWarning", "sessionExpired")
	if s.dialogIsOpen() {
		t.Error("a dialog is open though the page has prevented it")
	}

	off := play(t, "dialog=off", idle(20*time.Minute))
	off.leap(15 * time.Minute)
	off.leap(5 * time.Minute)
	off.wantEvents("sessionWarning", "sessionExpired")
	if off.dialogIsOpen() {
		t.Error("a dialog is open though it is switched off")
	}
}

func TestOwnWords(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.Run(`sessionManager.destroy();
		window.sessionManager = new SessionManagerClient({ words: { title: "Sind Sie noch da?", stay: "Angemeldet bleiben", left: "noch {time}",
			time: (s) => Math.ceil(s / 60) + " Minuten", reasons: { idle: "Zu lange still." } } });
		sessionManager.init().then(() => 0)`)
	s.leap(15 * time.Minute)
	s.Until(`document.querySelector("dialog")?.open`)
	got := s.text("#satra-title") + ", " + s.text("#satra-spoken") + ", " + s.text("#satra-first") + ", " + s.text("#satra-second")
	if want := "Sind Sie noch da?, noch 5 Minuten, Angemeldet bleiben, Sign out"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDestroyClosesTheDialog(t *testing.T) {
	s := warned(t, "")
	s.Run(`sessionManager.destroy()`)
	if s.dialogIsOpen() || s.focused() != "field" {
		t.Errorf("open %v, focus #%s", s.dialogIsOpen(), s.focused())
	}
}

func TestNothingBreaksTheStrictestPolicy(t *testing.T) {
	s := warned(t, "") // a violation would also fail the test by the console
	s.leap(5 * time.Minute)
	s.Until(`document.querySelector("#satra-title").textContent === "Your session has ended"`)
	if got := chrome.Eval[[]string](s.Tab, `violations`); len(got) > 0 {
		t.Errorf("violations: %v", got)
	}
	if got := chrome.Eval[int](s.Tab, `document.querySelectorAll("[style]").length`); got != 0 {
		t.Errorf("%d style attributes", got)
	}
	// The style sheet is in force.
	if got := chrome.Eval[string](s.Tab, `getComputedStyle(document.querySelector("dialog")).borderTopLeftRadius`); got != "16px" {
		t.Errorf("the dialog is not styled: border radius %s", got)
	}
}

func TestWordsCanBeReplacedLater(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.Run(`sessionManager.setWords({ title: "Noch da?", reasons: { idle: "Zu lange still." } })`)
	s.leap(15*time.Minute + time.Second)
	if got := s.text("#satra-title") + " " + s.text("#satra-first"); got != "Noch da? Stay signed in" {
		t.Errorf("got %q", got)
	}
	s.leap(5 * time.Minute)
	if got := s.text("#satra-text"); got != "Zu lange still." {
		t.Errorf("afterwards: got %q", got)
	}
	if got := chrome.Eval[string](s.Tab, `sessionManager.dialog.words.reasons.disabled`); got == "" {
		t.Error("the other reasons are lost")
	}
}

func TestEscapeDoesNotLoadThePage(t *testing.T) {
	s := warned(t, "")
	s.change(func() { s.reason = "administrator" })
	s.leap(0)
	s.Run(`window.old = true;
		window.addEventListener("beforeunload", () => { old = false; });
		document.querySelector("dialog").addEventListener("close", () => { old = false; });`)
	s.Press(chrome.Escape)
	s.Press(chrome.Escape)
	s.Press(chrome.Escape)
	if !s.dialogIsOpen() || !chrome.Eval[bool](s.Tab, `old`) {
		t.Error("Escape has closed the dialog or loads the page")
	}
}

func TestTheDialogDoesNotCloseUnasked(t *testing.T) {
	s := warned(t, "")
	s.Run(`document.querySelector("dialog").close()`) // as a gesture of going back may do
	s.Until(`document.querySelector("dialog").matches(":modal")`)
	if got := s.focused(); got != "satra-first" {
		t.Errorf("focus: got #%s", got)
	}
	s.Press(chrome.Enter)
	s.Until(`!document.querySelector("dialog")`)
	if got := s.focused(); got != "field" {
		t.Errorf("focus afterwards: got #%s, want #field", got)
	}
}

func TestTheFirstTimeIsReadOutAsItIs(t *testing.T) {
	s := play(t, "", idle(20*time.Minute))
	s.leap(15*time.Minute + 55*time.Second + 100*time.Millisecond)
	s.Until(`document.querySelector("dialog")?.open`)
	if got := s.text("#satra-spoken"); got != "4 minutes 5 seconds left" && got != "4 minutes 4 seconds left" {
		t.Errorf("read out: got %q, want 4 minutes 5 seconds left", got)
	}
}

func TestTheEndIsReadOutOnce(t *testing.T) {
	// A dialog that opens is read out by its label and description.
	s := play(t, "")
	s.change(func() { s.reason = "administrator" })
	s.leap(0)
	if got := s.text("#satra-spoken"); got != "" {
		t.Errorf("a dialog that opens: got %q as well", got)
	}
	// One that is open already has to say it.
	s = warned(t, "")
	s.change(func() { s.reason = "administrator" })
	s.leap(0)
	if got := s.text("#satra-spoken"); got != "Your session has ended. An administrator has ended it." {
		t.Errorf("a dialog that is open: got %q", got)
	}
}

func TestOneClockTicks(t *testing.T) {
	s := warned(t, "", func(f *fake) { f.absolute = f.now.Add(20*time.Minute + 30*time.Second) })
	s.leap(time.Minute)
	s.Press(chrome.Enter) // from now on in other words
	s.Until(`document.querySelector("#satra-text")?.textContent.includes("cannot be extended")`)
	s.StopTime()
	s.pass(2 * time.Second)
	s.Run(`window.ticks = 0; { const d = document.querySelector("#satra-digits"); new MutationObserver((all) => { ticks += all.length / 2; }).observe(d, { childList: true }); }`)
	s.pass(10 * time.Second)
	if got := chrome.Eval[float64](s.Tab, `ticks`); got > 11 {
		t.Errorf("got %.1f changes of the countdown in 10 s, want 10", got)
	}
}
