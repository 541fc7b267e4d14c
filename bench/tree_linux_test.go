package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// treeTime is the processor time that a server's processes have used: its first
// and that one's children, all threads of each.
func treeTime(pid int) time.Duration {
	total := processTime(pid)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	must(err)
	for _, child := range strings.Fields(string(children)) {
		var pid int
		fmt.Sscan(child, &pid)
		total += processTime(pid)
	}
	return total
}

// processTime is what the scheduler tells in nanoseconds; the clock ticks of
// /proc/PID/stat are too coarse for a short benchmark. A process that has ended
// meanwhile counts as nothing.
func processTime(pid int) (total time.Duration) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	must(err)
	for _, thread := range threads {
		if text, err := os.ReadFile(thread); err == nil {
			var ns int64
			fmt.Sscan(string(text), &ns)
			total += time.Duration(ns)
		}
	}
	return total
}
