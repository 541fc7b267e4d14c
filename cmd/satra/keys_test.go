package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/seal"
	"github.com/satra-sessions/satra/sqlitestore"
)

// idsIn returns the IDs of the keys in a file, and fails if what a command
// wrote tells one of their secrets.
func idsIn(t *testing.T, file string, wrote ...string) []string {
	t.Helper()
	keys, err := seal.FileKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range regexp.MustCompile(`"secret": "([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		for _, w := range wrote {
			if strings.Contains(w, secret[1][:20]) {
				t.Errorf("a secret is told: %s", w)
			}
		}
	}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID.String()
	}
	return ids
}

func TestKeysAreMadeListedAndRetired(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data", "keys.json")
	expect(t, exitProblem, []string{"no such file"}, "keys", "list", "-file", file)
	made := expect(t, exitOK, []string{file + " was made", "Keep a copy"}, "keys", "new", "-file", file)
	added := expect(t, exitOK, []string{"has a new key", "seals from"}, "keys", "new", "-file", file)
	listed := expect(t, exitOK, []string{"seals and opens", "opens; seals in 10m0s"}, "keys", "list", "-file", file)
	ids := idsIn(t, file, made, added, listed)
	if len(ids) != 2 || !strings.Contains(made, ids[0]) || !strings.Contains(added, ids[1]) || !strings.Contains(listed, ids[0]) || !strings.Contains(listed, ids[1]) {
		t.Errorf("the commands tell of other keys than %q", ids)
	}

	expect(t, exitProblem, []string{"seals now", "-force"}, "keys", "retire", "-file", file, ids[0])
	expect(t, exitProblem, []string{"the only key that is active"}, "keys", "retire", "-force", "-file", file, ids[0])
	at := expect(t, exitOK, []string{"up to a minute"}, "keys", "new", "-active-in", "0s", "-file", file)
	expect(t, exitProblem, []string{"-store", "-force"}, "keys", "retire", "-file", file, ids[0])
	expect(t, exitProblem, []string{"no key 00000001"}, "keys", "retire", "-file", file, "00000001")
	if now := idsIn(t, file, at); len(now) != 3 {
		t.Errorf("what was refused changed the file: %q", now)
	}
	expect(t, exitOK, []string{ids[0] + " is retired"}, "keys", "retire", "-force", "-file", file, ids[0])
	expect(t, exitOK, []string{"retired 20"}, "keys", "list", "-file", file)
	expect(t, exitProblem, []string{"retired already"}, "keys", "retire", "-force", "-file", file, ids[0])
}

func TestKeysCommandsThatAreNotUnderstood(t *testing.T) {
	for _, c := range []struct {
		words []string
		args  []string
	}{
		{[]string{"wants none, and got 1"}, []string{"keys", "new", "x"}},
		{[]string{"wants ID, and got 0"}, []string{"keys", "retire"}},
		{[]string{"not the ID of a key"}, []string{"keys", "retire", "xyz"}},
		{[]string{"-active-in -1s"}, []string{"keys", "new", "-active-in", "-1s"}},
		{[]string{`no command "keys"`}, []string{"keys"}},
	} {
		expect(t, exitUsage, c.words, c.args...)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	expect(t, exitOK, nil, "keys", "new", "-file", file)
	expect(t, exitUsage, []string{"-store:", "not the name"}, "keys", "list", "-file", file, "-store", "nonsense")
	none := filepath.Join(t.TempDir(), "none.db")
	expect(t, exitProblem, []string{"no such file"}, "keys", "list", "-file", file, "-store", "sqlite:"+none)
	if _, err := os.Stat(none); err == nil {
		t.Error("a file was made that was to be looked at")
	}
}

// sealedSessions puts sessions into a file of them, sealed with the keys of another.
func sealedSessions(t *testing.T, sessions, keys string, n int) {
	t.Helper()
	under, err := sqlitestore.Open(sessions, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer under.Close()
	var store satra.Store = under
	if keys != "" {
		ring, err := seal.Open(t.Context(), seal.File(keys), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ring.Close()
		if store, err = seal.New(under, ring, nil); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().UTC().Truncate(satra.Precision)
	for range n {
		r := &satra.Record{
			Generation: 1, Version: 1, Created: now, Begun: now, Seen: now, Idle: time.Hour, Lifetime: time.Hour,
			Values: []satra.Value{{Key: "a", Data: []byte(`1`), Rev: 1}},
		}
		rand.Read(r.ID[:])
		rand.Read(r.Secret[:])
		rand.Read(r.Seed[:24])
		if err := store.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSessionsAreCountedByTheirKeys(t *testing.T) {
	folder := t.TempDir()
	file, sessions := filepath.Join(folder, "keys.json"), filepath.Join(folder, "sessions.db")
	strange := filepath.Join(folder, "strange.json")
	expect(t, exitOK, nil, "keys", "new", "-file", file)
	expect(t, exitOK, nil, "keys", "new", "-file", strange)
	sealedSessions(t, sessions, file, 1203)
	sealedSessions(t, sessions, strange, 2)
	sealedSessions(t, sessions, "", 3)
	store := "sqlite:" + sessions
	all := expect(t, exitOK, []string{"1,208 live sessions, of which 3 hold", "2 uses of keys that this file does not have: " + idsIn(t, strange)[0], "counting: 100 %"},
		"keys", "list", "-file", file, "-store", store)
	if !regexp.MustCompile(idsIn(t, file)[0] + ` .* 1,203\n`).MatchString(all) {
		t.Errorf("the key is not said to be needed by 1,203 sessions:\n%s", all)
	}
	if quiet := expect(t, exitOK, nil, "keys", "list", "-quiet", "-file", file, "-store", store); strings.Contains(quiet, "counting") {
		t.Errorf("-quiet shows progress: %s", quiet)
	}

	old := idsIn(t, file)[0]
	expect(t, exitOK, nil, "keys", "new", "-active-in", "0s", "-file", file)
	expect(t, exitProblem, []string{"1,203 live sessions need key " + old}, "keys", "retire", "-file", file, "-store", store, old)
	empty := filepath.Join(folder, "empty.db")
	sealedSessions(t, empty, file, 5)
	expect(t, exitOK, []string{old + " is retired"}, "keys", "retire", "-file", file, "-store", "sqlite:"+empty, old)
}
