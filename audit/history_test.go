package audit

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

func TestTell(t *testing.T) {
	const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	from := netip.MustParseAddr("203.0.113.7")
	for _, c := range []struct {
		e    Entry
		want string
	}{
		{Entry{Kind: satra.EventSignedIn, Detail: "passphrase", UserAgent: firefox, Address: from}, "Signed in with passphrase on Firefox, Windows, from 203.0.113.7"},
		{Entry{Kind: satra.EventSignedIn}, "Signed in"},
		{Entry{Kind: satra.EventSignInRefused, Detail: "wrong passphrase", UserAgent: "x", Address: from, Count: 5}, "A sign-in was refused: wrong passphrase, from 203.0.113.7 (5 times)"},
		{Entry{Kind: satra.EventEnded, Reason: satra.ReasonStolen, UserAgent: "curl/8"}, "A session was ended to protect you, because a copy of its cookie was used on curl"},
		{Entry{Kind: satra.EventEnded, Principal: "asha", Actor: "operator", Reason: satra.ReasonAdministrator, UserAgent: firefox, Address: from}, "An administrator ended a session"},
		{Entry{Kind: satra.EventEnded, Reason: satra.ReasonAdministrator, Outcome: Intent}, ""},
		{Entry{Kind: satra.EventStepUp, Actor: "policy", Detail: "two_places", UserAgent: firefox}, "You were asked to confirm that it is you"},
		{Entry{Kind: satra.EventRenewed}, ""},
		{Entry{Kind: KindErased}, ""},
		{Entry{Kind: KindFinding, Detail: "A new device, from 203.0.113.7.", Address: from}, "Noticed: A new device, from 203.0.113.7"},
		{Entry{Kind: satra.EventSignedIn, Detail: "a\x1b[31m"}, `Signed in with a\x1b[31m`},
	} {
		if got := Tell(c.e, nil); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestAHistoryIsPaged reads one among many entries that nobody is told.
func TestAHistoryIsPaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, NewMemory(0), newTestRing(t, 2), Options{})
		for range 60 {
			for _, kind := range []satra.Kind{satra.EventSignedIn, satra.EventRenewed, satra.EventRenewed, satra.EventExtended} {
				l.Observe(t.Context(), event(kind, "asha"))
				l.Observe(t.Context(), event(kind, "ravi"))
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		seen, pages, more := 0, 0, true
		for after := (Entry{}); more; pages++ {
			var page []Entry
			var err error
			if page, more, err = l.History(t.Context(), "asha", after, 25); err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				if e.Principal != "asha" || e.Kind != satra.EventSignedIn || after.Writer != "" && e.At.After(after.At) {
					t.Errorf("got %+v after %v", e, after.At)
				}
				seen++
				if after, err = ParseCursor(e.Cursor()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if seen != 60 || pages != 3 {
			t.Errorf("got %d entries in %d pages, want 60 in 3", seen, pages)
		}
		closeLog(t, l)
	})
}

func TestACursorThatIsNone(t *testing.T) {
	for _, s := range []string{"x", "!", "MSAy", strings.Repeat("A", 1000), Entry{Writer: strings.Repeat("w", 200)}.Cursor()} {
		if e, err := ParseCursor(s); err == nil {
			t.Errorf("%.20q: got %+v", s, e)
		}
	}
	if e, err := ParseCursor(""); err != nil || e != (Entry{}) {
		t.Errorf("no cursor: got %+v, %v", e, err)
	}
}
