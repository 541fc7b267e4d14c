package privatestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/satra-sessions/satra/internal/testserver"
)

// Run runs f with what a test has: a context, a folder, an end that ends the
// servers. It returns what f complained of.
func Run(ctx context.Context, f func(testserver.TB)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &program{ctx: ctx}
	over := make(chan struct{})
	go func() { // Fatalf ends it, as it does a test
		defer close(over)
		defer p.end()
		f(p)
	}()
	<-over
	return errors.Join(p.errs...)
}

// A program is a testserver.TB. It belongs to one goroutine.
type program struct {
	ctx      context.Context
	errs     []error
	cleanups []func()
}

func (p *program) Helper()                  {}
func (p *program) Context() context.Context { return p.ctx }
func (p *program) Cleanup(f func())         { p.cleanups = append(p.cleanups, f) }

func (p *program) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (p *program) Errorf(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}

func (p *program) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

func (p *program) TempDir() string {
	dir, err := os.MkdirTemp("", "satra-privatestore-")
	if err != nil {
		p.Fatalf("%v", err)
	}
	p.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (p *program) end() {
	for _, f := range slices.Backward(p.cleanups) {
		f()
	}
}
