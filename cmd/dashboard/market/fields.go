package market

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/satra-sessions/satra/cmd/dashboard/settings/strictjson"
)

func (r *reader) clock(v *strictjson.Value) (minute, bool) {
	t, err := time.Parse("15:04", v.Text)
	if v.Kind != strictjson.String || err != nil || len(v.Text) != len("15:04") {
		r.wrong(v.Pos, `%s is not a time of day; right is "09:15", say (IST)`, written(v))
		return 0, false
	}
	return minute(t.Hour()*60 + t.Minute()), true
}

func (r *reader) date(v *strictjson.Value, number int) (date, bool) {
	t, err := time.Parse(time.DateOnly, v.Text)
	if v.Kind != strictjson.String || err != nil {
		r.wrong(v.Pos, `%s is not a date; right is "%d-01-26", say`, written(v), number)
		return date{}, false
	}
	if t.Year() != number {
		r.wrong(v.Pos, "%s is not in %d; put it under a year of its own, with all of that year's holidays", v.Text, number)
		return date{}, false
	}
	return date{t.Year(), t.Month(), t.Day()}, true
}

// text takes one line that a page can show.
func (r *reader) text(v *strictjson.Value, what string) string {
	control := strings.ContainsFunc(v.Text, unicode.IsControl)
	if v.Kind != strictjson.String || strings.TrimSpace(v.Text) == "" || control || len(v.Text) > 200 {
		r.wrong(v.Pos, "%s is %s; right is one line of text, of 200 bytes at most", what, written(v))
	}
	return v.Text
}

// list takes a list that is not empty: a year without holidays, say, is more
// likely a year that nobody has filled in yet.
func (r *reader) list(v *strictjson.Value, what string) []*strictjson.Value {
	if v.Kind != strictjson.Array || len(v.Items) == 0 {
		r.wrong(v.Pos, "%s: right is a list with at least one entry", what)
	}
	return v.Items
}

// object checks the keys of an object: none is missing, none is unknown.
func (r *reader) object(v *strictjson.Value, what, required, known string) bool {
	if v.Kind != strictjson.Object {
		r.wrong(v.Pos, "%s is %s; right is an object with %s", what, v.Kind, inWords(required))
		return false
	}
	for _, m := range v.Members {
		if !slices.Contains(strings.Fields(known), m.Name) {
			r.wrong(m.Pos, "%s has the unknown key %q; it can have %s", what, m.Name, inWords(known))
		}
	}
	complete := true
	for _, key := range strings.Fields(required) {
		if v.Get(key) == nil {
			r.wrong(v.Pos, "%s lacks %q", what, key)
			complete = false
		}
	}
	return complete
}

func inWords(keys string) string {
	var quoted []string
	for _, k := range strings.Fields(keys) {
		quoted = append(quoted, strconv.Quote(k))
	}
	return strings.Join(quoted, ", ")
}

// written shows a value as it stands in the file, cut where it is long.
func written(v *strictjson.Value) string {
	text := v.Text
	if r := []rune(text); len(r) > 40 {
		text = string(r[:40]) + "…"
	}
	switch v.Kind {
	case strictjson.String:
		return strconv.Quote(text)
	case strictjson.Number, strictjson.Bool:
		return text
	}
	return string(v.Kind)
}
