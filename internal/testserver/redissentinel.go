package testserver

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A RedisSentinel watches over a primary, and makes its replica the primary when
// that is gone.
type RedisSentinel struct {
	t    TB
	port int
	cmd  *exec.Cmd

	Name             string // of what it watches over
	Primary, Replica *Redis
}

// StartRedisSentinel starts a primary, a replica, and a Sentinel that decides on
// its own, after half a second.
func StartRedisSentinel(t TB, name string) *RedisSentinel { return StartRedisSentinelTLS(t, nil, name) }

// StartRedisSentinelTLS is StartRedisSentinel with all three speaking TLS alone.
func StartRedisSentinelTLS(t TB, secure *RedisTLS, name string) *RedisSentinel {
	t.Helper()
	primary := startRedis(t, secure, false, nil)
	replica := startRedis(t, secure, false, []string{"--replicaof", loopback, strconv.Itoa(primary.port)})
	replica.await("info", "replication", "master_link_status:up")
	s := &RedisSentinel{t: t, Name: name, Primary: primary, Replica: replica}
	t.Cleanup(s.end)
	for range 10 { // somebody else may be faster to take the port
		s.port = freePort(t)
		if s.start() {
			s.server().await("info", "sentinel", "slaves=1")
			return s
		}
	}
	t.Fatalf("redis-server does not start as a Sentinel; see its output above")
	return nil
}

// Addr is the Sentinel's address.
func (s *RedisSentinel) Addr() string { return address(s.port) }

// CLI runs a command on the Sentinel, as Redis.CLI does.
func (s *RedisSentinel) CLI(args ...string) string {
	s.t.Helper()
	return s.server().CLI(args...)
}

func (s *RedisSentinel) server() *Redis {
	return &Redis{t: s.t, port: s.port, secure: s.Primary.secure}
}

func (s *RedisSentinel) start() bool {
	s.t.Helper()
	// A Sentinel writes what it learns into its file.
	file := filepath.Join(s.t.TempDir(), "sentinel.conf")
	port := fmt.Sprintf("port %d", s.port)
	if s.Primary.secure != nil {
		port = s.Primary.secure.lines(s.port)
	}
	text := fmt.Sprintf(`%s
bind %s
dir %s
sentinel monitor %s %s %d 1
sentinel down-after-milliseconds %s 500
sentinel failover-timeout %s 3000
`, port, loopback, filepath.Dir(file), s.Name, loopback, s.Primary.port, s.Name, s.Name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatalf("%v", err)
	}
	cmd := exec.Command("redis-server", file, "--sentinel")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Logf("redis-server as a Sentinel: %v", err)
		return false
	}
	lines := bufio.NewScanner(out)
	var said []string
	for lines.Scan() {
		if strings.Contains(lines.Text(), "+monitor master") {
			go io.Copy(io.Discard, out)
			s.cmd = cmd
			return true
		}
		said = append(said, lines.Text())
	}
	_ = cmd.Wait()
	s.t.Logf("a Sentinel on port %d:\n%s", s.port, strings.Join(said, "\n"))
	return false
}

func (s *RedisSentinel) end() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}
