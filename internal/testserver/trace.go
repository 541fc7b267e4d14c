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
	"syscall"
)

// Trace follows what processes write and sync, until the function that it returns
// is called, which returns the trace. It takes strace, and the right to trace
// them.
func Trace(t TB, pids ...int) (stop func() string) {
	t.Helper()
	return trace(t, pids, "-s", "65536", "-e", "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg")
}

// TraceData does so for what changes files, with all of the data, in hexadecimal.
func TraceData(t TB, pids ...int) (stop func() string) {
	t.Helper()
	return trace(t, pids, "-xx", "-s", "1048576", "-e", "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,ftruncate")
}

func trace(t TB, pids []int, options ...string) (stop func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-f", "-y", "-o", path}, options...)
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	cmd := exec.Command("strace", args...)
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("strace, which has to be installed: %v", err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = cmd.Process.Signal(syscall.SIGINT) // it lets the processes go on
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	var all []string
	attached := 0
	for lines := bufio.NewScanner(said); attached < len(pids); {
		if !lines.Scan() {
			t.Fatalf("strace does not follow the processes %v:\n%s", pids, strings.Join(all, "\n"))
		}
		all = append(all, lines.Text())
		if strings.Contains(lines.Text(), "attached") {
			attached++
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, said)
	}()
	return func() string {
		t.Helper()
		_ = cmd.Process.Signal(syscall.SIGINT)
		<-drained
		end()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("the trace: %v", err)
		}
		return string(b)
	}
}

// A Log is how a trace tells a server's log from its other files, and an
// acknowledgement from other answers.
type Log struct {
	Path         string // part of the paths of the log's files
	Acknowledges func(call string) bool

	// Mixed says that there are answers among the acknowledgements for which
	// nothing had to be written.
	Mixed bool
}

// Early goes through a trace, and returns how many acknowledgements are in it,
// how many syncs of the log, and those acknowledgements that came too early: when
// the log was not written since the one before, or was written and not synced.
func (l Log) Early(trace string) (all, syncs int, early []string) {
	written := false
	writes, safe := 0, 0        // how many there were, and how many of them a sync has covered
	syncing := map[string]int{} // threads within a sync, and the writes before it
	synced := func(upTo int) { syncs++; safe = max(safe, upTo) }
	for line := range strings.Lines(trace) {
		thread, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimSpace(call)
		name, file := calledOn(call)
		before, within := syncing[thread]
		isLog, isSync, done := strings.Contains(file, l.Path), strings.HasSuffix(name, "sync"), strings.HasSuffix(call, "= 0")
		switch {
		case within && strings.Contains(call, "sync resumed>"):
			delete(syncing, thread)
			if done {
				synced(before)
			}
		case isLog && isSync && strings.Contains(call, "<unfinished"):
			syncing[thread] = writes
		case isLog && isSync && done:
			synced(writes)
		case isLog && !isSync:
			writes++
			written = true
		case l.Acknowledges(call):
			all++
			if safe < writes || !written && !l.Mixed {
				early = append(early, fmt.Sprintf("%.120s", call))
			}
			written = false
		}
	}
	return all, syncs, early
}

// calledOn returns the name of a call and the file that it is about.
func calledOn(call string) (name, file string) {
	name, rest, ok := strings.Cut(call, "(")
	if !ok {
		return "", ""
	}
	_, rest, _ = strings.Cut(rest, "<")
	file, _, _ = strings.Cut(rest, ">")
	return name, file
}
