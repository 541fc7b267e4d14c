package seal_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
	"github.com/satra-sessions/satra/seal"
)

func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "keys.json") // in earnest: where no copy of the sessions is kept
	if _, err := seal.CreateFile(file, time.Now()); err != nil {
		log.Fatal(err)
	}
	ring, err := seal.Open(ctx, seal.File(file), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	store, err := seal.New(memstore.New(nil), ring, nil) // or any other store
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := satra.New(store, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sessions.Close(ctx)
	fmt.Println(len(ring.Keys()), "key")
	// Output: 1 key
}
