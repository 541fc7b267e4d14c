package testserver

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A PgBouncer is a connection pooler before a PostgreSQL, which hands out its
// connections by transaction.
type PgBouncer struct {
	server   *Postgres
	program  string
	dir      string
	settings []string
	port     int
	log      *logged
	process  *exec.Cmd // nil: it does not run
	over     chan struct{}
}

// StartPgBouncer starts a pooler for a test and ends it with it. It has four
// connections to the server for each database, so that clients have to share
// them. Settings are of the form "pool_mode = session".
func StartPgBouncer(t TB, server *Postgres, settings ...string) *PgBouncer {
	t.Helper()
	b, err := newPgBouncer(server, settings...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(b.Close)
	return b
}

func newPgBouncer(server *Postgres, settings ...string) (*PgBouncer, error) {
	b := &PgBouncer{server: server, settings: settings, log: &logged{}}
	var err error
	if b.program, err = pgBouncerProgram(); err != nil {
		return nil, err
	}
	// The server's account has to reach the folder, which it may not in t.TempDir.
	if b.dir, err = os.MkdirTemp("", "satra-pgbouncer-"); err != nil {
		return nil, err
	}
	if account := server.account; account != nil {
		err = os.Chown(b.dir, int(account.Uid), int(account.Gid))
	}
	if err == nil {
		err = b.start()
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// pgBouncerProgram returns the path of the program. Debian keeps it where daemons
// are, which is not in everybody's PATH.
func pgBouncerProgram() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/pgbouncer"
	if _, err := os.Stat(debian); err != nil {
		return "", fmt.Errorf("no pgbouncer in the PATH or at %s: install PgBouncer (Debian: pgbouncer)", debian)
	}
	return debian, nil
}

// URL leads to a database of the server, by way of the pooler.
func (b *PgBouncer) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", address(b.port), url.PathEscape(database))
}

// configuration is what the pooler reads at its start: whoever comes is let in,
// as by the server.
func (b *PgBouncer) configuration() string {
	lines := []string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%d user=postgres", loopback, b.server.port),
		"[pgbouncer]",
		"listen_addr = " + loopback, fmt.Sprintf("listen_port = %d", b.port), "unix_socket_dir =",
		"auth_type = any", "pool_mode = transaction", "default_pool_size = 4", "max_client_conn = 500",
		"server_login_retry = 1", // seconds, while the server is away
	}
	return strings.Join(append(lines, b.settings...), "\n") + "\n"
}

// start starts the program, on another port should the one it was given be taken
// meanwhile.
func (b *PgBouncer) start() error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	for {
		err := b.startOnce(ctx)
		if err == nil || ctx.Err() != nil || !strings.Contains(b.log.String(), "Address already in use") {
			return err
		}
	}
}

// startOnce returns when the pooler accepts connections, or has ended.
func (b *PgBouncer) startOnce(ctx context.Context) error {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return err
	}
	b.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	file := filepath.Join(b.dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(b.configuration()), 0o644); err != nil {
		return err
	}
	b.log.reset()
	cmd := exec.Command(b.program, file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, b.log, b.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: b.server.account} // it does not run as root, either
	endWithTheTests(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return err
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		cmd.Wait() // how it ended, the log says
	}()
	b.process, b.over = cmd, over
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		if strings.Contains(b.log.String(), "listening on "+loopback+":"+strconv.Itoa(b.port)) {
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			b.end()
			return fmt.Errorf("PgBouncer does not start: %w\n%s", ctx.Err(), b.log)
		case <-over:
			b.process = nil
			return fmt.Errorf("PgBouncer does not start:\n%s", b.log)
		}
	}
}

// Close ends the pooler and removes its files.
func (b *PgBouncer) Close() {
	b.end()
	os.RemoveAll(b.dir)
}

func (b *PgBouncer) end() {
	if b.process == nil {
		return
	}
	b.process.Process.Kill()
	<-b.over
	b.process = nil
}
