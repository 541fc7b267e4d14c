package testserver

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Postgres is a private PostgreSQL with a superuser "postgres" that needs no
// password from this machine. fsync is on, as in production.
type Postgres struct {
	bin, dir string
	account  *syscall.Credential // nil: the account of the test
	port     int
	settings []string
	log      *logged
	process  *exec.Cmd // nil: it does not run
	over     chan struct{}
}

// StartPostgres starts a server for a test and ends it with it. Settings are of
// the form "shared_buffers=16MB".
func StartPostgres(t TB, settings ...string) *Postgres {
	t.Helper()
	p, err := NewPostgres(settings...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// NewPostgres starts a server for several tests, whose TestMain closes it.
func NewPostgres(settings ...string) (*Postgres, error) {
	p := &Postgres{settings: settings, log: &logged{}}
	var err error
	if p.bin, err = postgresPrograms(); err != nil {
		return nil, err
	}
	// Its own account has to reach the folder, which it may not in t.TempDir.
	if p.dir, err = os.MkdirTemp("", "satra-postgres-"); err != nil {
		return nil, err
	}
	if err = p.initialize(); err == nil {
		err = p.Start()
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// postgresPrograms returns the folder of the newest PostgreSQL. Debian keeps
// initdb out of the PATH.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, lookErr := exec.LookPath("initdb"); err == nil && len(found) == 0 && lookErr == nil {
		found = []string{path}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no initdb in /usr/lib/postgresql or the PATH: install PostgreSQL (Debian: postgresql)")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (p *Postgres) initialize() error {
	if os.Geteuid() == 0 { // as which PostgreSQL does not run
		account, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("the account of postgres has the IDs %q and %q", account.Uid, account.Gid)
		}
		p.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(p.dir, int(uid), int(gid)); err != nil {
			return err
		}
	}
	// The files of an empty cluster need not survive a power cut: no sync.
	cmd := p.command("initdb", "-D", p.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account}
	endWithTheTests(cmd.SysProcAttr)
	return cmd
}

// URL leads to a database, "postgres" for example, which there always is.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", address(p.port), database)
}

// PID is the server's first process, of which the others are children.
func (p *Postgres) PID() int { return p.process.Process.Pid }

// startPatience is how long a server may take: after a kill its parts end one by
// one, and the log is replayed.
const startPatience = time.Minute

// Start starts the server, again on the same port after Kill, and returns when
// it can be used.
func (p *Postgres) Start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	for {
		err := p.startOnce(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// startOnce starts the program and waits until it accepts connections or ends:
// because another has taken the port, or what Kill left is still there.
func (p *Postgres) startOnce(ctx context.Context) error {
	if p.port == 0 {
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return err
		}
		p.port = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	args := []string{"-D", p.data(), "-p", strconv.Itoa(p.port), "-k", p.dir, "-c", "listen_addresses=" + loopback, "-c", "max_connections=200"}
	for _, setting := range p.settings {
		args = append(args, "-c", setting)
	}
	p.log.reset()
	cmd := p.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		return err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		cmd.Wait() // how it ended, the log says
	}()
	p.process, p.over = cmd, over
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		if strings.Contains(p.log.String(), "database system is ready to accept connections") {
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("PostgreSQL does not start: %w\n%s", ctx.Err(), p.log)
		case <-over:
			p.process = nil
			if strings.Contains(p.log.String(), "could not create any TCP/IP sockets") {
				p.port = 0
			}
			return fmt.Errorf("PostgreSQL does not start:\n%s", p.log)
		}
	}
}

// Kill ends the server at once, without a chance to save anything.
func (p *Postgres) Kill() { p.end(syscall.SIGKILL) }

// Close ends the server and removes its data.
func (p *Postgres) Close() {
	p.end(syscall.SIGQUIT)
	os.RemoveAll(p.dir)
}

func (p *Postgres) end(how os.Signal) {
	if p.process == nil {
		return
	}
	p.process.Process.Signal(how)
	<-p.over
	p.process = nil
}

// logged is what a server has written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}
