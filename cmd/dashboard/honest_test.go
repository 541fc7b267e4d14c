package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

const (
	aNewerFirefox = "Mozilla/5.0 (Windows NT 10.0; rv:141.0) Gecko/20100101 Firefox/141.0"
	aDesktopPage  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15"
)

// everythingAtMost is the harshest policy there is.
const everythingAtMost = "reused_token=revoke,browser_changed=revoke,two_places=revoke," +
	"system_changed=step-up,impossible_travel=step-up,new_device=step-up"

// honest lives are lived under the harshest policy. asked is how often a proof is
// demanded; nobody is ever signed out.
var honest = []struct {
	name  string
	asked int
	live  func(w *watched)
}{
	{"a commuter", 0, func(w *watched) {
		c := w.client(aPhone, home).signIn("asha")
		for i := range 15 {
			w.clock.Advance(7 * time.Minute)
			c.from = fmt.Sprintf("198.51.%d.20", 100+i)
			c.wantIn(c.from)
		}
	}},
	{"a VPN that is switched on and off", 0, func(w *watched) {
		c := w.client(aFirefox, home).signIn("asha")
		for range 4 {
			for _, c.from = range []string{abroad, home} {
				w.clock.Advance(2 * time.Minute)
				c.wantIn(c.from)
			}
		}
	}},
	{"a browser's upgrade", 0, func(w *watched) {
		c := w.client(aFirefox, home).signIn("asha")
		for _, c.agent = range []string{aFirefox, aNewerFirefox, aNewerFirefox} {
			w.clock.Advance(31 * time.Minute)
			c.wantIn(c.agent)
		}
	}},
	{"a tablet that two people share", 0, func(w *watched) {
		c := w.client(aPhone, home)
		for i := range 4 {
			c.signIn([]string{"asha", "ravi"}[i%2])
			w.clock.Advance(31 * time.Minute)
			c.wantIn("the tablet")
			c.post("/security", "/session/end")
		}
	}},
	{"an office behind one address, where some mistype", 0, func(w *watched) {
		asha, ravi := w.client(aFirefox, home).signIn("asha"), w.client(aFirefox, home)
		for range 3 {
			ravi.post("/signin", "/signin", "name", "ravi", "passphrase", "not the passphrase")
		}
		ravi.signIn("ravi")
		for range 60 {
			w.client(aChrome, home).get("/")
		}
		w.clock.Advance(5 * time.Minute)
		asha.wantIn("asha")
		ravi.wantIn("ravi")
	}},
	{"a store that was cleared", 0, func(w *watched) {
		c := w.client(aFirefox, home)
		u, _ := url.Parse(w.origin)
		c.Jar.SetCookies(u, []*http.Cookie{{Name: "satra", Value: strings.Repeat("B", 64)}})
		c.get("/security")
		c.signIn("asha").wantIn("after the sign-in")
	}},
	{"a browser that crashed and restored its cookies", 1, func(w *watched) {
		c := w.client(aFirefox, home).signIn("asha")
		restored := c.thief(aFirefox, home)
		w.clock.Advance(31 * time.Minute)
		c.wantIn("the renewal")
		c.wantIn("its successor")
		w.clock.Advance(10 * time.Minute)
		restored.get("/security")
		restored.get("/security")
		c.untilAsked() // as a tab that has the newer cookie would be
		c.prove()
		c.wantIn("after the proof")
	}},
	{"a phone besides the laptop", 1, func(w *watched) {
		laptop := w.client(aFirefox, home).signIn("asha")
		w.clock.Advance(time.Hour / 2)
		phone := w.client(aPhone, abroad).signIn("asha")
		phone.untilAsked()
		phone.prove()
		for range 3 {
			w.clock.Advance(2 * time.Minute)
			phone.wantIn("the phone")
			laptop.wantIn("the laptop")
		}
	}},
	{"a page for desktops on a phone", 1, func(w *watched) {
		c := w.client(aPhone, home).signIn("asha")
		w.clock.Advance(31 * time.Minute)
		c.agent = aDesktopPage
		c.get("/") // renewed: an entry
		c.untilAsked()
		c.prove()
		c.wantIn("after the proof")
	}},
}

func TestHonestLivesAreNotSignedOut(t *testing.T) {
	for _, life := range honest {
		t.Run(life.name, func(t *testing.T) {
			w := watchOver(t, []string{"asha", "ravi"}, "-store", "memory", "-detection-actions", everythingAtMost)
			life.live(w)
			for _, e := range slices.Concat(w.entries("ended"), w.entries("ended_all")) {
				if e.Reason != satra.ReasonSignedOut {
					t.Errorf("somebody was signed out: %+v", e)
				}
			}
			if got := len(w.entries("step_up")) / 2; got != life.asked { // an intent and an outcome
				t.Errorf("a proof was demanded %d times, want %d\n%s", got, life.asked, w.said())
			}
		})
	}
}
