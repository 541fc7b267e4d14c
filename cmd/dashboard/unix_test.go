//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestASignalEndsTheProgram(t *testing.T) {
	ctx, stop := signalled()
	defer stop()
	p := start(t, ctx, t.TempDir())
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.wantEnd()
}

func TestTheDataDirectoryIsForItsOwnerAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	data := filepath.Join(t.TempDir(), "below", "data")
	p := start(t, ctx, data)
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("got mode %v, want 0700", got)
	}
	cancel()
	p.wantEnd()
}
