package accounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/satra-sessions/satra/internal/testserver"
)

var server struct {
	once sync.Once
	*testserver.Postgres
	err  error
	made int
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.Postgres != nil {
		server.Close()
	}
	os.Exit(code)
}

// databases are the kinds of database, each with an empty one of its own.
var databases = map[string]func(t *testing.T) string{
	"file": func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "app.db") },
	"postgres": func(t *testing.T) string {
		t.Helper()
		server.once.Do(func() { server.Postgres, server.err = testserver.NewPostgres() })
		if server.err != nil {
			t.Fatal(server.err)
		}
		b, err := connect(server.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		server.made++
		name := fmt.Sprintf("accounts%d", server.made)
		if _, err := b.Exec("CREATE DATABASE " + name); err != nil {
			t.Fatal(err)
		}
		return server.URL(name)
	},
}

func each(t *testing.T, test func(t *testing.T, database string)) {
	for kind, database := range databases {
		t.Run(kind, func(t *testing.T) { test(t, database(t)) })
	}
}

func open(t *testing.T, database string) *Book {
	t.Helper()
	b, err := Open(t.Context(), database, &Options{InsecureCheapHashes: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

const good, better = "tulsi wok glimt", "grazing geese tulsi"

func signIn(b *Book, name, passphrase string) (Account, error) {
	c, err := b.Candidate(context.Background(), name)
	if err != nil {
		return Account{}, err
	}
	return c.Verify(context.Background(), passphrase)
}

func TestAnAccountFromItsMakingToItsSignIn(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		b := open(t, database)
		made, err := b.Create(t.Context(), "Asha.Rao", good)
		if err != nil {
			t.Fatal(err)
		}
		if made.Name != "Asha.Rao" || len(made.ID) < 25 || strings.Contains(strings.ToLower(made.ID), "asha") || made.Created.IsZero() {
			t.Errorf("got %+v, want an opaque ID", made)
		}
		b.Close()
		b = open(t, database) // it is still there
		for _, name := range []string{"Asha.Rao", "asha.rao", "ASHA.RAO"} {
			if got, err := signIn(b, name, good); err != nil || got != made {
				t.Errorf("%s: got %+v and %v, want %+v", name, got, err, made)
			}
		}
		if got, err := b.Account(t.Context(), made.ID); err != nil || got != made {
			t.Errorf("by its ID: got %+v and %v, want %+v", got, err, made)
		}
		for _, wrong := range [][2]string{{"asha.rao", good + "!"}, {"asha.rao", ""}, {"asha.rao", "Tulsi wok glimt"}, {"nobody", good}, {"", good}, {strings.Repeat("a", 1<<16), good}, {"asha.rao", strings.Repeat("a", 1<<16)}} {
			if got, err := signIn(b, wrong[0], wrong[1]); !errors.Is(err, ErrWrong) || got != (Account{}) || err.Error() != ErrWrong.Error() {
				t.Errorf("%.20q, %.20q: got %+v and %v, want ErrWrong alone", wrong[0], wrong[1], got, err)
			}
		}
		if _, err := b.Account(t.Context(), "acct_none"); !errors.Is(err, ErrNone) {
			t.Errorf("an ID that is nobody's: got %v, want ErrNone", err)
		}
	})
}

func TestOneOfManyGetsTheName(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		b := open(t, database)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = b.Create(context.Background(), []string{"asha", "ASHA"}[i%2], good)
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if !errors.Is(err, ErrTaken) {
				t.Errorf("got %v, want ErrTaken", err)
			}
		}
		if made != 1 {
			t.Errorf("%d accounts were made, want one", made)
		}
	})
}

func TestTheNewPassphraseTakesTheOldOnesPlace(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		b := open(t, database)
		a, err := b.Create(t.Context(), "asha", good)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.SetPassphrase(t.Context(), a.ID, "asha asha asha asha"); !errors.As(err, new(*Refusal)) {
			t.Errorf("a common one: got %v, want a refusal", err)
		}
		if _, err := signIn(b, "asha", good); err != nil {
			t.Errorf("after the refusal: got %v, want the old one to be right", err)
		}
		if err := b.SetPassphrase(t.Context(), a.ID, better); err != nil {
			t.Fatal(err)
		}
		if _, err := signIn(b, "asha", better); err != nil {
			t.Errorf("the new one: got %v", err)
		}
		if _, err := signIn(b, "asha", good); !errors.Is(err, ErrWrong) {
			t.Errorf("the old one: got %v, want ErrWrong", err)
		}
		if err := b.SetPassphrase(t.Context(), "acct_none", better); !errors.Is(err, ErrNone) {
			t.Errorf("of nobody: got %v, want ErrNone", err)
		}
	})
}

func TestNodesThatStartAtOnceShareSchemaAndKeys(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		var wg sync.WaitGroup
		keys := make([]string, 4)
		for i := range keys {
			wg.Go(func() {
				b, err := Open(context.Background(), database, &Options{InsecureCheapHashes: true})
				if err != nil {
					t.Error(err)
					return
				}
				defer b.Close()
				key, err := b.Key(context.Background(), "devices")
				if err != nil {
					t.Error(err)
				}
				keys[i] = string(key)
			})
		}
		wg.Wait()
		for _, key := range keys {
			if len(key) < 50 || key != keys[0] {
				t.Fatalf("got %d characters, and alike: %v; want one long key", len(key), key == keys[0])
			}
		}
		other, err := open(t, database).Key(t.Context(), "other")
		if err != nil || string(other) == keys[0] {
			t.Errorf("for another purpose: got the same key, or %v", err)
		}
	})
}

func TestASchemaOfALaterProgramIsRefused(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		b := open(t, database)
		if _, err := b.db.Exec(`INSERT INTO dashboard_schema (version) VALUES (99)`); err != nil {
			t.Fatal(err)
		}
		b.Close()
		if _, err := Open(t.Context(), database, nil); err == nil || !strings.Contains(err.Error(), "schema version 99") {
			t.Errorf("got %v, want that the schema is said to be later", err)
		}
	})
}

func TestTheFileIsItsOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c%", "app.db")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, "sqlite:"+path).Create(t.Context(), "asha", good); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v and %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v and %v, want 0600", filepath.Base(f), info.Mode(), err)
		}
	}
}

func TestErrorsTellNoPassword(t *testing.T) {
	for _, database := range []string{"postgres://app:hush@127.0.0.1:1/app", "postgres://app:hush@[bad/app", "mysql://app:hush@db", "hush", "sqlite:" + t.TempDir()} {
		b, err := Open(t.Context(), database, nil)
		if err == nil {
			b.Close()
			t.Errorf("%s: got no error", database)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %q, which tells the password", database, err)
		}
	}
}
