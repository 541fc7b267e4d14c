package market

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestInstrumentsAreWellFormed(t *testing.T) {
	list := Instruments()
	symbol := regexp.MustCompile(`^[A-Z0-9][A-Z0-9&-]*( [A-Z0-9]+)*$`)
	seen := map[string]bool{}
	indices := 0
	for _, i := range list {
		if !symbol.MatchString(i.Symbol) || seen[i.Symbol] {
			t.Errorf("got the symbol %q, want one in the exchange's form, once", i.Symbol)
		}
		seen[i.Symbol] = true
		if i.Name == "" || i.Sector == "" || strings.TrimSpace(i.Name) != i.Name || strings.TrimSpace(i.Sector) != i.Sector {
			t.Errorf("%s: got the name %q and the sector %q, want both, without blanks around", i.Symbol, i.Name, i.Sector)
		}
		if i.IsIndex() {
			indices++
		}
	}
	if len(list)-indices < 100 || indices < 10 {
		t.Errorf("got %d companies and %d indices, want at least 100 and 10", len(list)-indices, indices)
	}
	list[0].Symbol = "CHANGED"
	if Instruments()[0].Symbol == "CHANGED" {
		t.Error("got the caller's change in the list, want a list of the caller's own")
	}
}

func TestLookup(t *testing.T) {
	for query, want := range map[string]string{
		"RELIANCE": "Reliance Industries", "reliance": "Reliance Industries", " infy ": "Infosys",
		"M&M": "Mahindra & Mahindra", "bajaj-auto": "Bajaj Auto", "nifty 50": "NIFTY 50",
		"": "", "RELIANC": "", "M&M ltd": "", "MM": "", strings.Repeat("A", 1000): "", "\x00": "",
	} {
		if got, ok := Lookup(query); got.Name != want || ok != (want != "") {
			t.Errorf("%.20q: got %q, %v, want %q", query, got.Name, ok, want)
		}
	}
}

func TestSearch(t *testing.T) {
	for _, c := range []struct {
		query string
		limit int
		want  string
	}{
		{"bajaj", 5, "BAJAJ-AUTO BAJAJFINSV BAJAJHLDNG BAJFINANCE"},
		{"BAJAJ", 2, "BAJAJ-AUTO BAJAJFINSV"},
		{"m&m", 5, "M&M"},
		{"mm", 5, "M&M"},
		{"bajaj auto", 5, "BAJAJ-AUTO"},
		{"auto bajaj", 5, "BAJAJ-AUTO"},
		{"reddys lab", 5, "DRREDDY"},
		{"reddy's", 5, "DRREDDY"},
		{"tata st", 5, "TATASTEEL"},
		{"state bank", 5, "SBIN"},
		{"sbi", 5, "SBIN SBILIFE"}, // the shorter symbol first
		{"lt", 5, "LT"},
		{"aviation", 5, "INDIGO"},
		{"viation", 5, ""}, // not the begin of a word
		{"india vix", 5, "INDIA VIX"},
		{"bank tata", 5, ""}, // every word counts
		{"", 5, ""},
		{"&", 5, ""},
		{"tata", 0, ""},
		{"tata", -1, ""},
		{strings.Repeat("t", 65), 5, ""},
		{"\xff\xfe", 5, ""},
	} {
		var got []string
		for _, i := range Search(c.query, c.limit) {
			got = append(got, i.Symbol)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%.20q, at most %d: got %q, want %q", c.query, c.limit, s, c.want)
		}
	}
}

func TestSearchIsBounded(t *testing.T) {
	for _, letter := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		if got := len(Search(string(letter), 1<<30)); got > maxResults {
			t.Errorf("%c: got %d results, want at most %d", letter, got, maxResults)
		}
	}
	if got := len(Search("i", 1<<30)); got != maxResults {
		t.Errorf("i: got %d results, want the limit: more begin so", got)
	}
	for _, i := range Instruments() {
		if got := Search(i.Symbol, 10); !slices.Contains(got, i) {
			t.Errorf("%s: got %v, want the instrument itself among them", i.Symbol, got)
		}
	}
}
