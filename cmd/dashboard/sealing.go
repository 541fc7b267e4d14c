package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/settings"
	"github.com/satra-sessions/satra/seal"
)

// A sealing is the store with its values sealed, and what there is to say of it.
type sealing struct {
	satra.Store
	summary string // in a line, without a key
	note    string // what the operator had better know, or ""
	ring    *seal.Ring
}

// Close ends what sealStore began. The store itself is another's to close.
func (s *sealing) Close() {
	if s.ring != nil {
		s.ring.Close()
	}
}

// sealStore has the store's values sealed as the settings say.
func sealStore(ctx context.Context, s *settings.Settings, store satra.Store, log *slog.Logger) (*sealing, error) {
	if s.SealKeys == settings.SealOff {
		return &sealing{Store: store, summary: "no", note: "-seal-keys is off: whoever has a copy of the store can read the values of sessions"}, nil
	}
	if s.SealKeys == settings.SealAuto && !store.Features().Shared && store.Features().Durable == satra.DurableNot {
		return &sealing{Store: store, summary: "no: nothing is kept"}, nil
	}
	source, note, err := sealKeys(ctx, s, store)
	if err != nil {
		return nil, fmt.Errorf("seal-keys: %w", err)
	}
	ring, err := seal.Open(ctx, source, &seal.RingOptions{Problem: func(err error) { log.Error("keys", "error", err) }})
	if err != nil {
		return nil, fmt.Errorf("seal-keys: %s", strings.Join(strings.Split(err.Error(), "\n"), "; "))
	}
	sealed, err := seal.New(store, ring, nil)
	if err != nil {
		ring.Close()
		return nil, fmt.Errorf("seal-keys: %w", err)
	}
	return &sealing{Store: sealed, summary: "values, with keys from the " + source.String(), note: note, ring: ring}, nil
}

// sealKeys returns where the keys come from. By itself the program makes a file
// of keys once, but not for a store in which another node has sealed already: it
// could not read what that one has written, nor the other way round.
func sealKeys(ctx context.Context, s *settings.Settings, store satra.Store) (source seal.Source, note string, err error) {
	if s.SealKeys != settings.SealAuto {
		source, err = seal.ParseSource(s.SealKeys)
		return source, "", err
	}
	file := filepath.Join(s.DataDir, "keys.json")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		sealed, err := isSealed(ctx, store)
		if err != nil {
			return nil, "", fmt.Errorf("the store cannot be looked at: %w", err)
		}
		if sealed {
			return nil, "", fmt.Errorf("sessions in this store are sealed with keys that are not here: copy the other node's keys.json to %s (mode 0600), or tell with -seal-keys where they are; if they are lost, satra keys new -file %[1]s makes new ones", file)
		}
	}
	made, err := seal.CreateFile(file, time.Now())
	if made {
		note = file + " was made: keep a copy of it apart from copies of the store, without it sealed values are lost"
		if store.Features().Shared {
			note += "; every other node on this store needs the same file before it starts"
		}
	}
	return seal.File(file), note, err
}

// isSealed reports whether live sessions in the store are sealed: it looks at a
// few, of which all would be.
func isSealed(ctx context.Context, store satra.Store) (bool, error) {
	now, err := store.Now(ctx)
	if err != nil {
		return false, err
	}
	var page satra.Page
	for q := (satra.Query{At: now, Limit: 10}); ; q.After = page.Next {
		if page, err = store.List(ctx, q); err != nil {
			return false, err
		}
		if len(page.Records) > 0 || page.Next.IsZero() { // an empty page may not be the last
			break
		}
	}
	for _, listed := range page.Records {
		r, err := store.Find(ctx, listed.ID, satra.Fresh)
		if errors.Is(err, satra.ErrNotFound) {
			continue // swept meanwhile
		}
		if err != nil {
			return false, err
		}
		if keys, _ := seal.Uses(r); len(keys) > 0 {
			return true, nil
		}
	}
	return false, nil
}
