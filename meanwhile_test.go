package satra_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// What other requests do while one is under way.

func TestConcurrentRequestsKeepEachOthersValues(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	for round := range 1000 {
		start := make(chan struct{})
		var at sync.WaitGroup
		for _, path := range []string{fmt.Sprintf("/theme?set=%d", round), "/visit"} {
			r := b.request("GET", path)
			at.Go(func() {
				<-start
				a.server.ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		close(start)
		at.Wait()
		rec := a.store.only(t)
		shown, _ := rec.Value("theme")
		count, _ := rec.Value("visits")
		if string(shown.Data) != fmt.Sprintf(`"%d"`, round) || string(count.Data) != fmt.Sprint(round+1) {
			t.Fatalf("round %d: got theme %s and visits %s", round, shown.Data, count.Data)
		}
	}
}

func TestUpdateLosesNoIncrement(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	var at sync.WaitGroup
	for range 50 {
		r := b.request("GET", "/visit")
		at.Go(func() { a.server.ServeHTTP(httptest.NewRecorder(), r) })
	}
	at.Wait()
	if v, _ := a.store.only(t).Value("visits"); string(v.Data) != "50" {
		t.Errorf("got %s visits, want 50", v.Data)
	}
}

func TestUpdateStartsFromWhatWaits(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	a.on("/both", func(w http.ResponseWriter, r *http.Request) error {
		visits.Set(r.Context(), 10)
		theme.Set(r.Context(), "dark")
		n, err := visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil })
		fmt.Fprint(w, n)
		return err
	})
	b := a.browser()
	b.get("/start")
	if got := bodyOf(b.get("/both")); got != "11" {
		t.Errorf("got %s, want 11", got)
	}
	if v, _ := a.store.only(t).Value("theme"); string(v.Data) != `"dark"` {
		t.Errorf("what waited was not taken along: %s", v.Data)
	}
	if got := bodyOf(b.get("/theme")); got != "dark" {
		t.Errorf("got theme %q, want dark", got)
	}
}

// A save that is under way while the session is signed out must not bring it
// back, and must not claim success.
func TestSignOutBesideASaveUnderWay(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	a.on("/slow", func(w http.ResponseWriter, r *http.Request) error {
		if err := theme.Set(r.Context(), "dark"); err != nil {
			return err
		}
		wantStatus(t, b.copyRequest(r, "/signout"), 200)
		io.WriteString(w, "saved!")
		return nil
	})
	resp := b.get("/slow")
	if body := bodyOf(resp); resp.StatusCode != 401 || strings.Contains(body, "saved!") || !strings.Contains(body, "signed_out") {
		t.Errorf("got %d %q, want 401 signed_out", resp.StatusCode, body)
	}
	if a.store.only(t).Live(a.clock.Now()) {
		t.Error("the session is live again")
	}
	wantStatus(t, b.get("/me"), 401)
}

// copyRequest makes another request with the cookies of r.
func (b *browser) copyRequest(r *http.Request, path string) *http.Response {
	other := httptest.NewRequest("POST", "https://dash.example"+path, nil)
	other.Header["Cookie"] = r.Header["Cookie"]
	w := httptest.NewRecorder()
	b.a.server.ServeHTTP(w, other)
	return w.Result()
}

// A session may be swept or evicted while a request works on it that also has a
// touch to write.
func TestASessionThatVanishesWhileARequestWorks(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	a.clock.advance(10 * time.Minute)
	a.store.failing(func(command string) error {
		if command == "set" {
			return satra.ErrNotFound
		}
		return nil
	})
	for _, path := range []string{"/visit", "/theme?set=dark"} {
		if resp := b.get(path); resp.StatusCode != 401 {
			t.Errorf("%s: got %d, want 401", path, resp.StatusCode)
		}
	}
}

func TestASlowRequestWithThePlantedTokenReadsAndWritesNothing(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	attacker := a.browser()
	attacker.get("/start")
	victim := attacker.copy()
	a.on("/slow", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := satra.From(r.Context()); err != nil {
			return err
		}
		victim.post("/signin?as=alice")
		return theme.Set(r.Context(), "planted")
	})
	a.on("/slow-update", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := satra.From(r.Context()); err != nil {
			return err
		}
		victim.post("/again")
		_, err := visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil })
		return err
	})
	if resp := attacker.get("/slow"); resp.StatusCode != 409 {
		t.Errorf("got %d, want 409", resp.StatusCode)
	}
	if _, planted := a.store.only(t).Value("theme"); planted {
		t.Error("the write reached the signed-in record")
	}
	slow := victim.copy()
	if resp := slow.get("/slow-update"); resp.StatusCode != 409 {
		t.Errorf("got %d, want 409", resp.StatusCode)
	}
	wantStatus(t, victim.get("/me"), 200)
}

// Another request's fresh proof comes between a handler's Set and its commit.
// What the handler did besides is done, so that nobody may repeat it unasked.
func TestACommitThatCameTooLateIsNotToBeRepeated(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	b := a.browser()
	b.get("/start")
	b.post("/signin?as=alice")
	a.on("/order", func(w http.ResponseWriter, r *http.Request) error {
		if err := theme.Set(r.Context(), "dark"); err != nil {
			return err
		}
		wantStatus(t, b.copyRequest(r, "/again"), 200)
		return nil
	})
	resp := b.post("/order")
	if got := bodyOf(resp); resp.StatusCode != 409 || !strings.Contains(got, `"SESSION_CHANGED"`) {
		t.Errorf("got %d %s, want 409 SESSION_CHANGED", resp.StatusCode, got)
	}
}

// A request that came with a secret which is dead by now ends nobody's sessions.
func TestAStaleRequestEndsNoOtherSession(t *testing.T) {
	a := routes(newApp(t, satra.Options{}))
	other := a.browser()
	other.post("/signin?as=alice")
	b := a.browser()
	b.post("/signin?as=alice")
	a.on("/others", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := satra.From(r.Context()); err != nil {
			return err
		}
		wantStatus(t, b.copyRequest(r, "/again"), 200)
		n, err := satra.RevokeOthers(r.Context())
		if n != 0 || !errors.Is(err, satra.ErrRetry) {
			t.Errorf("got %d ended and error %v, want none and ErrRetry", n, err)
		}
		return err
	})
	b.post("/others")
	wantStatus(t, other.get("/me"), 200)
}
