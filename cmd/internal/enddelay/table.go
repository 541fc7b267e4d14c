package main

import (
	"fmt"
	"io"
	"time"
)

// percentile returns the delay that p of 100 delays do not exceed; they are in order.
func (r row) percentile(p int) time.Duration {
	n := len(r.delays)
	return r.delays[max((n*p+99)/100, 1)-1]
}

// early is how many were before the acknowledgement.
func (r row) early() (n int) {
	for _, d := range r.delays {
		if d <= 0 {
			n++
		}
	}
	return n
}

func printTable(to io.Writer, rows []row) {
	fmt.Fprintf(to, "| store | after the acknowledgement, until | ends | before it | p50 | p90 | p99 | most |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(to, "| %s | %s | %d | %d |", r.store, r.what, len(r.delays), r.early())
		for _, p := range []int{50, 90, 99, 100} {
			fmt.Fprintf(to, " %s |", short(r.percentile(p)))
		}
		fmt.Fprintln(to)
	}
}

// short is a delay in milliseconds; what was known earlier has none.
func short(d time.Duration) string {
	if d <= 0 {
		return "0"
	}
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}
