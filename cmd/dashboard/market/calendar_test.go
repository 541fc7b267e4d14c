package market

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func TestEmbeddedCalendar(t *testing.T) {
	c := NSE()
	if got := c.Years(); !slices.Equal(got, []int{2026}) || !c.Covers(2026) || c.Covers(2027) {
		t.Errorf("got the years %v, want 2026 only", got)
	}
	if got := c.Market(); got != "NSE cash market" {
		t.Errorf("got the market %q", got)
	}
	if got := c.Sources(2026); len(got) != 2 || !strings.Contains(got[0], "CMTR71775") {
		t.Errorf("got the sources %q, want the exchange's circular first", got)
	}
	if got := c.Sources(2027); got != nil {
		t.Errorf("got the sources %q of a year that is not covered, want none", got)
	}
	if got := c.Holidays(2027); got != nil {
		t.Errorf("got the holidays %v of a year that is not covered, want none", got)
	}
}

// The exchange's list, written down a second time and independently.
func TestHolidaysOf2026(t *testing.T) {
	const want = "15 Jan Thu, 26 Jan Mon, 3 Mar Tue, 26 Mar Thu, 31 Mar Tue, 3 Apr Fri, 14 Apr Tue, 1 May Fri, " +
		"28 May Thu, 26 Jun Fri, 14 Sep Mon, 2 Oct Fri, 20 Oct Tue, 10 Nov Tue, 24 Nov Tue, 25 Dec Fri"
	var got []string
	for _, h := range NSE().Holidays(2026) {
		got = append(got, h.Date.Format("2 Jan Mon"))
		if at := h.Date; at.Location() != IST || at.Hour() != 0 || h.Name == "" {
			t.Errorf("got the holiday %v, want a name and midnight in IST", h)
		}
	}
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
}

// IST is a fixed zone. The time zone database, which this test brings along, says
// the same for every day that a calendar can cover.
func TestFixedZoneAgreesWithTheDatabase(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	for d := time.Date(1990, 1, 1, 12, 0, 0, 0, time.UTC); d.Year() < 2200; d = d.AddDate(0, 0, 1) {
		if got, want := d.In(IST).Format(time.DateTime), d.In(kolkata).Format(time.DateTime); got != want {
			t.Fatalf("got %s in IST, want %s as in Asia/Kolkata", got, want)
		}
	}
}
