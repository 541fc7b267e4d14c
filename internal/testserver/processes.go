package testserver

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// PIDs are the server's processes, the postmaster first. Where there is no /proc
// it is the only one.
func (p *Postgres) PIDs() []int { return append([]int{p.PID()}, childrenOf(p.PID())...) }

// KillAll ends all processes of the server at once, as when the system kills
// them. After Kill the others notice by and by that the postmaster is gone, and
// what they have been asked until then they still do.
func (p *Postgres) KillAll() {
	if p.process == nil {
		return
	}
	p.process.Process.Signal(syscall.SIGSTOP) // it begets no others meanwhile
	for _, pid := range p.PIDs()[1:] {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	p.Kill()
}

// childrenOf reads them from /proc, where the parent is the second field behind
// the name, which may hold anything and ends with the last parenthesis.
func childrenOf(parent int) (children []int) {
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		var state string
		var ppid int
		if _, err := fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &ppid); err != nil || ppid != parent {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children = append(children, pid)
		}
	}
	return children
}
