package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A disk is what is on it when the power goes: of each file what was synced, and
// of what was written since then nothing, or whatever chance leaves.
type disk struct {
	root  string // what is kept of: the folder of the store
	files map[string]*file
}

// A file is its bytes as of the last sync, and what was written since then.
type file struct {
	safe    []byte
	pending []written
	size    int64 // with all that is pending
}

// A written is one write, or with no data a new length.
type written struct {
	call
	appended bool
}

// newDisk is the disk with what is in the folder now, all of it safe.
func newDisk(root string) (*disk, error) {
	d := &disk{root: root, files: map[string]*file{}}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !keeps(path) {
			return err
		}
		b, err := os.ReadFile(path)
		d.files[path] = &file{safe: b, size: int64(len(b))}
		return err
	})
	return d, err
}

// keeps leaves out what a store makes anew after a crash: SQLite's shared memory.
func keeps(path string) bool { return !strings.HasSuffix(path, "-shm") }

// take applies a call of the trace.
func (d *disk) take(c call) error {
	if !strings.HasPrefix(c.path, d.root+"/") || !keeps(c.path) {
		return nil
	}
	f := d.files[c.path]
	if f == nil {
		f = &file{}
		d.files[c.path] = f
	}
	switch c.name {
	case "write": // these logs are only ever appended to in this way
		c.offset = f.size
		f.pending = append(f.pending, written{c, true})
		f.size += int64(len(c.data))
	case "pwrite64":
		f.pending = append(f.pending, written{c, false})
		f.size = max(f.size, c.offset+int64(len(c.data)))
	case "ftruncate":
		f.pending = append(f.pending, written{c, false})
		f.size = c.offset
	case "fsync", "fdatasync":
		f.sync(c.began)
	default:
		return fmt.Errorf("%s: this disk does not know what that does", c.name)
	}
	return nil
}

// sync makes safe what was written before the sync began. A write that was under
// way then may have been covered or not: it stays in doubt.
func (f *file) sync(began int) {
	f.pending = slices.DeleteFunc(f.pending, func(w written) bool {
		if w.over < began {
			f.safe = w.apply(f.safe, 0, len(w.data))
			return true
		}
		return false
	})
}

// apply writes a part of the data.
func (w written) apply(to []byte, from, until int) []byte {
	if w.name == "ftruncate" {
		return resized(to, w.offset)
	}
	if end := w.offset + int64(until); from < until && int64(len(to)) < end {
		to = resized(to, end)
	}
	copy(to[min(w.offset+int64(from), int64(len(to))):], w.data[from:until])
	return to
}

func resized(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// sector is what a disk writes whole.
const sector = 512

// after returns a file as it may be after the power was cut. Without chance all
// that was not synced is gone. With it, of what was written at an offset each
// sector is there or not, in any order; of what was appended there is a
// beginning, since a file's length is written after its bytes.
func (f *file) after(chance *rand.Rand) []byte {
	now := slices.Clone(f.safe)
	if chance == nil {
		return now
	}
	for _, w := range f.pending {
		switch {
		case w.name == "ftruncate":
			if chance.IntN(2) == 0 {
				now = w.apply(now, 0, 0)
			}
		case w.appended:
			n := chance.IntN(len(w.data) + 1)
			now = w.apply(now, 0, n)
			if n < len(w.data) {
				return now
			}
		default:
			for from := 0; from < len(w.data); from += sector {
				if chance.IntN(2) == 0 {
					now = w.apply(now, from, min(from+sector, len(w.data)))
				}
			}
		}
	}
	return now
}

// writeTo makes the folder as it is after the power was cut.
func (d *disk) writeTo(folder string, chance *rand.Rand) error {
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		name := filepath.Join(folder, strings.TrimPrefix(path, d.root))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, d.files[path].after(chance), 0o600); err != nil {
			return err
		}
	}
	return nil
}
