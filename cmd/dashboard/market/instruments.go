package market

import (
	_ "embed"
	"encoding/csv"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Index is the sector of an instrument that is no company's share.
const Index = "Index"

// An Instrument is something that is quoted on the exchange: a share or an
// index. It has no price, for there is no feed.
type Instrument struct {
	Symbol string // as the exchange writes it: "M&M", "BAJAJ-AUTO", "NIFTY 50"
	Name   string // the company's, without "Limited"
	Sector string // or Index
}

// IsIndex reports whether the instrument is an index.
func (i Instrument) IsIndex() bool { return i.Sector == Index }

// The list is a selection, not the exchange's full list: the large companies
// of late 2025 and the main indices. It says nothing of who is in an index
// today: that changes twice a year.
//
//go:embed instruments.csv
var instrumentsCSV string

var instruments = sync.OnceValue(func() []Instrument {
	r := csv.NewReader(strings.NewReader(instrumentsCSV))
	r.FieldsPerRecord = 3
	lines, err := r.ReadAll()
	if err != nil {
		panic("market: the embedded instruments: " + err.Error()) // a test reads them
	}
	var list []Instrument
	for _, l := range lines {
		list = append(list, Instrument{l[0], l[1], l[2]})
	}
	slices.SortFunc(list, func(a, b Instrument) int { return strings.Compare(a.Symbol, b.Symbol) })
	return list
})

// Instruments returns all instruments, in the order of their symbols.
func Instruments() []Instrument { return slices.Clone(instruments()) }

// Lookup returns the instrument with that symbol; case and blanks around it do
// not matter.
func Lookup(symbol string) (Instrument, bool) {
	want := strings.TrimSpace(symbol)
	if len(want) > maxQuery {
		return Instrument{}, false
	}
	for _, i := range instruments() {
		if strings.EqualFold(i.Symbol, want) {
			return i, true
		}
	}
	return Instrument{}, false
}

// Limits of a search: queries come from anybody.
const (
	maxQuery   = 64 // bytes; longer ones find nothing
	maxResults = 20
)

// Search returns at most limit instruments, and never more than 20: first
// those whose symbol begins with the query, the shortest symbol first, then
// those in whose name each word of the query begins a word. Case and
// punctuation do not matter, so that "mm" finds M&M and "bajaj auto" finds
// BAJAJ-AUTO.
func Search(query string, limit int) []Instrument {
	symbol, words := squeeze(query), wordsOf(query)
	limit = min(limit, maxResults)
	if symbol == "" || len(query) > maxQuery || limit <= 0 {
		return nil
	}
	var bySymbol, byName []Instrument
	for _, i := range instruments() {
		if strings.HasPrefix(squeeze(i.Symbol), symbol) {
			bySymbol = append(bySymbol, i)
		} else if beginWords(wordsOf(i.Name), words) {
			byName = append(byName, i)
		}
	}
	slices.SortStableFunc(bySymbol, func(a, b Instrument) int { return len(a.Symbol) - len(b.Symbol) })
	found := append(bySymbol, byName...)
	return found[:min(limit, len(found))]
}

// beginWords reports whether each prefix begins one of the words.
func beginWords(words, prefixes []string) bool {
	for _, p := range prefixes {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, p) }) {
			return false
		}
	}
	return true
}

// wordsOf cuts a text into its words, in small letters. An apostrophe and
// an ampersand part no words: "Reddy's" and "M&M" are one each.
func wordsOf(text string) []string {
	plain := strings.NewReplacer("'", "", "’", "", "&", "").Replace(strings.ToLower(text))
	return strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func squeeze(text string) string { return strings.Join(wordsOf(text), "") }
