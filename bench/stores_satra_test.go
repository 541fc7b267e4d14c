package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	satramem "github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/pgstore"
	satraredis "github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/sqlitestore"
)

func memorySubjects(tb testing.TB, text string) []storeSubject {
	return []storeSubject{scsMemory(tb, text), satraOn(tb, satramem.New(nil), text, satra.Fresh)}
}

func sqliteSubjects(tb testing.TB, text string) []storeSubject {
	s, err := sqlitestore.Open(filepath.Join(tb.TempDir(), "sessions.db"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return []storeSubject{scsSQLite(tb, text), satraOn(tb, s, text, satra.Fresh)}
}

func satraRedis(tb testing.TB, url, text string) storeSubject {
	s, err := satraredis.Open(tb.Context(), url, &satraredis.Options{Prefix: rand.Text() + ":"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return satraOn(tb, s, text, satra.Fresh)
}

// satraCached reads what may be a moment old, from the cache of redisstore.
func satraCached(tb testing.TB, url, text string) storeSubject {
	s, err := satraredis.Open(tb.Context(), url, &satraredis.Options{Prefix: rand.Text() + ":", Cache: 64 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	cached := satraOn(tb, s, text, satra.Cacheable)
	cached.name = "satra, cached"
	return cached
}

func postgresSubjects(tb testing.TB, url, text string) []storeSubject {
	s, err := pgstore.Open(tb.Context(), url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return []storeSubject{scsPostgres(tb, url, text), satraOn(tb, s, text, satra.Fresh)}
}

// satraOn begins sessions by requests, as a browser would.
func satraOn(tb testing.TB, store satra.Store, text string, f satra.Freshness) storeSubject {
	m, err := satra.New(store, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close(context.WithoutCancel(tb.Context())) })
	write := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { must(value.Set(r.Context(), text)) }))
	requests, tokens := begun(tb, m.CookieName(), write)
	ids := make([]satra.ID, len(tokens))
	for session, token := range tokens {
		b, err := base64.RawURLEncoding.DecodeString(token)
		must(err)
		ids[session] = satra.ID(b[:16])
	}
	generation := uint32(1)
	var read http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, err := value.Get(r.Context())
		must(err)
		useLength(got, text)
	})
	if f == satra.Cacheable {
		read = satra.FromCache(read)
	}
	data := []byte(strconv.Quote(text)) // as JSON has it
	return storeSubject{
		name: "satra", requests: requests, write: write,
		read: m.Handler(read),
		find: func(ctx context.Context, session int) error {
			_, err := store.Find(ctx, ids[session], f)
			return err
		},
		commit: func(ctx context.Context, session int) error {
			// As a manager does once a session's activity is noted, a minute at a time.
			_, err := store.Apply(ctx, ids[session], &satra.Change{
				At: time.Now().UTC().Truncate(satra.Precision), IfGeneration: &generation,
				Set: []satra.Value{{Key: "value", Data: data}},
			})
			return err
		},
	}
}

// begun begins one session after the other by a handler that sets a value, and
// returns requests with their cookies, and what these hold.
func begun(tb testing.TB, cookie string, write http.Handler) (requests []*http.Request, tokens []string) {
	for range sessionCount {
		w := httptest.NewRecorder()
		write.ServeHTTP(w, newRequest("GET", ""))
		for _, c := range w.Result().Cookies() {
			if c.Name == cookie {
				requests = append(requests, newRequest("GET", c.Name+"="+c.Value))
				tokens = append(tokens, c.Value)
			}
		}
	}
	if len(tokens) != sessionCount {
		tb.Fatalf("%d sessions were begun, want %d", len(tokens), sessionCount)
	}
	return requests, tokens
}

// useLength makes sure that the value was read.
func useLength(got, want string) {
	if len(got) != len(want) {
		panic("got " + got)
	}
}
