package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A workload is one row of a store's table.
type workload struct{ operation, bytes, clients string }

// storeTables prints a table for each kind of store. Names are
// KIND/OPERATION/BYTES/CLIENTS/PACKAGE; the first package is the measure.
func storeTables(out io.Writer, samples map[string]*sample, order []string) {
	kinds, workloads, packages := []string{}, map[string][]workload{}, map[string][]string{}
	add := func(to *[]string, s string) {
		if !slices.Contains(*to, s) {
			*to = append(*to, s)
		}
	}
	for _, name := range order {
		part := strings.SplitN(name, "/", 5)
		if len(part) < 5 {
			continue
		}
		kind, w := part[0], workload{part[1], part[2], part[3]}
		add(&kinds, kind)
		of := packages[kind]
		add(&of, part[4])
		packages[kind] = of
		if !slices.Contains(workloads[kind], w) {
			workloads[kind] = append(workloads[kind], w)
		}
	}
	for _, kind := range kinds {
		head := []string{kind, "bytes", "clients"}
		for i, p := range packages[kind] {
			if head = append(head, p); i > 0 {
				head = append(head, "is")
			}
		}
		row(out, head)
		fmt.Fprintln(out, "|---"+strings.Repeat("|---:", len(head)-1)+"|")
		for _, w := range workloads[kind] {
			row(out, storeRow(kind, w, packages[kind], samples))
		}
		fmt.Fprintln(out)
	}
}

// storeRow tells for each package the processor time of an operation, here and in
// the server, and how many there were a second; and how many times less than the
// first's that is, here and in all.
func storeRow(kind string, w workload, packages []string, samples map[string]*sample) []string {
	cells := []string{w.operation, w.bytes, w.clients}
	var first *sample
	for i, p := range packages {
		s := samples[strings.Join([]string{kind, w.operation, w.bytes, w.clients, p}, "/")]
		if s == nil {
			s = &sample{}
		}
		here, server, clock := median(s.cpu), median(s.server), median(s.clock)
		cost := duration(here)
		if len(s.server) > 0 {
			cost = fmt.Sprintf("%s + %s", duration(here), duration(server))
		}
		cells = append(cells, fmt.Sprintf("%s, %s/s", cost, rate(clock)))
		if i == 0 {
			first = s
			continue
		}
		is := times(median(first.cpu), here)
		if len(s.server) > 0 {
			is += ", " + times(median(first.cpu)+median(first.server), here+server)
		}
		cells = append(cells, is)
	}
	return cells
}

func times(theirs, ours float64) string {
	if theirs > 10*ours {
		return fmt.Sprintf("%.0f×", theirs/ours)
	}
	return fmt.Sprintf("%.2g×", theirs/ours)
}

// rate is how many times a second something happens that takes so long.
func rate(ns float64) string {
	if ns <= 0 {
		return "–"
	}
	n := 1e9 / ns
	switch {
	case n < 1000:
		return fmt.Sprintf("%.0f", n)
	case n >= 100_000:
		return fmt.Sprintf("%.0fk", n/1000)
	}
	return fmt.Sprintf("%.3gk", n/1000)
}

func row(out io.Writer, cells []string) {
	fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |")
}
