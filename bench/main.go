package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// main makes tables from what "go test -bench" printed: the README's, or those of
// the stores.
func main() {
	if err := table(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// rows are the benchmarks in the order of the table.
var rows = []struct{ benchmark, what string }{
	{"Ignore", "a route that ignores its session"},
	{"Read", "read one value"},
	{"Write", "write one value"},
	{"NoCookie", "a request without a cookie"},
	{"JunkCookie", "a request with a junk cookie"},
	{"CSRF", "check the CSRF token of a POST"},
	{"HundredReads", "100 reads within a minute"},
}

// A sample is what one package needed, one value a run.
type sample struct{ cpu, server, clock, allocs, writes []float64 }

func table(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: go run . FILE, with the output of go test -bench . -count 6")
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	samples, order := map[string]map[string]*sample{}, map[string][]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		benchmark, subject, fields, ok := parseLine(lines.Text())
		if !ok {
			continue
		}
		if samples[benchmark] == nil {
			samples[benchmark] = map[string]*sample{}
		}
		if samples[benchmark][subject] == nil {
			samples[benchmark][subject] = &sample{}
			order[benchmark] = append(order[benchmark], subject)
		}
		samples[benchmark][subject].add(fields)
	}
	if stores, ok := samples["Stores"]; ok {
		storeTables(out, stores, order["Stores"])
		delete(samples, "Stores")
	}
	if len(samples) == 0 {
		return lines.Err()
	}
	fmt.Fprintln(out, "| what | package | CPU time | allocations | Satra is |\n|---|---|---:|---:|---:|")
	for _, row := range rows {
		for _, subject := range order[row.benchmark] {
			fmt.Fprintln(out, line(row.what, subject, samples[row.benchmark][subject], samples[row.benchmark]["satra"]))
		}
	}
	return lines.Err()
}

// line is one row of the table: medians, and how many times Satra is faster.
func line(what, subject string, s, ours *sample) string {
	cost, ratio := duration(median(s.cpu)), ""
	if len(s.writes) > 0 {
		cost = fmt.Sprintf("%.3g writes", median(s.writes))
	} else if subject != "satra" && ours != nil {
		ratio = fmt.Sprintf("%.2g×", median(s.cpu)/median(ours.cpu))
	}
	return fmt.Sprintf("| %s | %s | %s | %.0f | %s |", what, subject, cost, median(s.allocs), ratio)
}

// parseLine reads "BenchmarkRead/scs-2  100  14012 ns/op  5000 B/op  199 allocs/op".
func parseLine(text string) (benchmark, subject string, fields []string, ok bool) {
	fields = strings.Fields(text)
	if len(fields) < 4 {
		return "", "", nil, false
	}
	benchmark, subject, ok = strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "/")
	if i := strings.LastIndex(subject, "-"); i > 0 {
		if _, err := strconv.Atoi(subject[i+1:]); err == nil {
			subject = subject[:i]
		}
	}
	return benchmark, strings.ReplaceAll(subject, "_", " "), fields[2:], ok && strings.HasPrefix(fields[0], "Benchmark")
}

func (s *sample) add(fields []string) {
	for i := 0; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			continue
		}
		switch fields[i+1] {
		case "cpu-ns/op":
			s.cpu = append(s.cpu, v)
		case "server-cpu-ns/op":
			s.server = append(s.server, v)
		case "ns/op":
			s.clock = append(s.clock, v)
		case "allocs/op":
			s.allocs = append(s.allocs, v)
		case "writes/100":
			s.writes = append(s.writes, v)
		}
	}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func duration(ns float64) string {
	if ns < 1000 {
		return fmt.Sprintf("%.0f ns", ns)
	}
	return fmt.Sprintf("%.1f µs", ns/1000)
}
