package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
)

// A marketView is the market's status in words, for the page and for its
// refresh.
type marketView struct {
	Class  string `json:"class"` // "open", "soon", "closed", "unknown": what it looks like
	Short  string `json:"short"`
	Phase  string `json:"phase"`
	Detail string `json:"detail"`
	Next   string `json:"next"`
	AsOf   string `json:"as_of"`

	Hours []hoursRow `json:"hours"`
}

// An hoursRow is a line of the table of a regular day.
type hoursRow struct {
	Name string `json:"name"`
	Time string `json:"time"`
	Now  bool   `json:"now"`
}

// market describes the market as it stands.
func (s *Site) market() *marketView {
	return describeMarket(s.calendar, s.sessions.Now())
}

// marketStatus answers the page's refresh. It is no activity: a dashboard that
// is left open must not keep its session.
func (s *Site) marketStatus(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(s.market())
	if err != nil {
		satra.WriteError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}

func describeMarket(calendar *market.Calendar, now time.Time) *marketView {
	st := calendar.At(now)
	v := &marketView{Class: "closed", Phase: st.Phase.Label(), AsOf: st.At.Format("15:04:05") + " IST"}
	v.Short = v.Phase
	switch st.Phase {
	case market.Open, market.Special:
		v.Class, v.Detail = "open", "Shares are traded continuously."
	case market.PreOpen:
		v.Class, v.Detail = "soon", "Orders for the opening auction are taken. The exchange ends it at random in its last minute."
	case market.Matching:
		v.Class, v.Short, v.Detail = "soon", "Pre-open", "The opening auction is held. No orders are taken."
	case market.PostClose:
		v.Class, v.Detail = "soon", "Orders at the closing price are taken."
	case market.Holiday:
		v.Detail = "The exchange rests today: " + st.Name + "."
	case market.Unscheduled:
		v.Class, v.Short, v.Detail = "unknown", "Special day", "The exchange has not announced the hours yet."
	case market.Unknown:
		v.Class, v.Short = "unknown", "calendar unknown"
		v.Detail = fmt.Sprintf("The calendar does not cover %d. Give the dashboard a file that does, with -market-calendar.", st.At.Year())
	default:
		v.Detail = "Outside the trading hours."
		if day := st.At.Weekday(); day == time.Saturday || day == time.Sunday {
			v.Detail = "It is the weekend."
		}
	}
	if st.Name != "" && st.Phase.Trading() {
		v.Detail = st.Name + ". " + v.Detail
	}
	v.Next = nextInWords(st)
	for _, p := range calendar.Hours(st.At.Year()) {
		v.Hours = append(v.Hours, hoursRow{periodNames[p.Phase], p.From + "–" + p.To, p.Phase == st.Phase})
	}
	return v
}

// nextInWords says what happens next, and when trading begins if that is
// another moment. The midnights between two days of rest are no news.
func nextInWords(st market.Status) string {
	next := st.Next
	if resting(st.Phase) && resting(next.Phase) {
		next = st.Opens
	}
	if !next.Known() {
		return "What comes next is unknown: the calendar ends."
	}
	text := fmt.Sprintf("%s %s (in %s)", nextVerb(next), moment(st.At, next.At), spell(next.At.Sub(st.At)))
	switch {
	case !st.Opens.Known() || st.Opens.At.Equal(next.At):
	case st.Opens.Phase.Trading() && (st.Phase.Trading() || st.Phase == market.PostClose):
		text += ". Trading resumes " + moment(st.At, st.Opens.At)
	case st.Opens.Phase.Trading():
		text += ". Trading begins " + moment(st.At, st.Opens.At)
	default:
		text += ". When trading begins after that is not known yet"
	}
	return text + "."
}

func resting(p market.Phase) bool { return p == market.Closed || p == market.Holiday }

func nextVerb(c market.Change) string {
	switch c.Phase {
	case market.Open:
		return "Opens"
	case market.Special:
		return "Special session opens"
	case market.PreOpen:
		return "Pre-open begins"
	case market.Matching:
		return "Order entry ends"
	case market.PostClose:
		return "Post-close begins"
	case market.Holiday:
		return "Holiday (" + c.Name + ") begins"
	case market.Unscheduled:
		return "A special day begins"
	case market.Unknown:
		return "The calendar ends"
	}
	return "Closes"
}

// moment names a time as close to now as it is.
func moment(now, t time.Time) string {
	t = t.In(istZone)
	days := int(midnight(t).Sub(midnight(now.In(istZone))) / (24 * time.Hour))
	switch {
	case days == 0:
		return "at " + t.Format("15:04")
	case days == 1:
		return "tomorrow at " + t.Format("15:04")
	case days < 7:
		return "on " + t.Format("Monday at 15:04")
	}
	return "on " + t.Format("2 January at 15:04")
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// periodNames are the lines of the table of a regular day.
var periodNames = map[market.Phase]string{
	market.PreOpen:   "Pre-open, order entry",
	market.Matching:  "Pre-open, matching",
	market.Open:      "Normal session",
	market.PostClose: "Post-close",
}
