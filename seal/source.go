package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// A Source is where keys come from: [File], [Env], [Command], or one of your
// own. Keys returns them as the file has them, and String says in words, which
// may be logged, where that is.
type Source interface {
	Keys(ctx context.Context) ([]byte, error)
	String() string
}

// mostBytes bounds what is read of keys.
const mostBytes = 1 << 20

// ParseSource reads a setting: "file:PATH", "env:NAME" or "command:PROGRAM
// ARGUMENTS", whose words are separated by spaces and reach no shell.
func ParseSource(text string) (Source, error) {
	kind, rest, _ := strings.Cut(text, ":")
	rest = strings.TrimSpace(rest)
	switch words := strings.Fields(rest); {
	case rest == "":
	case kind == "file":
		return File(rest), nil
	case kind == "env" && len(words) == 1:
		return Env(rest), nil
	case kind == "command":
		return Command(words[0], words[1:]...), nil
	}
	// What was given is not repeated: it may be a key, by mistake.
	return nil, errors.New("seal: this is no source of keys: want file:PATH, env:NAME or command:PROGRAM ARGUMENTS")
}

// File is keys in a file of their own, which nobody but its owner may read.
// [CreateFile] makes one.
func File(path string) Source { return fileSource(path) }

type fileSource string

func (f fileSource) String() string { return "file " + string(f) }

func (f fileSource) Keys(context.Context) ([]byte, error) {
	file, err := os.Open(string(f))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	// Windows has no such bits: there the folder's rights decide.
	if others := info.Mode().Perm() & 0o077; others != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("seal: %s: others than its owner may use it (mode %#o): chmod 600 %[1]s", string(f), info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, mostBytes))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return text, nil
}

// Env is keys in an environment variable. They stay as they were when the
// process began.
func Env(name string) Source { return envSource(name) }

type envSource string

func (e envSource) String() string { return "environment variable " + string(e) }

func (e envSource) Keys(context.Context) ([]byte, error) {
	text, ok := os.LookupEnv(string(e))
	if !ok {
		return nil, fmt.Errorf("seal: %s is not set", e)
	}
	return []byte(text), nil
}

// Command is keys that a program writes to its standard output: one that asks a
// vault. It is run without a shell, every time that keys are read, and has ten
// seconds. What it writes elsewhere is not shown: it may be secret.
func Command(program string, args ...string) Source {
	return &commandSource{program, args}
}

type commandSource struct {
	program string
	args    []string
}

// String tells the program alone: arguments may hold a secret.
func (c *commandSource) String() string { return "command " + c.program }

func (c *commandSource) Keys(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.program, c.args...)
	cmd.WaitDelay = time.Second
	out := &bounded{room: mostBytes}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("seal: %s: %w; run it by hand to see what it says", c, err)
	}
	return out.buffer.Bytes(), nil
}

// bounded keeps what is written, up to its room.
type bounded struct {
	buffer bytes.Buffer
	room   int
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.room-b.buffer.Len() {
		return 0, errors.New("it writes too much")
	}
	return b.buffer.Write(p)
}
