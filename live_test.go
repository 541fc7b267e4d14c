package satra_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/satra-sessions/satra"
)

// wantReason wants the end of a session as the cause.
func wantReason(t *testing.T, cause error, want satra.Reason) *satra.EndedError {
	t.Helper()
	var ended *satra.EndedError
	if !errors.As(cause, &ended) || ended.End.Reason != want {
		t.Fatalf("got %v, want the end of the session: %s", cause, want)
	}
	return ended
}

func TestAStreamEndsWhenItsSessionIsEndedOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		here, there := node(t, store, satra.Options{}), node(t, store, satra.Options{})
		defer here.m.Close(t.Context())
		defer there.m.Close(t.Context())
		b, other := here.browser(), here.browser()
		b.get("/start")
		other.get("/start")
		first, second, others := b.open(0), b.on(there).open(0), other.open(0)
		store.found()
		began := time.Now()
		wantStatus(t, b.on(there).post("/signout"), 200)
		for _, s := range []*stream{first, second} {
			ended := wantReason(t, s.wantEnd(t), satra.ReasonSignedOut)
			if ended.Session.IsZero() || ended.Idle != time.Hour || !ended.End.At.Equal(began.UTC()) {
				t.Errorf("got %+v, want the session, its idle timeout and the instant", ended)
			}
		}
		others.wantOpen(t)
		if n := len(store.found()); n != 1 { // the request that signed out
			t.Errorf("an announced end had sessions read: got %d finds, want the request's own", n)
		}
	})
}

// An end that nobody announced is found by reading, within half a minute.
func TestAStreamEndsWithoutAnAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		s := b.open(0)
		store.silent = true
		a.m.End(t.Context(), a.store.only(t).ID, satra.End{Reason: satra.ReasonStolen, Actor: "operator"})
		s.wantOpen(t)
		time.Sleep(30 * time.Second)
		if ended := wantReason(t, s.wantEnd(t), satra.ReasonStolen); ended.End.Actor != "operator" {
			t.Errorf("got %+v, want what the record says of its end", ended.End)
		}
	})
}

// What ends between the request's look and the stream's beginning was announced
// to nobody.
func TestAStreamOfASessionThatHasJustEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		a.mux.HandleFunc("/late", func(w http.ResponseWriter, r *http.Request) {
			satra.From(r.Context())
			a.m.End(r.Context(), a.store.only(t).ID, satra.End{Reason: satra.ReasonAdministrator})
			live, cancel, err := satra.WhileLive(r.Context())
			if err != nil {
				t.Errorf("WhileLive: %v", err)
				return
			}
			defer cancel()
			<-live.Done()
			wantReason(t, context.Cause(live), satra.ReasonAdministrator)
		})
		began := time.Now()
		wantStatus(t, b.get("/late"), 200)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it ended after %v, want at once", took)
		}
	})
}

func TestAStreamEndsByTimeAndFollowsWhatPutsThatOff(t *testing.T) {
	for reason, o := range map[satra.Reason]satra.Options{
		satra.ReasonIdle:     {IdleTimeout: 10 * time.Minute},
		satra.ReasonLifetime: {IdleTimeout: satra.Never, Lifetime: 10 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newAnnouncer()
			here, there := node(t, store, o), node(t, store, o)
			defer here.m.Close(t.Context())
			defer there.m.Close(t.Context())
			b := here.browser()
			b.get("/start")
			began := time.Now()
			s := b.open(0)
			time.Sleep(9*time.Minute + 59*time.Second)
			s.wantOpen(t)
			b.on(there).post("/extend") // a second before the end, on another node
			want := 10 * time.Minute
			if reason == satra.ReasonIdle {
				want = 20*time.Minute - time.Second
			}
			ended := wantReason(t, <-s.cause, reason)
			if took := time.Since(began); took < want || took > want+time.Millisecond || !ended.End.At.Equal(began.Add(want).UTC()) {
				t.Errorf("%s: it ended after %v with %+v, want after %v", reason, took, ended.End, want)
			}
		})
	}
}

func TestAStreamStaysWhileTheStoreIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{IdleTimeout: 10 * time.Minute})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		began := time.Now()
		s := b.open(0)
		a.kinds()
		a.store.failing(func(string) error { return satra.ErrUnavailable })
		time.Sleep(5 * time.Minute)
		s.wantOpen(t)
		if n := strings.Count(a.kinds(), "store_failed"); n < 5 || n > 10 {
			t.Errorf("got %d reports of a store that was down for five minutes, want one in half a minute", n)
		}
		wantReason(t, <-s.cause, satra.ReasonIdle)
		if took := time.Since(began); took > 10*time.Minute+2*time.Second {
			t.Errorf("it ended after %v, want at its end", took)
		}
	})
}

// A store that does not answer at all holds no stream beyond its end for long,
// however many wait for it.
func TestManyStreamsEndInTimeOnAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{IdleTimeout: 10 * time.Minute})
		defer a.m.Close(t.Context())
		var all []*stream
		for range 100 {
			b := a.browser()
			b.get("/start")
			all = append(all, b.open(0))
		}
		store.wmu.Lock()
		store.finding = func(ctx context.Context) { <-ctx.Done() }
		store.wmu.Unlock()
		time.Sleep(9*time.Minute + 59*time.Second)
		for _, s := range all {
			s.wantOpen(t)
		}
		time.Sleep(3*time.Second + time.Millisecond)
		for _, s := range all {
			wantReason(t, s.wantEnd(t), satra.ReasonIdle)
		}
	})
}

