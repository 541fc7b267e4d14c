package testserver

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// A Redis is a private redis-server. Its methods fail the test rather than
// return an error.
type Redis struct {
	t       TB
	port    int
	options []string
	cmd     *exec.Cmd
	secure  *RedisTLS // the port speaks TLS; nil: it does not
}

// StartRedis starts a server without a password. Durable ones write each change
// to the disk before they answer; the others keep nothing. More options are
// those of redis-server, "--name value".
func StartRedis(t TB, durable bool, more ...string) *Redis {
	t.Helper()
	return startRedis(t, nil, durable, more)
}

func startRedis(t TB, secure *RedisTLS, durable bool, more []string) *Redis {
	t.Helper()
	r := &Redis{t: t, secure: secure, options: []string{
		"--bind", loopback, "--save", "", "--dir", t.TempDir(), "--appendonly", "no", "--maxmemory-policy", "noeviction",
		"--repl-diskless-sync-delay", "0", // a replica that comes need not wait for others
	}}
	if durable {
		r.options = append(r.options, "--appendonly", "yes", "--appendfsync", "always")
	}
	r.options = append(r.options, more...)
	t.Cleanup(r.end)
	for range 10 { // somebody else may be faster to take the port
		r.port = freePort(t)
		if r.start() {
			return r
		}
	}
	t.Fatalf("redis-server does not start; see its output above. It is in Debian's package redis-server")
	return nil
}

// Addr is the server's address.
func (r *Redis) Addr() string { return address(r.port) }

// URL is the address as a store takes it.
func (r *Redis) URL() string {
	if r.secure != nil {
		return "rediss://" + r.Addr()
	}
	return "redis://" + r.Addr()
}

// PID is the server's process.
func (r *Redis) PID() int { return r.cmd.Process.Pid }

// Start starts the server again, with the data that it had written.
func (r *Redis) Start() {
	r.t.Helper()
	if !r.start() {
		r.t.Fatalf("redis-server does not start again on port %d; see its output above", r.port)
	}
}

// start reports whether the server accepts connections.
func (r *Redis) start() bool {
	args := append([]string{"--port", strconv.Itoa(r.port)}, r.options...)
	if r.secure != nil {
		args = append(r.secure.options(r.port), r.options...)
	}
	cmd := exec.Command("redis-server", args...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.t.Logf("redis-server: %v", err)
		return false
	}
	lines := bufio.NewScanner(out)
	var said []string
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go io.Copy(io.Discard, out)
			r.cmd = cmd
			return true
		}
		said = append(said, lines.Text())
	}
	_ = cmd.Wait()
	r.t.Logf("redis-server on port %d:\n%s", r.port, strings.Join(said, "\n"))
	return false
}

// CLI runs a command by redis-cli, which has to succeed, and returns the answer.
func (r *Redis) CLI(args ...string) string {
	r.t.Helper()
	out, err := r.tryCLI(args...)
	if err != nil {
		r.t.Fatalf("%s", fmt.Sprintf("redis-cli %v: %v: %s", args, err, out))
	}
	return out
}

func (r *Redis) tryCLI(args ...string) (string, error) {
	own := []string{"-e", "-h", loopback, "-p", strconv.Itoa(r.port)}
	if r.secure != nil {
		own = append(own, r.secure.cli()...)
	}
	out, err := exec.Command("redis-cli", append(own, args...)...).CombinedOutput()
	return string(out), err
}

// Kill ends the server at once, without a chance to save anything.
func (r *Redis) Kill() {
	r.t.Helper()
	if r.cmd == nil {
		r.t.Fatalf("redis-server is not running")
	}
	r.end()
}

func (r *Redis) end() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		r.cmd = nil
	}
}

// Freeze stops the server's clock, as it were: it keeps its connections and
// answers nobody, until the function that it returns is called.
func (r *Redis) Freeze() (thaw func()) {
	r.t.Helper()
	r.signal(syscall.SIGSTOP)
	return func() { r.signal(syscall.SIGCONT) }
}

func (r *Redis) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatalf("redis-server: %v: %v", s, err)
	}
}
