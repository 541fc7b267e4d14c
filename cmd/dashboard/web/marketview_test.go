package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra/cmd/dashboard/market"
)

func TestTheMarketInWords(t *testing.T) {
	for _, test := range []struct{ at, class, phase, detail, next string }{
		{"2026-11-23 08:00", "closed", "Closed", "Outside the trading hours.", "Pre-open begins at 09:00 (in 1 h). Trading begins at 09:15."},
		{"2026-11-23 09:05", "soon", "Pre-open", "opening auction", "Order entry ends at 09:08 (in 3 min). Trading begins at 09:15."},
		{"2026-11-23 09:10", "soon", "matching", "No orders", "Opens at 09:15 (in 5 min)."},
		{"2026-11-23 12:00", "open", "Open", "continuously", "Closes at 15:30 (in 3 h 30 min). Trading resumes on Wednesday at 09:15."},
		{"2026-11-23 15:50", "soon", "Post-close", "closing price", "Closes at 16:00 (in 10 min). Trading resumes on Wednesday at 09:15."},
		{"2026-11-24 12:00", "closed", "Holiday", "Guru Nanak Jayanti", "Opens tomorrow at 09:15 (in 21 h 15 min)."},
		{"2026-11-28 12:00", "closed", "Closed", "weekend", "Pre-open begins on Monday at 09:00"},
		{"2026-11-08 12:00", "unknown", "Special", "not announced", "Trading begins tomorrow at 09:15."},
		{"2026-12-31 20:00", "closed", "Closed", "Outside", "The calendar ends tomorrow at 00:00"},
		{"2027-01-04 11:00", "unknown", "unknown", "does not cover 2027", "unknown"},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", test.at, istZone)
		if err != nil {
			t.Fatal(err)
		}
		v := describeMarket(market.NSE(), at)
		if v.Class != test.class || !strings.Contains(v.Phase, test.phase) || !strings.Contains(v.Detail, test.detail) || !strings.Contains(v.Next, test.next) {
			t.Errorf("%s: got %q %q, %q, %q\nwant %q %q, %q, %q", test.at, v.Class, v.Phase, v.Detail, v.Next, test.class, test.phase, test.detail, test.next)
		}
	}
}

func TestTheTableOfARegularDayIsTheCalendars(t *testing.T) {
	calendar, err := market.NSE().Override([]byte(`{
		"hours": {"pre_open": {"from": "08:45", "to": "08:55"}, "matching": {"from": "08:55", "to": "09:00"},
			"normal": {"from": "09:00", "to": "16:30"}, "post_close": {"from": "16:40", "to": "17:00"}},
		"years": [{"year": 2027, "sources": ["the exchange"], "holidays": [{"date": "2027-01-26", "name": "Republic Day"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, time.February, 1, 16, 0, 0, 0, istZone)
	want := []hoursRow{
		{"Pre-open, order entry", "08:45–08:55", false}, {"Pre-open, matching", "08:55–09:00", false},
		{"Normal session", "09:00–16:30", true}, {"Post-close", "16:40–17:00", false},
	}
	if got := describeMarket(calendar, at).Hours; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := describeMarket(calendar, at.AddDate(3, 0, 0)); got.Hours != nil || got.Class != "unknown" {
		t.Errorf("a year that nobody knows: got %v", got)
	}
}
