package testserver

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// A RedisLine is a line to a server that can be cut, and that counts the
// commands which pass.
type RedisLine struct {
	t  TB
	to string

	listener net.Listener
	mu       sync.Mutex
	commands map[string]int
	open     map[net.Conn]bool
	cut      bool
	serving  sync.WaitGroup
}

// Line returns a new line to the server, which ends with the test.
func (r *Redis) Line() *RedisLine {
	r.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		r.t.Fatalf("a line to redis-server: %v", err)
	}
	line := &RedisLine{t: r.t, to: r.Addr(), listener: l, commands: map[string]int{}, open: map[net.Conn]bool{}}
	line.serving.Go(line.accept)
	r.t.Cleanup(func() {
		l.Close()
		line.Cut()
		line.serving.Wait()
	})
	return line
}

// URL is the line's address as a store takes it.
func (l *RedisLine) URL() string { return "redis://" + l.listener.Addr().String() }

func (l *RedisLine) port() int { return l.listener.Addr().(*net.TCPAddr).Port }

// Cut ends all connections and lets nobody connect, until Mend.
func (l *RedisLine) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		c.Close()
	}
}

// Drop ends all connections; new ones may be made at once.
func (l *RedisLine) Drop() {
	l.Cut()
	l.Mend()
}

// Mend lets connections be made again.
func (l *RedisLine) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

// Commands counts the commands that passed, a script as one. What a client does
// to hold a connection is not counted.
func (l *RedisLine) Commands() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for name, count := range l.commands {
		switch name {
		case "HELLO", "AUTH", "CLIENT", "PING", "CLUSTER", "SELECT":
		default:
			n += count
		}
	}
	return n
}

func (l *RedisLine) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil || !l.keep(near, far) {
			near.Close()
			if far != nil {
				far.Close()
			}
			continue
		}
		l.serving.Go(func() {
			defer l.drop(near, far)
			_, _ = io.Copy(near, far)
		})
		l.serving.Go(func() {
			defer l.drop(near, far)
			_, _ = io.Copy(far, &counting{from: near, line: l})
		})
	}
}

func (l *RedisLine) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.open[c] = true
	}
	if l.cut {
		for _, c := range conns {
			delete(l.open, c)
		}
	}
	return !l.cut
}

func (l *RedisLine) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(l.open, c)
	}
}

// A counting reads commands, arrays of strings each, and has counted a command
// before anybody gets what it read.
type counting struct {
	from io.Reader
	line *RedisLine

	text  []byte // the line or the name that is being read
	left  int    // bytes of a string that are still to come, with its line break
	named bool   // the command's name is known
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	for _, b := range p[:n] {
		c.next(b)
	}
	return n, err
}

func (c *counting) next(b byte) {
	if !c.named || c.left == 0 {
		c.text = append(c.text, b)
	}
	switch {
	case c.left > 1:
		c.left--
	case c.left == 1:
		if c.left = 0; !c.named {
			c.named = true
			c.line.passed(strings.ToUpper(strings.TrimSpace(string(c.text))))
		}
		c.text = c.text[:0]
	case b == '\n':
		size, _ := strconv.Atoi(strings.TrimSpace(string(c.text[1:])))
		if c.text[0] == '*' {
			c.named = false
		} else {
			c.left = size + 2
		}
		c.text = c.text[:0]
	}
}

func (l *RedisLine) passed(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commands[name]++
}
