package seal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "keys.json")
	var mu sync.Mutex
	made := 0
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			is, err := CreateFile(path, t0)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if is {
				made++
			}
		})
	}
	all.Wait()
	keys, err := FileKeys(path)
	if made != 1 || len(keys) != 1 || err != nil || !keys[0].active(t0) {
		t.Errorf("20 at once made %d files with %d keys, %v; want one of one active key", made, len(keys), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("there are %d files in the folder, want the keys alone", len(left))
	}
}

func TestKeysAreAddedAndRetired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	first, err := AddKey(path, t0, ActiveAfter)
	if err != nil || !first.ActiveFrom.Equal(t0) {
		t.Fatalf("the first key is active from %v, %v; want at once", first.ActiveFrom, err)
	}
	if err := RetireKey(path, first.ID, t0); !errors.Is(err, ErrLastKey) {
		t.Errorf("the only key: got error %v, want ErrLastKey", err)
	}
	second, err := AddKey(path, t0, ActiveAfter)
	if err != nil || !second.ActiveFrom.Equal(t0.Add(ActiveAfter)) {
		t.Fatalf("the second key is active from %v, %v; want in ten minutes", second.ActiveFrom, err)
	}
	if err := RetireKey(path, first.ID, t0.Add(time.Minute)); !errors.Is(err, ErrLastKey) {
		t.Errorf("the only active key: got error %v, want ErrLastKey", err)
	}
	ring := func(at time.Time) *Ring {
		r, err := Open(t.Context(), File(path), &RingOptions{Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	if got := len(ring(t0).Keys()); got != 2 {
		t.Errorf("a ring of the file has %d keys, want 2", got)
	}
	later := t0.Add(time.Hour)
	if err := RetireKey(path, first.ID, later); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if n := strings.Count(string(text), `"secret"`); n != 1 {
		t.Errorf("after one of two keys was retired the file holds %d secrets, want 1", n)
	}
	keys, err := FileKeys(path)
	if err != nil || len(keys) != 2 || !keys[0].RetiredAt.Equal(later) || keys[1] != second {
		t.Errorf("the keys are %+v, %v", keys, err)
	}
	if got := ring(later).Keys(); len(got) != 1 || got[0].ID != second.ID {
		t.Errorf("a ring of the file has %v, want the second key alone", got)
	}
	if err := RetireKey(path, first.ID, later); err == nil || !strings.Contains(err.Error(), "retired already") {
		t.Errorf("retired twice: got error %v", err)
	}
	if err := RetireKey(path, KeyID{9}, later); err == nil || !strings.Contains(err.Error(), "no key 09000000") {
		t.Errorf("an unknown key: got error %v", err)
	}
	if err := RetireKey(path+"x", first.ID, later); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown file: got error %v", err)
	}
	if _, err := AddKey(path, t0, -time.Second); err == nil {
		t.Error("a key was made that is active since before it was made")
	}
}

func TestOfKeysMadeAtOneInstantTheLastIsTheNewest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	for range 20 {
		added, err := AddKey(path, t0, 0)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := FileKeys(path)
		if newest, ok := Sealing(keys, t0); !ok || err != nil || newest != added {
			t.Fatalf("after key %s was added, %s seals: %v", added.ID, newest.ID, err)
		}
	}
}

func TestManyKeysAreAddedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := AddKey(path, t0, 0); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if keys, err := FileKeys(path); len(keys) != 10 || err != nil {
		t.Errorf("ten keys added at once: the file has %d, %v", len(keys), err)
	}
}

func TestAChangeThatCannotBeMadeLeavesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	if _, err := AddKey(path, t0, 0); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(path, t0, 0); err == nil || !strings.Contains(err.Error(), path+".new") {
		t.Errorf("while somebody else changes it: got error %v, want the name of the lock", err)
	}
	if _, err := os.Stat(path + ".new"); err != nil {
		t.Error("somebody else's lock was removed")
	}
	os.Remove(path + ".new")

	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(path, t0, 0); err == nil {
		t.Error("a damaged file was replaced")
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".new"); err == nil {
		t.Error("a change that failed left its lock")
	}

	// The file may be a link to where the keys really are.
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(link, t0, 0); err != nil {
		t.Fatal(err)
	}
	if keys, err := FileKeys(path); len(keys) != 2 || err != nil {
		t.Errorf("added through a link: the file has %d keys, %v", len(keys), err)
	}
}
