package satra_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

func TestTheOldestSessionMakesRoomForANewOne(t *testing.T) {
	a := routes(newApp(t, satra.Options{SessionLimit: 2}))
	browsers := []*browser{a.browser(), a.browser(), a.browser()}
	for _, b := range browsers {
		a.clock.advance(time.Second)
		wantStatus(t, b.post("/signin?as=alice"), 200)
	}
	resp := browsers[0].get("/me")
	if body := bodyOf(resp); resp.StatusCode != 401 || !strings.Contains(body, `"limit"`) {
		t.Errorf("the oldest: got %d, %s; want 401 and the reason", resp.StatusCode, body)
	}
	for _, b := range browsers[1:] {
		wantStatus(t, b.get("/me"), 200)
	}
	wantStatus(t, a.browser().post("/signin?as=bob"), 200) // another's count is another
	if got := a.kinds(); !strings.Contains(got, "created ended signed_in") {
		t.Errorf("got events %q, want the end told before the sign-in", got)
	}
	// The same session again is no further one.
	wantStatus(t, browsers[2].post("/signin?as=alice"), 200)
	wantStatus(t, browsers[1].get("/me"), 200)
}

func TestTheLimitMayRefuseInstead(t *testing.T) {
	a := routes(newApp(t, satra.Options{SessionLimit: 1, AtLimit: satra.DenySignIn}))
	first, second := a.browser(), a.browser()
	wantStatus(t, first.post("/signin?as=alice"), 200)
	resp := second.post("/signin?as=alice")
	if body := bodyOf(resp); resp.StatusCode != 403 || !strings.Contains(body, "SESSION_LIMIT") {
		t.Errorf("one too many: got %d, %s; want 403", resp.StatusCode, body)
	}
	wantStatus(t, first.get("/me"), 200)
	first.post("/signout")
	wantStatus(t, second.post("/signin?as=alice"), 200)
}

func TestTenSessionsUnlessToldOtherwise(t *testing.T) {
	for _, c := range []struct{ limit, want int }{{0, 10}, {satra.Unlimited, 12}, {3, 3}} {
		a := routes(newApp(t, satra.Options{SessionLimit: c.limit}))
		for range 12 {
			wantStatus(t, a.browser().post("/signin?as=alice"), 200)
		}
		live := 0
		for _, r := range a.store.records {
			if r.Live(a.clock.Now()) {
				live++
			}
		}
		if live != c.want {
			t.Errorf("SessionLimit %d: %d live, want %d", c.limit, live, c.want)
		}
	}
}

func TestARememberedSession(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	resp := b.post("/signin?as=alice&remember=1")
	wantStatus(t, resp, 200)
	if line := resp.Header.Get("Set-Cookie"); !strings.Contains(line, "Max-Age=2592000") {
		t.Errorf("got %q, want a cookie that lasts 30 days", line)
	}
	a.clock.advance(13 * 24 * time.Hour)
	wantStatus(t, b.get("/me"), 200)
	a.clock.advance(14 * 24 * time.Hour)
	if resp := b.get("/me"); resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), `"idle"`) {
		t.Errorf("after 14 days without use: got %d, want 401", resp.StatusCode)
	}

	// An ordinary sign-in afterwards is ordinary again, and so is the cookie.
	b = a.browser()
	b.post("/signin?as=alice&remember=1")
	resp = b.post("/signin?as=alice")
	if line := resp.Header.Get("Set-Cookie"); strings.Contains(line, "Max-Age") {
		t.Errorf("got %q, want a cookie of the browser's session", line)
	}
	a.clock.advance(time.Hour)
	wantStatus(t, b.get("/me"), 401)
}

// TestAFreshProofKeepsWhatIsRemembered holds re-authentication: it neither
// remembers nor forgets.
func TestAFreshProofKeepsWhatIsRemembered(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.post("/signin?as=alice&remember=1")
	a.clock.advance(10 * 24 * time.Hour)
	resp := b.post("/again")
	if line := resp.Header.Get("Set-Cookie"); !strings.Contains(line, "Max-Age=2592000") {
		t.Errorf("got %q, want a cookie that lasts another 30 days", line)
	}
	a.clock.advance(13 * 24 * time.Hour)
	wantStatus(t, b.get("/me"), 200)
}

// TestWhatIsRememberedIsWeaker holds step-up: a proof of hours ago is none in a
// session that may lie around for weeks.
func TestWhatIsRememberedIsWeaker(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.mux.Handle("/today", satra.RequireRecent(24*time.Hour)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})))
	ordinary, remembered := a.browser(), a.browser()
	ordinary.post("/signin?as=alice")
	remembered.post("/signin?as=alice&remember=1")
	for range 3 {
		a.clock.advance(20 * time.Minute)
		wantStatus(t, ordinary.get("/today"), 200)
		wantStatus(t, remembered.get("/today"), 200)
	}
	a.clock.advance(time.Minute)
	wantStatus(t, ordinary.get("/today"), 200)
	if resp := remembered.get("/today"); resp.StatusCode != 403 || !strings.Contains(bodyOf(resp), "REAUTH_REQUIRED") {
		t.Errorf("got %d, want 403", resp.StatusCode)
	}
	remembered.post("/again")
	wantStatus(t, remembered.get("/today"), 200)
}

func TestEverySessionEndsAtTheDailyEnd(t *testing.T) {
	india := time.FixedZone("IST", 5*3600+1800)
	a := routes(newApp(t, satra.Options{DailyEnd: satra.DailyEnd{Hour: 6, Location: india}, IdleTimeout: satra.Never, Lifetime: satra.Never}))
	b, anonymous, late := a.browser(), a.browser(), a.browser()
	b.post("/signin?as=alice&remember=1")
	anonymous.get("/start") // at 09:30 there
	a.clock.advance(20*time.Hour + 29*time.Minute)
	late.post("/signin?as=alice")
	for what, x := range map[string]*browser{"of the day": b, "anonymous": anonymous, "of a minute": late} {
		if resp := x.get("/me"); resp.StatusCode != 200 {
			t.Errorf("%s, before the daily end: got %d", what, resp.StatusCode)
		}
	}
	a.clock.advance(time.Minute)
	for what, x := range map[string]*browser{"of the day": b, "anonymous": anonymous, "of a minute": late} {
		resp := x.get("/me")
		if body := bodyOf(resp); resp.StatusCode != 401 || !strings.Contains(body, `"daily_end"`) || !strings.Contains(body, "SESSION_EXPIRED") {
			t.Errorf("%s, at the daily end: got %d, %s", what, resp.StatusCode, body)
		}
	}
	wantStatus(t, b.post("/signin?as=alice"), 200)
	a.clock.advance(24*time.Hour - time.Second)
	wantStatus(t, b.get("/me"), 200)
}
