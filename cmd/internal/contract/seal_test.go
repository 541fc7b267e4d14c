package contract

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/pgstore"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/seal"
	"github.com/satra-sessions/satra/sqlitestore"
)

var note = satra.NewKey[string]("note")

// A dumped store is one of which a test can have all bytes.
type dumped struct {
	satra.Store
	dump func(t *testing.T) []byte
}

// TestADumpTellsNoValueNoSeedAndNoToken looks for what sessions hold in all that
// a store has written. Without sealing it has to find the values and the seeds,
// or it would find them nowhere; tokens it finds in neither.
func TestADumpTellsNoValueNoSeedAndNoToken(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) dumped{
		"sqlite": dumpedFile, "redis": dumpedRedis, "postgres": dumpedPostgres,
	} {
		t.Run(name, func(t *testing.T) {
			plain := open(t)
			secrets, tokens := live(t, plain.Store)
			dump := plain.dump(t)
			for what, secret := range secrets {
				if !holds(dump, secret) {
					t.Errorf("without sealing, %s is not found: the search is worth nothing", what)
				}
			}
			for _, token := range tokens {
				if holds(dump, token) {
					t.Error("without sealing, a token is in the dump")
				}
			}

			under := open(t)
			sealed, err := seal.New(under.Store, newRing(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			secrets, tokens = live(t, sealed)
			dump = under.dump(t)
			if !holds(dump, []byte("asha")) {
				t.Error("the dump does not even tell whose the session is: is it one?")
			}
			for what, secret := range secrets {
				if holds(dump, secret) {
					t.Errorf("with sealing, %s is in the dump", what)
				}
			}
			for _, token := range tokens {
				if holds(dump, token) {
					t.Error("with sealing, a token is in the dump")
				}
			}
		})
	}
}

func newRing(t *testing.T) *seal.Ring {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := seal.CreateFile(path, time.Now()); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.Open(t.Context(), seal.File(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ring.Close)
	return ring
}

// holds reports whether the dump holds the secret, in whichever writing.
func holds(dump, secret []byte) bool {
	for _, form := range [][]byte{
		secret, []byte(hex.EncodeToString(secret)), []byte(strings.ToUpper(hex.EncodeToString(secret))),
		[]byte(base64.RawStdEncoding.EncodeToString(secret)), []byte(base64.RawURLEncoding.EncodeToString(secret)),
	} {
		if bytes.Contains(dump, form) {
			return true
		}
	}
	return false
}

// live has a session begin, hold a value, be signed in and hold another, and
// returns what nobody else may know of it: values, seeds and tokens.
func live(t *testing.T, store satra.Store) (secrets map[string][]byte, tokens [][]byte) {
	t.Helper()
	seeds := &seedsSeen{Store: store}
	m, err := satra.New(seeds, &satra.Options{InsecureCookie: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	cookie := ""
	visit := func(act func(ctx context.Context) error) {
		t.Helper()
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := act(r.Context()); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(w, r)
		if set := w.Header().Get("Set-Cookie"); set != "" {
			cookie, _, _ = strings.Cut(set, ";")
			_, token, _ := strings.Cut(cookie, "=")
			tokens = append(tokens, []byte(token), []byte(token[22:]))
			if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 48 {
				t.Errorf("the cookie is no token: %v", err)
			} else {
				tokens = append(tokens, raw[16:])
			}
		}
	}
	first, second := "the account's number is 4711", "the second note, a little longer than the first"
	visit(func(ctx context.Context) error { return note.Set(ctx, first) })
	visit(func(ctx context.Context) error {
		a, err := satra.BeginSignIn(ctx, "asha")
		if err != nil {
			return err
		}
		return a.Complete(ctx, "password")
	})
	visit(func(ctx context.Context) error { return note.Set(ctx, second) })
	if len(seeds.seen) != 2 || len(tokens) != 6 {
		t.Fatalf("the session had %d seeds and %d tokens, want two, and two in three forms", len(seeds.seen), len(tokens))
	}
	return map[string][]byte{
		"the value": []byte(second), "the seed": seeds.seen[1][:24], "the seed of before": seeds.seen[0][:24],
	}, tokens
}

// seedsSeen notes the seeds that a manager makes, before anybody seals them.
type seedsSeen struct {
	satra.Store
	seen []satra.Seed
}

func (s *seedsSeen) Create(ctx context.Context, r *satra.Record) error {
	s.seen = append(s.seen, r.Seed)
	return s.Store.Create(ctx, r)
}

func (s *seedsSeen) Apply(ctx context.Context, id satra.ID, c *satra.Change) (satra.Result, error) {
	if c.SignIn != nil {
		s.seen = append(s.seen, c.SignIn.Seed)
	}
	return s.Store.Apply(ctx, id, c)
}

func dumpedFile(t *testing.T) dumped {
	folder := t.TempDir()
	s, err := sqlitestore.Open(filepath.Join(folder, "sessions.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return dumped{s, func(t *testing.T) (all []byte) {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, data...)
		}
		return all
	}}
}

func dumpedRedis(t *testing.T) dumped {
	folder := t.TempDir()
	server := testserver.StartRedis(t, false, "--dir", folder, "--rdbcompression", "no")
	s, err := redisstore.Open(t.Context(), server.URL(), &redisstore.Options{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return dumped{s, func(t *testing.T) []byte {
		server.CLI("save")
		data, err := os.ReadFile(filepath.Join(folder, "dump.rdb"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}}
}

func dumpedPostgres(t *testing.T) dumped {
	server := testserver.StartPostgres(t)
	s, err := pgstore.Open(t.Context(), server.URL("postgres"), &pgstore.Options{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return dumped{s, func(t *testing.T) []byte {
		data, err := exec.Command("pg_dump", server.URL("postgres")).Output()
		if err != nil {
			t.Fatalf("pg_dump (Debian: postgresql-client): %v", err)
		}
		return data
	}}
}
