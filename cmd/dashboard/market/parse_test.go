package market

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// calendarFile is a right file, which the tests then make wrong.
const calendarFile = `{
  "market": "M",
  "hours": {"pre_open": {"from": "09:00", "to": "09:15"}, "normal": {"from": "09:15", "to": "15:30"}},
  "years": [
    {"year": 2027, "sources": ["a circular"],
     "holidays": [{"date": "2027-01-26", "name": "Republic Day"}],
     "special": [{"date": "2027-10-29", "name": "Muhurat", "hours": null}]}
  ]
}`

func TestParse(t *testing.T) {
	c, err := Parse([]byte(calendarFile))
	if err != nil {
		t.Fatalf("got the error %v, want none", err)
	}
	if got := c.At(at(t, "2027-01-26 10:00:00")); got.Phase != Holiday || got.Name != "Republic Day" {
		t.Errorf("got %s %q, want the holiday", got.Phase, got.Name)
	}
}

// Each case replaces one part of the file, and names the complaint.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"not JSON", `"M",`, `"M"`, `line 3, column 3: invalid character '"' after object key:value pair`},
		{"a key twice", `"market": "M",`, `"market": "M", "market": "M",`, `line 2, column 18: the key "market" is given twice`},
		{"an unknown key", `"market": "M",`, `"market": "M", "zone": "UTC",`, `line 2, column 18: the calendar has the unknown key "zone"; it can have "market", "hours", "years"`},
		{"an unknown key of a holiday", `"name": "Republic Day"`, `"name": "R", "nmae": "R"`, `line 6, column 55: a holiday has the unknown key "nmae"; it can have "date", "name"`},
		{"no hours", `"hours": {"pre_open": {"from": "09:00", "to": "09:15"}, "normal": {"from": "09:15", "to": "15:30"}},`, "", `line 1, column 1: the calendar lacks "hours"`},
		{"no normal hours", `"normal": {"from": "09:15", "to": "15:30"}`, `"post_close": {"from": "15:40", "to": "16:00"}`, `line 3, column 12: hours lacks "normal"`},
		{"hours the wrong way round", `"to": "15:30"`, `"to": "09:15"`, "line 3, column 69: normal ends at 09:15, which is not after its begin at 09:15"},
		{"overlapping hours", `"to": "09:15"`, `"to": "09:16"`, "line 3, column 69: normal begins at 09:15, before pre-open has ended at 09:16"},
		{"a time without its zero", `"from": "09:00"`, `"from": "9:00"`, `line 3, column 34: "9:00" is not a time of day; right is "09:15", say (IST)`},
		{"24:00", `"to": "15:30"`, `"to": "24:00"`, `"24:00" is not a time of day`},
		{"a time as a number", `"from": "09:00"`, `"from": 9`, `9 is not a time of day`},
		{"an unknown day", "2027-01-26", "2027-02-29", `line 6, column 28: "2027-02-29" is not a date; right is "2027-01-26", say`},
		{"a date of another form", "2027-01-26", "26-01-2027", `"26-01-2027" is not a date`},
		{"a holiday of another year", "2027-01-26", "2028-01-26", "line 6, column 28: 2028-01-26 is not in 2027; put it under a year of its own, with all of that year's holidays"},
		{"a special session of another year", "2027-10-29", "2026-10-29", "2026-10-29 is not in 2027"},
		{"a holiday twice", `{"date": "2027-01-26", "name": "Republic Day"}`, `{"date": "2027-01-26", "name": "A"}, {"date": "2027-01-26", "name": "B"}`, `line 6, column 65: 2027-01-26 is given twice, before as "A"`},
		{"no holidays", `[{"date": "2027-01-26", "name": "Republic Day"}]`, "[]", "line 6, column 18: holidays: right is a list with at least one entry"},
		{"holidays that are no list", `[{"date": "2027-01-26", "name": "Republic Day"}]`, `"none"`, "holidays: right is a list"},
		{"no source", `["a circular"]`, "[]", "sources: right is a list with at least one entry"},
		{"a year as text", `"year": 2027`, `"year": "2027"`, `line 5, column 14: "2027" is not a year; right is 2027, say`},
		{"a year far off", `"year": 2027`, `"year": 20270`, "20270 is not a year"},
		{"no name", `"name": "Republic Day"`, `"name": " "`, `the name is " "; right is one line of text`},
		{"a name with a line break", `"Republic Day"`, `"Republic\nDay"`, `the name is "Republic\nDay"; right is one line of text`},
		{"hours left out", `, "hours": null`, "", `line 7, column 18: a special session lacks "hours"`},
		{"two on one day, one open", `, "hours": null}`, `, "hours": null}, {"date": "2027-10-29", "name": "N", "hours": {"normal": {"from": "10:00", "to": "11:00"}}}`,
			"2027-10-29 has two special sessions, and not the hours of both"},
		{"two that overlap", `, "hours": null}`, `, "hours": {"normal": {"from": "10:59", "to": "12:00"}}}, {"date": "2027-10-29", "name": "N", "hours": {"normal": {"from": "10:00", "to": "11:00"}}}`,
			`the hours of "N" overlap those of "Muhurat" on 2027-10-29`},
		{"a list", calendarFile, "[]", "line 1, column 1: the calendar is a list; right is an object with \"market\", \"hours\", \"years\""},
		{"nothing", calendarFile, "", "the file is empty"},
	} {
		if !strings.Contains(calendarFile, c.old) {
			t.Fatalf("%s: the file has no %q to replace", c.name, c.old)
		}
		calendar, err := Parse([]byte(strings.Replace(calendarFile, c.old, c.new, 1)))
		if err == nil || calendar != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got the error %v\nwant %s", c.name, err, c.want)
		}
	}
}

