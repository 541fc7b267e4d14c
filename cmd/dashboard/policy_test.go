package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/audit/detect"
)

// TestACopiedCookieInAnotherBrowser is asked for the passphrase, which the thief has not;
// the owner gives it, and the copy is worth nothing.
func TestACopiedCookieInAnotherBrowser(t *testing.T) {
	w := watchOver(t, []string{"asha"})
	victim := w.client(aFirefox, home).signIn("asha")
	victim.wantIn("before")
	thief := victim.thief(aChrome, abroad)
	thief.get("/security") // once: this is what is found
	thief.untilAsked()
	if status, to := thief.get("/security"); status != http.StatusSeeOther {
		t.Errorf("the thief sees the account: %d %s", status, to)
	}
	victim.untilAsked()
	victim.prove()
	victim.until("/security/history", http.StatusOK, "Noticed: A session that was used by Firefox on Windows is used by Chrome on Linux, from 198.51.100.9")
	if status, body := thief.get("/security"); status == http.StatusOK {
		t.Errorf("the copy works after the proof:\n%s", body)
	}
	victim.wantIn("after the proof")
	w.wantAct("step_up", "browser_changed", w.wantFinding("browser_changed", "is used by Chrome on Linux, from 198.51.100.9"))
}

// TestAProofAnswersWhatWasFoundBefore, where the act comes late: the store was down, or many
// findings waited.
func TestAProofAnswersWhatWasFoundBefore(t *testing.T) {
	w := watchOver(t, []string{"asha"})
	victim := w.client(aFirefox, home).signIn("asha")
	thief := victim.thief(aChrome, abroad)
	thief.get("/security")
	victim.untilAsked()
	w.clock.Advance(time.Minute)
	found := w.clock.Now()
	victim.prove()
	late := detect.Finding{Rule: detect.ReusedToken, Strength: detect.Strong, At: found, Session: victim.session(), Text: "late"}
	w.watch.findings <- caught{late, ""}
	victim.untilSaid("/security", "policy: nothing is done")
	victim.wantIn("after the proof")
}

// TestAThiefCannotHaveTheOwnerAskedAgain by looking in while the owner's form is open: the
// request that brings the proof is the first of the owner's after the thief's.
func TestAThiefCannotHaveTheOwnerAskedAgain(t *testing.T) {
	w := watchOver(t, []string{"asha"})
	victim := w.client(aFirefox, home).signIn("asha")
	thief := victim.thief(aChrome, abroad)
	thief.get("/security")
	victim.untilAsked()
	_, form := victim.get("/reauth")
	w.clock.Advance(61 * time.Second)
	thief.get("/reauth")
	w.clock.Advance(61 * time.Second)
	if status, to := victim.send("/reauth", form, "passphrase", passphrase); status != http.StatusSeeOther {
		t.Errorf("the proof: got %d %.300s", status, to)
	}
	victim.untilSaid("/security", "policy: nothing is done")
	victim.wantIn("after the proof")
}

// TestAThiefBesideTheOwner uses the session in turn with its owner, from another network.
func TestAThiefBesideTheOwner(t *testing.T) {
	w := watchOver(t, []string{"asha"}, "-detection-actions", "browser_changed=notify,two_places=revoke")
	victim := w.client(aFirefox, home).signIn("asha")
	thief := victim.thief(aChrome, abroad)
	for range 2 {
		w.clock.Advance(2 * time.Minute)
		thief.get("/")
		w.clock.Advance(2 * time.Minute)
		victim.get("/")
	}
	victim.until("/", http.StatusUnauthorized, "Your session has ended")
	thief.until("/", http.StatusUnauthorized, "")
	victim.signIn("asha")
	victim.until("/security/history", http.StatusOK, "A session was ended to protect you, because a copy of its cookie was used")
	w.wantAct("ended", "two_places", w.wantFinding("two_places", "One session is used in turn by"))
}

// TestAnOldCopyOfACookie lay still until the token had been renewed. Once, it may be a
// browser that has crashed: the session is asked for a proof, although the rule's action
// is to end it.
func TestAnOldCopyOfACookie(t *testing.T) {
	w := watchOver(t, []string{"asha"})
	victim := w.client(aFirefox, home).signIn("asha")
	thief := victim.thief(aFirefox, abroad)
	w.clock.Advance(31 * time.Minute)
	victim.wantIn("the renewal")
	victim.wantIn("its successor")
	w.clock.Advance(time.Minute)
	if status, body := thief.get("/"); status == http.StatusOK {
		t.Errorf("the old copy works:\n%s", body)
	}
	victim.untilAsked()
	victim.prove()
	victim.wantIn("after the proof")
	w.wantAct("step_up", "reused_token", w.wantFinding("reused_token", "A token that had been replaced was shown again"))
}

