package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

const (
	accountName = "asha"
	passphrase  = "tulsi wok glimt aster"
)

// fill types into a field of a form.
func (s *stage) fill(id, text string) {
	s.t.Helper()
	s.Run(`document.getElementById(` + quote(id) + `).value = ` + quote(text))
}

// signUp makes the account, and is signed in with it.
func (s *stage) signUp() {
	s.t.Helper()
	s.open("/signup")
	s.fill("name", accountName)
	s.fill("passphrase", passphrase)
	s.fill("again", passphrase)
	s.Click("form button[type=submit]")
	s.wantText(".who", accountName)
}

func (s *stage) signIn(remember bool) {
	s.t.Helper()
	s.open("/signin")
	s.fill("name", accountName)
	s.fill("passphrase", passphrase)
	if remember {
		s.Click("[name=remember]")
	}
	s.Click("form button[type=submit]")
	s.wantText(".who", accountName)
}

// elsewhere is another browser in front of the same dashboard.
func (s *stage) elsewhere() *stage {
	s.t.Helper()
	other := &stage{t: s.t, url: s.url, clock: s.clock, Tab: chrome.New(s.t)}
	other.watchRequests()
	return other
}

func TestAnAccountFromTheFirstToTheLast(t *testing.T) {
	s := prepare(t)
	s.signUp()
	s.pick("INFY")
	s.Click("form[action='/session/end'] button")
	s.wantText("h1", "You ended the session")
	s.open("/")
	if got := s.text("body"); strings.Contains(got, accountName) || strings.Contains(got, "INFY\n") {
		t.Errorf("after signing out the page says %q", got)
	}
	s.signIn(true)
	s.open("/security")
	s.wantText("#devices", "This device")
	s.wantText("#devices", "Remembered")
}

// TestEndingTheOthersAfterAFreshProof holds the way of step-up: what was asked for
// is done after the proof, and the other device's page says why it is over.
func TestEndingTheOthersAfterAFreshProof(t *testing.T) {
	s := prepare(t)
	s.signUp()
	other := s.elsewhere()
	other.signIn(false)
	s.clock.Advance(6 * time.Minute)
	s.open("/security")
	s.wantText("#devices", "End")
	s.Expect(`403`)
	s.Click("#end-others button")
	s.wantText("h1", "Confirm that it is you")
	s.wantText(".lead", "To end all other sessions")
	s.fill("passphrase", "not the passphrase")
	s.Expect(`401`)
	s.Click("form[action='/reauth'] button")
	s.wantText("[role=alert]", "not your passphrase")
	s.fill("passphrase", passphrase)
	s.Click("form[action='/reauth'] button")
	s.wantText("h1", "Security")
	s.wantText("main", "no other session")
	other.Expect(`401`)
	other.Navigate(s.url + "/security")
	other.wantText("main", "from another device")
}

func TestThePagesOfAccountsInEveryLook(t *testing.T) {
	s := prepare(t)
	s.Expect(`401|422`)
	s.open("/signin")
	s.wantLooks("signin")
	s.fill("name", "nobody")
	s.fill("passphrase", passphrase)
	s.Click("form button[type=submit]")
	s.wantText("[role=alert]", "wrong")
	s.wantLooks("signin-wrong")
	s.open("/signup")
	s.wantLooks("signup")
	s.signUp()
	other := s.elsewhere()
	other.signIn(true)
	third := s.elsewhere()
	third.signIn(false)
	third.Click("form[action='/session/end'] button")
	third.wantText("h1", "You ended the session")
	s.clock.Advance(2 * time.Minute)
	s.open("/security")
	s.wantLooks("security")
	s.open("/security/history")
	s.wantText(".entries", "Signed out")
	s.wantLooks("history")
	s.open("/security/passphrase")
	s.wantLooks("passphrase")
	s.clock.Advance(6 * time.Minute)
	s.open("/security/passphrase")
	s.wantLooks("reauth")
}

// TestADoubtedSession is asked for a proof by a policy, while its page is open.
func TestADoubtedSession(t *testing.T) {
	s := prepare(t)
	s.signUp()
	s.open("/")
	id, err := satra.ParseID(chrome.Eval[string](s.Tab, `document.querySelector("meta[name=satra-session]").content`))
	if err == nil {
		err = s.site.Sessions().StepUp(t.Context(), id, satra.StepUp{Reason: "browser_changed", Actor: "policy"})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Click(".account-nav a")
	s.wantText("h1", "Confirm that it is you")
	s.wantText(".lead", "looked unusual")
	s.wantLooks("doubted")
	s.fill("passphrase", passphrase)
	s.Click("form[action='/reauth'] button")
	s.wantText("[role=status]", "What looked unusual")
	s.wantText(".entries", "You were asked to confirm that it is you")
	s.wantLooks("security-proven")
}

// TestItWasSomebodyElse goes the way from a sign-in that one does not know to a new
// passphrase.
func TestItWasSomebodyElse(t *testing.T) {
	s := prepare(t)
	s.signUp()
	thief := s.elsewhere()
	thief.signIn(true)
	s.open("/security/history")
	s.wantText(".entries", "Signed in with passphrase on Chrome, Linux, from 127.0.0.1.")
	s.Click("form[action='/security/not-me'] button")
	s.wantText("[role=status]", "All other sessions were ended")
	s.fill("passphrase", "grazing geese hum softly")
	s.fill("again", "grazing geese hum softly")
	s.Click("form[action='/security/passphrase'] button")
	s.wantText("[role=status]", "Your passphrase was changed")
	thief.Expect(`401`)
	thief.Navigate(s.url + "/security")
	thief.wantText("main", "from another device")
}
