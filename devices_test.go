package satra_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// listing is an app on a store that lists, with /devices and /ended.
func listing(t *testing.T) *app {
	t.Helper()
	a := &app{t: t, clock: newClock(), mux: http.NewServeMux()}
	m, err := satra.New(memstore.New(&memstore.Options{Now: a.clock.Now}), &satra.Options{Now: a.clock.Now, SweepEvery: satra.Never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(t.Context()) })
	a.m, a.server = m, m.Handler(a.mux)
	routes(a)
	tell := func(list func(r *http.Request) ([]satra.Session, error)) func(http.ResponseWriter, *http.Request) error {
		return func(w http.ResponseWriter, r *http.Request) error {
			all, err := list(r)
			if err != nil {
				return err
			}
			var lines []string
			for _, s := range all {
				line := s.LastDevice.UserAgent
				if s.Ended != nil {
					line += " " + string(s.Ended.Reason)
				}
				lines = append(lines, line)
			}
			return json.NewEncoder(w).Encode(lines)
		}
	}
	a.on("/devices", tell(func(r *http.Request) ([]satra.Session, error) { return satra.Devices(r.Context()) }))
	a.on("/ended", tell(func(r *http.Request) ([]satra.Session, error) { return satra.EndedDevices(r.Context()) }))
	return a
}

func TestOnesOwnDevices(t *testing.T) {
	a := listing(t)
	browsers := map[string]*browser{}
	for _, name := range []string{"one", "two", "three", "four"} {
		browsers[name] = a.browser()
		wantStatus(t, browsers[name].post("/signin?as=alice", "User-Agent: "+name), 200)
		a.clock.advance(2 * time.Minute)
	}
	a.browser().post("/signin?as=bob", "User-Agent: bob's")
	a.browser().get("/start")
	browsers["one"].get("/me", "User-Agent: one")
	if got := bodyOf(browsers["two"].get("/devices", "User-Agent: two")); got != `["two","one","four","three"]`+"\n" {
		t.Errorf("got %s, want the own first and then by the last use", got)
	}
	browsers["three"].post("/signout", "User-Agent: three")
	a.clock.advance(time.Second)
	browsers["four"].post("/signin?as=carol") // somebody else on alice's browser
	if got := bodyOf(browsers["two"].get("/devices", "User-Agent: two")); got != `["two","one"]`+"\n" {
		t.Errorf("after two ends: got %s", got)
	}
	if got := bodyOf(browsers["two"].get("/ended", "User-Agent: two")); got != `["four replaced","three signed_out"]`+"\n" {
		t.Errorf("the ended ones: got %s, want the last first", got)
	}
}

func TestNobodyElseSeesDevices(t *testing.T) {
	a := listing(t)
	a.browser().post("/signin?as=alice")
	for _, path := range []string{"/devices", "/ended"} {
		none, anonymous := a.browser(), a.browser()
		anonymous.get("/start")
		if resp := none.get(path); resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), "SESSION_REQUIRED") {
			t.Errorf("%s without a session: got %d", path, resp.StatusCode)
		}
		if resp := anonymous.get(path); resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), "SIGN_IN_REQUIRED") {
			t.Errorf("%s of an anonymous session: got %d", path, resp.StatusCode)
		}
	}
}

func TestCheckRecent(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/recent", func(w http.ResponseWriter, r *http.Request) error {
		return satra.CheckRecent(r.Context(), 5*time.Minute)
	})
	b := a.browser()
	wantStatus(t, b.get("/recent"), 401)
	b.get("/start")
	if resp := b.get("/recent"); resp.StatusCode != 401 || !strings.Contains(bodyOf(resp), "SIGN_IN_REQUIRED") {
		t.Errorf("nobody is signed in: got %d", resp.StatusCode)
	}
	b.post("/signin?as=alice")
	a.clock.advance(5 * time.Minute)
	wantStatus(t, b.get("/recent"), 200)
	a.clock.advance(time.Microsecond)
	if resp := b.get("/recent"); resp.StatusCode != 403 || !strings.Contains(bodyOf(resp), "REAUTH_REQUIRED") {
		t.Errorf("later: got %d", resp.StatusCode)
	}
}
