package detect

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table in docs/detection.md anew")

// TestTheTable writes or holds the table of hits and false alarms in
// docs/detection.md, and under it whom the greatest policy asks for a proof.
func TestTheTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("| rule | attacks found | honest lives in which it speaks | the most that is done |\n|---|---|---|---|\n")
	rules := Rules()
	for _, rule := range slices.Sorted(maps.Keys(rules)) {
		var hits, alarms []string
		for _, s := range scenarios {
			if s.run(t, must(NewPolicy(nil))).Rules[rule] == 0 {
				continue
			}
			if s.attack {
				hits = append(hits, s.name)
			} else {
				alarms = append(alarms, s.name)
			}
		}
		if len(hits)+len(alarms) == 0 {
			t.Errorf("%s: no scenario shows it", rule)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", rule, orDash(hits), orDash(alarms), rules[rule])
	}
	honest, asked := 0, []string(nil)
	for _, s := range scenarios {
		if s.attack {
			continue
		}
		honest++
		if s.run(t, greatest()).Actions[StepUp] > 0 {
			asked = append(asked, s.name)
		}
	}
	fmt.Fprintf(&b, "\nWith every rule set to the most, %d of the %d honest lives are asked for a proof (%s), and nobody in them is signed out.\n",
		len(asked), honest, orDash(asked))
	const file, begin, end = "../../docs/detection.md", "<!-- table -->\n", "<!-- end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), begin)
	_, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatal("docs/detection.md has no place for the table")
	}
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("the table in docs/detection.md is not this one (go test ./audit/detect -update writes it):\n%s", b.String())
	}
}

func orDash(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, "; ")
}