// The stream of a planted cookie sees nothing of the session that the victim
// signs in to.
func TestASignInEndsTheStreamsOfTheOlderSecret(t *testing.T) {
	for name, path := range map[string]string{"sign-in": "/signin?as=alice", "re-authentication": "/again"} {
		synctest.Test(t, func(t *testing.T) {
			store := newAnnouncer()
			here, there := node(t, store, satra.Options{}), node(t, store, satra.Options{})
			defer here.m.Close(t.Context())
			defer there.m.Close(t.Context())
			b := here.browser()
			b.get("/start")
			if path == "/again" {
				b.post("/signin?as=alice")
			}
			same, other := b.open(0), b.on(there).open(0)
			before := time.Now()
			for _, s := range []*stream{same, other} {
				<-s.news // read at the beginning
			}
			time.Sleep(time.Second)
			wantStatus(t, b.post(path), 200)
			if cause := same.wantEnd(t); !errors.Is(cause, satra.ErrRetry) {
				t.Errorf("%s on the same node: got %v, want ErrRetry at once", name, cause)
			}
			time.Sleep(30 * time.Second)
			if cause := other.wantEnd(t); !errors.Is(cause, satra.ErrRetry) {
				t.Errorf("%s on another node: got %v, want ErrRetry", name, cause)
			}
			for range len(other.news) {
				if told := <-other.news; told.AuthenticatedAt.After(before) {
					t.Errorf("%s: the stream was told of the session behind it: %+v", name, told)
				}
			}
			renewed := b.open(0)
			time.Sleep(time.Minute)
			renewed.wantOpen(t)
			if told := <-renewed.news; told.Principal != "alice" {
				t.Errorf("%s: got news of %q, want alice's", name, told.Principal)
			}
		})
	}
}

func TestAStreamIsNoActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{IdleTimeout: time.Hour})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		time.Sleep(30 * time.Minute) // a touch would be due
		a.store.took()
		s := b.open(0)
		time.Sleep(29 * time.Minute)
		s.wantOpen(t)
		s.hang()
		synctest.Wait()
		if got := strings.ReplaceAll(a.store.took(), "find", ""); strings.TrimSpace(got) != "" {
			t.Errorf("a stream wrote: %q", got)
		}
	})
}

func TestNewsOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{IdleTimeout: time.Hour})
		defer a.m.Close(t.Context())
		b := a.browser()
		b.get("/start")
		began := time.Now().UTC()
		s := b.open(5 * time.Minute)
		if told := <-s.news; !told.ExpiresAt.Equal(began.Add(time.Hour)) {
			t.Errorf("at the beginning: got %+v, want the session's end in an hour", told)
		}
		time.Sleep(2 * time.Minute)
		for len(s.news) > 0 {
			<-s.news
		}
		b.post("/extend")
		synctest.Wait()
		if len(s.news) == 0 {
			t.Fatal("no news of what was extended on the same node")
		}
		if told := <-s.news; !told.ExpiresAt.Equal(began.Add(62 * time.Minute)) {
			t.Errorf("extended on the same node: got the end at %v, want it in 62 minutes", told.ExpiresAt)
		}
		var warned time.Time
		for warned.IsZero() {
			if told := <-s.news; told.Remaining() <= 5*time.Minute {
				warned = told.Now
			}
		}
		if want := began.Add(57 * time.Minute); !warned.Equal(want) {
			t.Errorf("got the news that the end is near at %v, want at %v", warned, want)
		}
		wantReason(t, <-s.cause, satra.ReasonIdle)
	})
}

func TestWhoMayNotOpenAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		b := a.browser()
		if cause := b.open(0).wantEnd(t); !errors.Is(cause, satra.ErrNoSession) {
			t.Errorf("without a session: got %v, want ErrNoSession", cause)
		}
		b.get("/start")
		former := b.copy()
		b.post("/signin?as=alice")
		if cause := former.open(0).wantEnd(t); !errors.Is(cause, satra.ErrRetry) {
			t.Errorf("with the secret of before: got %v, want ErrRetry", cause)
		}
		last := b.copy()
		b.post("/signout")
		wantReason(t, last.open(0).wantEnd(t), satra.ReasonSignedOut)
		b.get("/start")
		a.m.Close(t.Context())
		if cause := b.open(0).wantEnd(t); !errors.Is(cause, satra.ErrClosed) {
			t.Errorf("after Close: got %v, want ErrClosed", cause)
		}
		if p := satra.ProblemOf(satra.ErrClosed); p.Status != http.StatusServiceUnavailable || p.RetryAfter == 0 {
			t.Errorf("got %+v for ErrClosed, want that another try may find a server", p)
		}
	})
}

// A session may begin with the stream: its cookie leaves with the first byte.
func TestAStreamOfASessionThatHasJustBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newAnnouncer()
		a := node(t, store, satra.Options{})
		h := a.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			satra.Start(r.Context())
			live, cancel, err := satra.WhileLive(r.Context())
			if err != nil {
				t.Errorf("WhileLive: %v", err)
				return
			}
			defer cancel()
			w.WriteHeader(200)
			<-live.Done()
		}))
		w := httptest.NewRecorder()
		go h.ServeHTTP(w, httptest.NewRequest("GET", "https://dash.example/", nil))
		synctest.Wait()
		a.m.Close(t.Context())
		synctest.Wait()
		if len(w.Result().Cookies()) != 1 || len(a.store.records) != 1 {
			t.Errorf("got cookies %v and %d records, want one each", w.Result().Cookies(), len(a.store.records))
		}
	})
}
