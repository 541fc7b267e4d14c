package testserver

import (
	"bufio"
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
			l.count(io.TeeReader(near, far))
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

// count reads commands, arrays of strings each, and counts them by name.
func (l *RedisLine) count(r io.Reader) {
	in := bufio.NewReader(r)
	length := func(kind byte) (int, bool) {
		line, err := in.ReadString('\n')
		if err != nil || line[0] != kind {
			return 0, false
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
		return n, err == nil
	}
	for {
		parts, ok := length('*')
		for i := range parts {
			size, more := length('$')
			if !more {
				return
			}
			if i > 0 {
				if _, err := in.Discard(size + 2); err != nil {
					return
				}
				continue
			}
			name := make([]byte, size+2)
			if _, err := io.ReadFull(in, name); err != nil {
				return
			}
			l.mu.Lock()
			l.commands[strings.ToUpper(string(name[:size]))]++
			l.mu.Unlock()
		}
		if !ok {
			return
		}
	}
}
