package satra_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// An oldStore has a cache that nobody tells of changes.
type oldStore struct {
	*fakeStore
	old map[satra.ID]*satra.Record
}

func (s *oldStore) Find(ctx context.Context, id satra.ID, f satra.Freshness) (*satra.Record, error) {
	if f == satra.Fresh {
		return s.fakeStore.Find(ctx, id, f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx, "old"); err != nil {
		return nil, err
	}
	if s.old[id] == nil {
		return nil, satra.ErrNotFound
	}
	return s.old[id], nil
}

// remember makes the cache hold what the store holds now.
func (s *oldStore) remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = maps.Clone(s.records)
	s.commands = nil
}

// newOldApp has the routes also below /old, where sessions may be old.
func newOldApp(t *testing.T) (*app, *oldStore) {
	t.Helper()
	a := routes(newApp(t, satra.Options{}))
	a.on("/derive", func(w http.ResponseWriter, r *http.Request) error {
		_, err := satra.Derive(r.Context(), "a form")
		return err
	})
	a.on("/read-and-set", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := satra.From(r.Context()); err != nil {
			return fmt.Errorf("the first look: %w", err)
		}
		return theme.Set(r.Context(), "dark")
	})
	a.on("/read-and-update", func(w http.ResponseWriter, r *http.Request) error {
		before, err := visits.Get(r.Context())
		if err != nil {
			return err
		}
		after, err := visits.Update(r.Context(), func(n int) (int, error) { return n + 1, nil })
		if err == nil {
			fmt.Fprint(w, before, after)
		}
		return err
	})
	a.mux.Handle("/recent", satra.RequireRecent(time.Minute)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	a.mux.Handle("/old/", http.StripPrefix("/old", satra.FromCache(a.mux)))
	s := &oldStore{fakeStore: a.store}
	m, err := satra.New(s, &satra.Options{Now: a.clock.Now, SweepEvery: satra.Never, Observers: []func(context.Context, satra.Event){
		func(_ context.Context, e satra.Event) { a.events = append(a.events, e) },
	}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	a.m, a.server = m, m.Handler(a.mux)
	return a, s
}

func TestARouteThatIsReadFromTheCacheAsksNobody(t *testing.T) {
	a, s := newOldApp(t)
	b := a.browser()
	b.get("/start")
	s.remember()
	for _, ask := range []struct {
		do   func() *http.Response
		want string
	}{
		{func() *http.Response { return b.get("/old/me") }, "old"},
		{func() *http.Response { return b.get("/old/theme") }, "old"},
		{func() *http.Response { return b.do(b.request("HEAD", "/old/me")) }, "old"},
		{func() *http.Response { return b.post("/old/me") }, "find"},
		{func() *http.Response { return b.get("/me") }, "find"},
		{func() *http.Response { return b.get("/old/ignore") }, ""},
		{func() *http.Response { return a.browser().get("/old/ignore") }, ""},
	} {
		resp := ask.do()
		wantStatus(t, resp, 200)
		if got := s.took(); got != ask.want {
			t.Errorf("%s %s asked %q, want %q", resp.Request.Method, resp.Request.URL, got, ask.want)
		}
	}
	wantStatus(t, a.browser().get("/old/me"), 401)
	if got := s.took(); got != "" {
		t.Errorf("a request without a cookie asked %q", got)
	}
}

func TestWhatWritesReadsPastTheCacheAndRevivesNothing(t *testing.T) {
	for _, path := range []string{
		"/theme?set=dark", "/visit", "/extend", "/again", "/derive", "/recent", "/read-and-set", "/read-and-update",
	} {
		a, s := newOldApp(t)
		b := a.browser()
		b.get("/signin?as=alice")
		s.remember()
		rec := s.only(t)
		if err := a.m.End(t.Context(), rec.ID, satra.End{Reason: satra.ReasonAdministrator, Actor: "root"}); err != nil {
			t.Fatalf("End: %v", err)
		}
		ended := s.only(t)
		wantStatus(t, b.get("/old/me"), 200) // as long as nobody tells the cache
		wantStatus(t, b.get("/old"+path), 401)
		if s.only(t) != ended {
			t.Errorf("%s on a session that had ended elsewhere has changed it", path)
		}
	}
}

func TestSigningOutOfAnOldSessionIsNoError(t *testing.T) {
	a, s := newOldApp(t)
	b := a.browser()
	b.get("/signin?as=alice")
	s.remember()
	wantStatus(t, b.get("/old/signout"), 200)
	if rec := s.only(t); rec.Ended == nil || rec.Ended.Reason != satra.ReasonSignedOut {
		t.Errorf("after signing out: %+v", rec.Ended)
	}
}

func TestAWriteAfterAnOldReadStartsFromWhatStands(t *testing.T) {
	a, s := newOldApp(t)
	b := a.browser()
	b.get("/visit")
	s.remember()
	b.get("/visit")
	b.get("/visit")
	if got := bodyOf(b.get("/old/read-and-update")); got != "1 4" {
		t.Errorf("got %q, want the old value and the new one after the newest: 1 4", got)
	}
}

func TestATouchFromAnOldRecordRevivesNothing(t *testing.T) {
	a, s := newOldApp(t)
	b := a.browser()
	b.get("/start")
	s.remember()
	if err := a.m.End(t.Context(), s.only(t).ID, satra.End{Reason: satra.ReasonAdministrator, Actor: "root"}); err != nil {
		t.Fatalf("End: %v", err)
	}
	ended := s.only(t)
	a.clock.advance(10 * time.Minute)
	s.took()
	wantStatus(t, b.get("/old/me"), 200)
	if got := s.took(); got != "old touch" || s.only(t) != ended {
		t.Errorf("asked %q, want a touch that the store refuses", got)
	}
}

// Somebody who has just signed in elsewhere shows a secret that the cache does not
// know, and nobody is told that they are signed out.
func TestOnlyALiveSessionIsTakenFromTheCache(t *testing.T) {
	for what, prepare := range map[string]func(a *app, s *oldStore, b *browser){
		"a session that is not in the cache": func(_ *app, s *oldStore, b *browser) {
			s.remember()
			b.get("/signin?as=alice")
		},
		"a secret that is newer than the cache": func(_ *app, s *oldStore, b *browser) {
			b.get("/start")
			s.remember()
			b.get("/signin?as=alice")
		},
		"a session that the cache thinks is over": func(a *app, s *oldStore, b *browser) {
			b.get("/signin?as=alice")
			a.clock.advance(50 * time.Minute)
			s.remember()
			b.post("/extend")
			a.clock.advance(50 * time.Minute)
		},
	} {
		a, s := newOldApp(t)
		b := a.browser()
		prepare(a, s, b)
		a.kinds()
		s.took()
		resp := b.get("/old/me")
		wantStatus(t, resp, 200)
		if got := bodyOf(resp); got != s.only(t).ID.String()+" alice" {
			t.Errorf("%s: got %q, want alice's session", what, got)
		}
		if got := a.kinds(); got != "" {
			t.Errorf("%s: what the cache made of it was told: %s", what, got)
		}
	}
}

func TestTwoSessionsThatAreLiveInTheCacheAloneAreNotAmbiguous(t *testing.T) {
	a, s := newOldApp(t)
	one, two := a.browser(), a.browser()
	one.get("/start")
	two.get("/signin?as=alice")
	s.remember()
	r := two.request("GET", "/old/me")
	for _, c := range one.request("GET", "/").Cookies() {
		r.AddCookie(c)
	}
	one.get("/signout")
	if resp := two.do(r); resp.StatusCode != 200 || !strings.HasSuffix(bodyOf(resp), " alice") {
		t.Errorf("got status %d, want the session that is live", resp.StatusCode)
	}
}

func TestAStoreThatIsDownIsAskedOnce(t *testing.T) {
	a, s := newOldApp(t)
	b := a.browser()
	b.get("/start")
	s.remember()
	s.failing(func(string) error { return satra.ErrUnavailable })
	wantStatus(t, b.get("/old/me"), 503)
	if got := s.took(); got != "old" {
		t.Errorf("asked %q, want one question", got)
	}
}
