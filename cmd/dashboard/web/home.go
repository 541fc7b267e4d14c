package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/market"
)

// A homeView is the first page.
type homeView struct {
	layoutView
	Notice           string
	Who, WhoNote     string
	Initial          string
	SessionText      string
	IdleSeconds      int
	RemainingSeconds int
	IdleNote         string
	AbsoluteNote     string
	DeviceNote       string
	Watchlist        []market.Instrument
	Symbols          []market.Instrument
	Themes           []choice
}

type choice struct {
	Value, Name string
	Chosen      bool
}

// home shows the first page, and begins a session for whoever has none.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	err := s.begin(r)
	if err == nil {
		var view homeView
		if view, err = s.homeView(r); err == nil {
			err = s.write(w, r, http.StatusOK, s.pages.home, view)
		}
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// fail answers with the error, and logs what the client is not told.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if satra.ProblemOf(err).Status == http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
	}
	satra.WriteError(w, r, err)
}

func (s *Site) homeView(r *http.Request) (homeView, error) {
	layout, err := s.layout(r, "Dashboard")
	if err != nil {
		return homeView{}, err
	}
	symbols, err := watchlistKey.Get(r.Context())
	if err != nil && !errors.Is(err, satra.ErrUnreadable) {
		return homeView{}, err
	}
	v := homeView{layoutView: layout, Notice: notices[r.URL.Query().Get("done")], Symbols: market.Instruments(), Themes: themes(layout.Theme)}
	for _, symbol := range symbols {
		instrument, ok := market.Lookup(symbol)
		if !ok {
			instrument = market.Instrument{Symbol: symbol, Name: "no longer in the list"}
		}
		v.Watchlist = append(v.Watchlist, instrument)
	}
	v.Bar = true
	v.describe(*layout.Session)
	return v, nil
}

// notices are what a form's act says on the page that follows it. Only these
// can be shown: the address carries the key, not the text.
var notices = map[string]string{
	"extended": "Your session was extended.",
	"limit":    "Your session cannot be extended any further.",
	"added":    "Added to your watchlist.",
	"removed":  "Removed from your watchlist.",
	"theme":    "Your theme was saved.",
}

// describe says in words what there is to say of the session.
func (v *homeView) describe(session satra.Session) {
	v.Who, v.WhoNote, v.Initial = "Guest", "not signed in", "G"
	if v.Account != "" {
		v.Who, v.WhoNote, v.Initial = v.Account, "signed in", strings.ToUpper(v.Account[:1])
	}
	v.IdleSeconds = int(max(session.Idle, 0) / time.Second)
	v.RemainingSeconds = int(max(session.Remaining(), 0) / time.Second)
	v.SessionText = "This session does not end by itself"
	if !session.ExpiresAt.IsZero() {
		v.SessionText = "Ends at " + clockTime(session.ExpiresAt) + " IST unless you use it"
		if !session.Extendable() {
			v.SessionText = "Ends at " + clockTime(session.ExpiresAt) + " IST"
		}
	}
	v.IdleNote, v.AbsoluteNote = "never", "never"
	if session.Idle > 0 {
		v.IdleNote = "after " + spell(session.Idle)
	}
	if !session.AbsoluteExpires.IsZero() {
		v.AbsoluteNote = formatIST(session.AbsoluteExpires)
	}
	v.DeviceNote = describeDevice(session.LastDevice)
}

func clockTime(t time.Time) string { return t.In(istZone).Format("15:04:05") }

// spell tells a duration as people do.
func spell(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if n := d / unit.d; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, unit.name))
			d %= unit.d
		}
	}
	if len(parts) == 0 {
		return "less than a second"
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}

// deviceName names the browser and its system, as far as they say who they are.
func deviceName(d satra.Device) string {
	browser, system := satra.DescribeUserAgent(d.UserAgent)
	switch {
	case browser == "" && system == "":
		return "A browser"
	case browser == "":
		return "A browser on " + system
	case system == "":
		return browser
	}
	return browser + " on " + system
}

func describeDevice(d satra.Device) string {
	if d.Addr == "" {
		return deviceName(d)
	}
	return deviceName(d) + ", from " + d.Addr
}

// spellDays tells a duration of several days.
func spellDays(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }

func themes(chosen string) []choice {
	all := []choice{{Value: "system", Name: "System"}, {Value: "light", Name: "Light"}, {Value: "dark", Name: "Dark"}}
	for i := range all {
		all[i].Chosen = all[i].Value == chosen || chosen == "" && i == 0
	}
	return all
}