// TestAStolenPassphrase is used on a device that the account was not seen with, and an
// operator has that asked for another proof.
func TestAStolenPassphrase(t *testing.T) {
	w := watchOver(t, []string{"asha"}, "-detection-actions", "new_device=step-up")
	victim := w.client(aFirefox, home).signIn("asha")
	w.clock.Advance(time.Hour / 2)
	stranger := w.client(aChrome, abroad).signIn("asha")
	stranger.untilAsked()
	victim.until("/security", http.StatusOK, "Noticed: A sign-in with Chrome on Linux, which this account was not seen with before, from 198.51.100.9")
	w.wantAct("step_up", "new_device", w.wantFinding("new_device", "A sign-in with Chrome on Linux"))
}

// TestATrialDoesNothing but tell.
func TestATrialDoesNothing(t *testing.T) {
	w := watchOver(t, []string{"asha"}, "-detection", "try")
	victim := w.client(aFirefox, home).signIn("asha")
	thief := victim.thief(aChrome, abroad)
	thief.wantIn("a thief, while the policy is tried")
	victim.until("/security/history", http.StatusOK, "Noticed: A session that was used by Firefox")
	w.wantFinding("browser_changed", "is used by Chrome on Linux")
	if acts := w.entries("step_up"); len(acts) > 0 {
		t.Errorf("got acts %+v", acts)
	}
	if !strings.Contains(w.log.String(), "rule=browser_changed action=step-up tried_only=true") {
		t.Errorf("the log does not say what would have been done:\n%s", w.log)
	}
}

// TestDetectionOff looks for nothing.
func TestDetectionOff(t *testing.T) {
	w := watchOver(t, []string{"asha"}, "-detection", "off")
	victim := w.client(aFirefox, home).signIn("asha")
	victim.thief(aChrome, abroad).wantIn("a thief")
	if found := w.entries(string(audit.KindFinding)); len(found) > 0 {
		t.Errorf("got findings %+v", found)
	}
	if seen := w.entries(string(satra.EventSeenElsewhere)); len(seen) != 1 {
		t.Errorf("got %d entries of a token in another browser, want 1", len(seen))
	}
}

// TestAThiefOnAnotherNode is found there, although that node has never seen the owner,
// and both nodes ask for the proof.
func TestAThiefOnAnotherNode(t *testing.T) {
	dir := t.TempDir()
	shared := []string{"-store", "sqlite:" + dir + "/sessions.db?shared=1", "-seal-keys", newKeys(t), "-database", "sqlite:" + dir + "/app.db"}
	if _, err := add(t, passphrase, append(shared, "-data-dir", dir, "-add-account", "asha")...); err != nil {
		t.Fatal(err)
	}
	here, there := watchOver(t, nil, shared...), watchOver(t, nil, shared...)
	victim := here.client(aFirefox, home).signIn("asha")
	there.clock.Advance(time.Second) // it goes on by itself, and is not behind
	thief := there.client(aChrome, abroad)
	thief.Jar = victim.thief(aChrome, abroad).Jar
	thief.get("/security")
	thief.untilAsked()
	victim.untilAsked()
	victim.prove()
	victim.wantIn("after the proof")
	there.wantAct("step_up", "browser_changed", there.wantFinding("browser_changed", "A session is used by Chrome on Linux, from 198.51.100.9, after Firefox on Windows."))
}

// TestASignInFromTheOtherSideOfTheWorld follows one at home within the hour, by a database
// of the operator's own.
func TestASignInFromTheOtherSideOfTheWorld(t *testing.T) {
	file := filepath.Join(t.TempDir(), "places.csv")
	if err := os.WriteFile(file, []byte("203.0.113.0/24,19.1,72.9\n198.51.100.0/24,50.1,8.7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := watchOver(t, []string{"asha"}, "-detection-places", file, "-detection-actions", "impossible_travel=step-up")
	victim := w.client(aFirefox, home).signIn("asha")
	w.clock.Advance(50 * time.Minute)
	stranger := w.client(aFirefox, abroad).signIn("asha")
	stranger.untilAsked()
	victim.wantIn("the owner")
	w.wantAct("step_up", "impossible_travel", w.wantFinding("impossible_travel", "Two sign-ins are 6562 km apart"))
}

// TestAGuessedPassphrase is used by who has guessed it.
func TestAGuessedPassphrase(t *testing.T) {
	w := watchOver(t, []string{"asha"}, "-detection-actions", "guessed_password=step-up")
	victim := w.client(aFirefox, home).signIn("asha")
	for i := range 12 {
		w.client(aChrome, fmt.Sprintf("198.51.100.%d", i+10)).post("/signin", "/signin", "name", "asha", "passphrase", "not the passphrase")
	}
	if err := w.audit.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	guesser := w.client(aChrome, abroad).signIn("asha")
	guesser.untilAsked()
	victim.wantIn("the owner")
	w.wantAct("step_up", "guessed_password", w.wantFinding("guessed_password", ""))
}
