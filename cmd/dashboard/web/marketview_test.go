package web

import (
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
		{"2026-11-23 12:00", "open", "Open", "continuously", "Closes at 15:30 (in 3 h 30 min). Trading begins on Wednesday at 09:15."},
		{"2026-11-23 15:50", "soon", "Post-close", "closing price", "Closes at 16:00 (in 10 min). Trading begins on Wednesday at 09:15."},
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
		v := describeMarket(market.NSE().At(at))
		if v.Class != test.class || !strings.Contains(v.Phase, test.phase) || !strings.Contains(v.Detail, test.detail) || !strings.Contains(v.Next, test.next) {
			t.Errorf("%s: got %q %q, %q, %q\nwant %q %q, %q, %q", test.at, v.Class, v.Phase, v.Detail, v.Next, test.class, test.phase, test.detail, test.next)
		}
	}
}
