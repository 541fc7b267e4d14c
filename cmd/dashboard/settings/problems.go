package settings

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// Problems are all that keeps the program from starting.
type Problems struct {
	List []string // sentences that name the setting and what would be right
}

// Error has a line for each problem.
func (p *Problems) Error() string {
	if len(p.List) == 1 {
		return "settings: " + p.List[0]
	}
	return fmt.Sprintf("settings: %d problems\n  %s", len(p.List), strings.Join(p.List, "\n  "))
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *loader) warn(format string, args ...any) {
	l.s.Warnings = append(l.s.Warnings, fmt.Sprintf(format, args...))
}

// quote shows a value in a message: without passwords, without what would
// control a terminal, and cut where it is long.
func quote(value string) string {
	if value == "" {
		return "an empty value"
	}
	value = storename.Redact(value)
	if r := []rune(value); len(r) > 80 {
		value = string(r[:80]) + "…"
	}
	return strconv.Quote(value)
}

// plain shows a value in a table whose columns are three blanks apart: quoted
// only where it has to be.
func plain(value string) string {
	value = storename.Redact(value)
	if quoted := strconv.Quote(value); strings.Contains(value, "  ") || strings.TrimSpace(value) != value || quoted != `"`+value+`"` {
		return quoted
	}
	return value
}

// nearest returns the candidate that a word was probably meant to be, or "".
// Two slips are forgiven, and fewer in a short word.
func nearest(word string, candidates []string) string {
	best, at := "", min(2, utf8.RuneCountInString(word)/3)+1
	for _, c := range candidates {
		if d := distance(word, c, at); d < at {
			best, at = c, d
		}
	}
	return best
}

// meant is the end of a message about a flag or a key that is not known.
func meant(word, before string, candidates []string) string {
	word = strings.ReplaceAll(strings.ToLower(word), "_", "-")
	if best := nearest(word, candidates); best != "" {
		return fmt.Sprintf("; did you mean %s%s?", before, best)
	}
	return ""
}

// distance counts the letters to insert, leave out, replace or swap with their
// neighbour to make b of a. It gives up at limit, so that a word of any length
// costs little.
func distance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	var before, previous []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, previous, row = previous, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
