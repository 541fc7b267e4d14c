// Package testserver starts real servers for the tests of the stores: on free
// ports of the loopback interface, with their data in the test's own folder, and
// ends them with the test. A server whose program is missing fails the test:
// ./scripts/test installs them.
package testserver

import (
	"context"
	"net"
	"strconv"
)

// A TB is what a server needs of a test. [testing.TB] is one.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	TempDir() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

const loopback = "127.0.0.1"

// freePort returns a port of the loopback interface that nobody listens on. It
// may be taken until the server does: whoever starts one tries again then.
func freePort(t TB) int {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		t.Fatalf("no free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
