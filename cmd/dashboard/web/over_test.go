package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/web"
	"github.com/satra-sessions/satra/memstore"
)

func TestEndingTheSession(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.get("/")
	old := v.cookie
	resp, body := v.submit("/session/end")
	v.want(resp, body, 200, "You ended the session")
	if v.cookie != "" {
		t.Error("the cookie is still there")
	}
	v.cookie = old
	resp, body = v.get("/")
	v.want(resp, body, 401, "Your session has ended", "You signed out")
}

func TestAPageThatPollsAndReloadsItselfEndsAllTheSame(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: 10 * time.Minute})
	v.get("/")
	for range 9 {
		v.clock.Advance(time.Minute)
		resp, body := v.get("/market", "X-Session-Background: 1", "Sec-Fetch-Mode: cors", "Sec-Fetch-User: ")
		v.want(resp, body, 200)
		resp, body = v.get("/", "Sec-Fetch-User: ")
		v.want(resp, body, 200)
	}
	v.clock.Advance(time.Minute)
	resp, body := v.get("/")
	v.want(resp, body, 401, "nothing happened for 10 minutes")
}

func TestExpirySaysWhyAndThenBeginsAgain(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: 10 * time.Minute})
	v.get("/")
	v.clock.Advance(10 * time.Minute)
	resp, body := v.get("/market", "X-Session-Background: 1", "Accept: application/json", "Sec-Fetch-Mode: cors", "Sec-Fetch-User: ")
	v.want(resp, body, 200) // the market is open to all, and leaves the reason to the page
	resp, body = v.get("/")
	v.want(resp, body, 401, "Your session has ended", "nothing happened for 10 minutes", "Begin a new session")
	resp, body = v.get("/")
	v.want(resp, body, 200, "Guest")
}

func TestTheFormOfAnExpiredPage(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: time.Minute})
	_, page := v.get("/")
	v.clock.Advance(time.Minute)
	resp, body := v.do("POST", "/watchlist/add", url.Values{"csrf_token": {tokenOf.FindStringSubmatch(page)[1]}, "symbol": {"INFY"}})
	v.want(resp, body, 401, "Your session has ended")
	resp, body = v.get("/")
	if v.want(resp, body, 200); strings.Contains(body, "Remove INFY") {
		t.Error("the form of the expired page was carried out in a new session")
	}
}

func TestTheLongestDurationIsSaid(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: time.Hour, Lifetime: 90 * time.Minute})
	v.get("/")
	v.clock.Advance(50 * time.Minute)
	resp, body := v.get("/")
	v.want(resp, body, 200, "Ends at 11:00:00 IST<", ` disabled>Extend</button>`)
	resp, body = v.submit("/session/extend")
	v.want(resp, body, 200, "cannot be extended any further")
	v.clock.Advance(40 * time.Minute)
	resp, body = v.get("/")
	v.want(resp, body, 401, "reached its longest duration", "Begin a new session")
}

// decided is a store whose records were ended by somebody's decision.
type decided struct {
	satra.Store
	reason satra.Reason
}

func (d *decided) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	rec, err := d.Store.Find(ctx, id, f)
	if err == nil && d.reason != "" {
		rec.Ended = &satra.End{At: rec.Created, Reason: d.reason}
	}
	return rec, err
}

func TestEveryDecisionIsExplainedOnceAndThenASessionBegins(t *testing.T) {
	for reason, want := range map[satra.Reason]string{
		satra.ReasonSignedOut:     "You signed out.",
		satra.ReasonElsewhere:     "from another device",
		satra.ReasonLimit:         "the oldest of your sessions",
		satra.ReasonAdministrator: "An administrator ended this session.",
		satra.ReasonStolen:        "A copy of this session&#39;s cookie was used.",
		satra.ReasonDisabled:      "This account was disabled.",
		satra.ReasonReplaced:      "Somebody else signed in on this browser.",
		satra.ReasonIncomplete:    "The session has ended.",
	} {
		store := &decided{Store: memstore.New(nil)}
		v := visiting(t, store, web.Config{})
		v.get("/")
		store.reason = reason
		resp, body := v.get("/api/session/info", "Accept: application/json", "Sec-Fetch-Mode: cors", "Sec-Fetch-User: ", "X-Session-Background: 1")
		v.want(resp, body, 401, `"reason":"`+string(reason)+`"`)
		if v.cookie == "" {
			t.Fatalf("%s: the page that polls has taken the cookie", reason)
		}
		resp, body = v.get("/")
		v.want(resp, body, 401, "Your session has ended", want, "Begin a new session")
		if v.cookie != "" {
			t.Errorf("%s: the cookie is still there", reason)
		}
		store.reason = ""
		resp, body = v.get("/")
		v.want(resp, body, 200, "Guest")
	}
}

func TestThePageOfTheEndIsForThoseWithoutASession(t *testing.T) {
	v := newVisitor(t, web.Config{IdleTimeout: time.Minute})
	resp, body := v.get("/ended")
	if v.want(resp, body, 200, "You ended the session"); v.cookie != "" {
		t.Error("the page has begun a session")
	}
	v.get("/")
	resp, _ = v.get("/ended")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
		t.Errorf("with a live session: got %d to %q, want a redirection to the first page", resp.StatusCode, resp.Header.Get("Location"))
	}
	v.clock.Advance(time.Minute)
	resp, body = v.get("/ended")
	v.want(resp, body, 401, "nothing happened for 1 minute")
}

func TestEndingWithoutASession(t *testing.T) {
	v := newVisitor(t, web.Config{})
	resp, body := v.do("POST", "/session/end", url.Values{"csrf_token": {strings.Repeat("A", 43)}})
	v.want(resp, body, 403, "This form is out of date")
	if v.cookie != "" {
		t.Error("a refused form has begun a session")
	}
}
