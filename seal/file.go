package seal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// ActiveAfter is how long after it was made a key becomes active, unless it is
// told otherwise: until then every node has read it. See [Ring].
const ActiveAfter = 10 * time.Minute

// CreateFile makes a file of keys with one key in it, which is active at once,
// and reports whether it did. A file that is there already stays as it is. Of
// several that call it at once one makes the file.
func CreateFile(path string, now time.Time) (made bool, err error) {
	if _, err := os.Stat(path); err == nil {
		return false, nil // mostly: no lock for it
	}
	err = changeFile(path, func(doc *document) (*document, error) {
		if doc != nil {
			return nil, nil
		}
		made = true
		return &document{entries: []entry{newEntry(doc, now, 0)}}, nil
	})
	return made && err == nil, err
}

// AddKey adds a key, made at random, which becomes active so long after now. It
// makes the file if there is none; the first key is active at once.
func AddKey(path string, now time.Time, activeIn time.Duration) (added KeyInfo, err error) {
	if activeIn < 0 {
		return KeyInfo{}, fmt.Errorf("seal: a key cannot have become active %v ago", -activeIn)
	}
	err = changeFile(path, func(doc *document) (*document, error) {
		if doc == nil {
			doc, activeIn = &document{}, 0
		}
		e := newEntry(doc, now, activeIn)
		added = e.info
		return &document{entries: append(doc.entries, e)}, nil
	})
	return added, err
}

// ErrLastKey says that a key cannot be retired: without it nothing could be
// sealed.
var ErrLastKey = errors.New("seal: it is the only key that is active: make another one first")

// RetireKey takes a key out of use: its secret is removed from the file, and
// what was sealed with it opens no more, on every node that has read the file
// anew.
func RetireKey(path string, id KeyID, now time.Time) error {
	return changeFile(path, func(doc *document) (*document, error) {
		if doc == nil {
			return nil, fmt.Errorf("seal: %s: %w", path, fs.ErrNotExist)
		}
		i := slices.IndexFunc(doc.entries, func(e entry) bool { return e.info.ID == id })
		switch {
		case i < 0:
			return nil, fmt.Errorf("seal: %s: there is no key %s", path, id)
		case doc.entries[i].secret.empty():
			return nil, fmt.Errorf("seal: %s: key %s is retired already", path, id)
		}
		doc.entries[i].secret = material{}
		doc.entries[i].info.RetiredAt = short(now)
		if _, ok := Sealing(doc.infos(), now); !ok {
			return nil, ErrLastKey
		}
		return doc, nil
	})
}

// FileKeys tells of all keys in a file, retired ones too, in the order in which
// they were made.
func FileKeys(path string) ([]KeyInfo, error) {
	doc, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return doc.infos(), nil
}

// newEntry makes a key with an ID that doc does not have.
func newEntry(doc *document, now time.Time, activeIn time.Duration) entry {
	e := entry{secret: randomMaterial()}
	for {
		rand.Read(e.info.ID[:])
		taken := doc != nil && slices.ContainsFunc(doc.entries, func(o entry) bool { return o.info.ID == e.info.ID })
		if e.info.ID != (KeyID{}) && !taken {
			break
		}
	}
	e.info.Created = short(now)
	e.info.ActiveFrom = short(now.Add(activeIn))
	if doc != nil { // of two that become active together, the one made last is the newer
		for _, o := range doc.entries {
			if !e.info.Created.After(o.info.Created) {
				e.info.Created = o.info.Created.Add(time.Millisecond)
			}
		}
	}
	return e
}

// short is an instant as it is written to a file.
func short(at time.Time) time.Time { return at.UTC().Truncate(time.Millisecond) }

func readFile(path string) (*document, error) {
	text, err := File(path).Keys(context.Background())
	if err != nil {
		return nil, err
	}
	doc, err := parseDocument(text)
	if err != nil {
		return nil, fmt.Errorf("seal: %s: %w", path, err)
	}
	return doc, nil
}

const (
	lockPatience = 2 * time.Second
	lockInterval = 20 * time.Millisecond
)

// changeFile replaces the file by what change makes of it: of nil if there is
// none, and to nil if all is to stay. The new file is written beside the old one
// under a name that one process at a time can make, so that it is the lock as
// well, and put in its place when it is on the disk: whoever reads, and whenever
// the power goes, there is the old file or the new one.
func changeFile(path string, change func(*document) (*document, error)) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	next, err := lock(path + ".new")
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed { // else the name is somebody else's lock by now
			next.Close()
			os.Remove(next.Name())
		}
	}()
	doc, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	changed, err := change(doc)
	if err != nil || changed == nil {
		return err
	}
	err = write(next, changed)
	if err == nil {
		err = os.Rename(next.Name(), path)
		renamed = err == nil
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// write writes a document to the disk and closes the file.
func write(f *os.File, doc *document) error {
	text, err := doc.format()
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// lock makes the file, and waits a little if somebody else has it.
func lock(name string) (*os.File, error) {
	for began := time.Now(); ; time.Sleep(lockInterval) {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, fs.ErrExist):
			return nil, fmt.Errorf("seal: %w", err)
		case time.Since(began) > lockPatience:
			return nil, fmt.Errorf("seal: %s is there: another program is changing the keys, or one has crashed as it did; if none is, remove that file", name)
		}
	}
}

// syncFolder makes a rename in a folder last.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // cannot, and need not
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