func TestParseNamesAllProblemsAtOnce(t *testing.T) {
	wrong := strings.NewReplacer("2027-01-26", "tomorrow", `"Muhurat"`, `""`, `"15:30"`, `"late"`).Replace(calendarFile)
	_, err := Parse([]byte(wrong))
	if err == nil {
		t.Fatal("got no error, want three")
	}
	if got := strings.Split(err.Error(), "\n"); len(got) != 3 || !strings.HasPrefix(got[0], "market calendar: line 3") {
		t.Errorf("got %q, want three complaints, each with its line", got)
	}
}

func TestOverride(t *testing.T) {
	base := NSE()
	c, err := base.Override([]byte(`{"years": [
		{"year": 2026, "sources": ["mine"], "holidays": [{"date": "2026-11-18", "name": "Mine"}]},
		{"year": 2027, "sources": ["mine"], "holidays": [{"date": "2027-01-26", "name": "Republic Day"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Years(); !slices.Equal(got, []int{2026, 2027}) {
		t.Errorf("got the years %v, want 2026 replaced and 2027 added", got)
	}
	if got := base.Years(); !slices.Equal(got, []int{2026}) || base.At(at(t, "2026-11-18 12:00:00")).Phase != Open {
		t.Error("got a changed base, want it as it was")
	}
	for moment, want := range map[string]Phase{
		"2026-11-18 12:00:00": Holiday,
		"2026-12-25 12:00:00": Open, // the embedded holidays of a replaced year are gone
		"2027-01-25 15:29:59": Open, // with the base's hours
		"2027-01-25 15:45:00": PostClose,
		"2027-01-26 12:00:00": Holiday,
		"2028-01-03 12:00:00": Unknown,
	} {
		if got := c.At(at(t, moment)).Phase; got != want {
			t.Errorf("%s: got %s, want %s", moment, got, want)
		}
	}
	if got := c.At(at(t, "2026-12-31 20:00:00")); got.Opens.Phase != Open || clock(got.Opens.At) != "2027-01-01 09:15:00" {
		t.Errorf("on New Year's Eve: got %v, want the next year's first trading day", got.Opens)
	}
	if c.Market() != base.Market() {
		t.Errorf("got the market %q, want the base's", c.Market())
	}
}

func TestOverrideWithHoursOfItsOwn(t *testing.T) {
	c, err := NSE().Override([]byte(calendarFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.At(at(t, "2026-11-18 15:45:00")).Phase; got != PostClose {
		t.Errorf("got %s in a year of the base, want its post-close", got)
	}
	if got := c.At(at(t, "2027-11-18 15:45:00")).Phase; got != Closed {
		t.Errorf("got %s in a year of the file, want closed: the file has no post-close", got)
	}
	if _, err := NSE().Override([]byte(`{}`)); err == nil || !strings.Contains(err.Error(), `lacks "years"`) {
		t.Errorf("got the error %v of an empty file, want that it lacks years", err)
	}
}

// Whatever the file, it is refused or makes a calendar that answers for every
// moment, and agrees with itself.
func FuzzParse(f *testing.F) {
	f.Add([]byte(calendarFile), int64(1_800_000_000))
	f.Add(nse, int64(1_793_000_000))
	f.Add([]byte(`{"years": [{"year": 1990, "sources": ["x"], "holidays": [{"date": "1990-01-01", "name": "x"}], "special": []}]}`), int64(0))
	f.Add([]byte(`{"hours": {"normal": {"from": "00:00", "to": "23:59"}}}`), int64(-1<<62))
	f.Fuzz(func(t *testing.T, data []byte, seconds int64) {
		for _, read := range []func([]byte) (*Calendar, error){Parse, NSE().Override} {
			c, err := read(data)
			if (c == nil) != (err != nil) {
				t.Fatalf("got the calendar %v and the error %v, want one of them", c, err)
			}
			if err != nil {
				continue
			}
			s := c.At(time.Unix(seconds, 0))
			if s.Phase == Unknown == c.Covers(s.At.Year()) {
				t.Fatalf("%v: got %s, want unknown exactly where the year is not covered", s.At, s.Phase)
			}
			if then := c.At(s.Next.At); s.Next.Known() && (!s.Next.At.After(s.At) || then.Phase != s.Next.Phase || then.Name != s.Next.Name) {
				t.Fatalf("%v: got %v then, want the announced %v", s.At, then, s.Next)
			}
		}
	})
}
