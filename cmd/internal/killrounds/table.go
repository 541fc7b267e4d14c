package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A row is the sum of some rounds.
type row struct {
	store                           string
	victim                          victim
	rounds, sessions, sure, unknown int
	faults                          []fault
	away                            []time.Duration
}

func (w *row) add(r *round) {
	w.rounds++
	w.sessions += len(r.h.ids)
	w.sure += r.h.count(acknowledged)
	w.unknown += r.h.count(unknown)
	w.faults = append(w.faults, r.faults...)
	w.away = append(w.away, r.away)
}

func (w row) bad() bool { return len(w.faults) > 0 }

func (w row) count(what fate) (n int) {
	for _, f := range w.faults {
		if f.what == what {
			n++
		}
	}
	return n
}

// String tells of a round, its first faults in words.
func (r *round) String() string {
	var w row
	w.add(r)
	text := fmt.Sprintf("%d sessions, %d operations acknowledged, %d unknown", w.sessions, w.sure, w.unknown)
	if r.away > 0 {
		text += fmt.Sprintf(", back after %v", r.away.Round(time.Millisecond))
	}
	const most = 10
	for i, f := range r.faults {
		if i == most {
			return text + fmt.Sprintf("\n  and %d more", len(r.faults)-most)
		}
		text += fmt.Sprintf("\n  %s: %s", f.what, f.text)
	}
	return text
}

func printTable(to io.Writer, rows []row) {
	titles := []string{"store", "killed", "rounds", "acknowledged", "unknown", "lost", "revived", "half", "wrong", "back after: median, most"}
	fmt.Fprintf(to, "| %s |\n|---|---|%s\n", strings.Join(titles, " | "), strings.Repeat("---:|", len(titles)-2))
	for _, w := range rows {
		away := "–"
		if all := slices.Sorted(slices.Values(w.away)); len(all) > 0 {
			away = short(all[len(all)/2]) + ", " + short(all[len(all)-1])
		}
		fmt.Fprintf(to, "| %s | %s | %d | %d | %d | %d | %d | %d | %d | %s |\n", w.store, w.victim, w.rounds, w.sure, w.unknown,
			w.count(lost), w.count(revived), w.count(half), w.count(wrong), away)
	}
}

// short is a duration to three digits at most, in milliseconds or seconds.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
