package web

import (
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// A securityView is the page of an account's devices and its passphrase.
type securityView struct {
	layoutView
	Notice  string
	Devices []deviceView
	Others  int
	Ended   []deviceView
	Recent  []entryView
	History bool // there is an audit log
}

// A deviceView is a session as its owner knows it.
type deviceView struct {
	ID         string
	Name       string // the browser and its system
	Here       bool
	Address    string
	SignedIn   string
	Used       string
	Remembered bool
	When, Why  string // of one that is over
}

// maxEnded is how many sessions that are over are shown.
const maxEnded = 20

// securityNotices are what the page says after an act, as notices.
var securityNotices = map[string]string{
	"ended":      "That session was ended.",
	"gone":       "That session had ended already.",
	"others":     "All other sessions were ended.",
	"passphrase": "Your passphrase was changed.",
	"proven":     "Thank you. What looked unusual is under “Recent activity”: if it was not you, say so there.",
	"changed":    "Your passphrase was changed, and all other sessions were ended.",
}

func (s *Site) securityPage(w http.ResponseWriter, r *http.Request) {
	view, err := s.securityView(r)
	if err == nil {
		err = s.write(w, r, http.StatusOK, s.pages.security, view)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Site) securityView(r *http.Request) (v securityView, err error) {
	if v.layoutView, err = s.layout(r, "Security"); err != nil {
		return v, err
	}
	v.Notice = securityNotices[r.URL.Query().Get("done")]
	live, err := satra.Devices(r.Context())
	if err != nil {
		return v, err
	}
	for _, session := range live {
		v.Devices = append(v.Devices, deviceOf(session, v.Session.ID))
	}
	v.Others = len(live) - 1
	over, err := satra.EndedDevices(r.Context())
	if err != nil {
		return v, err
	}
	for _, session := range over[:min(len(over), maxEnded)] {
		d := deviceOf(session, satra.ID{})
		d.When = formatIST(session.Ended.At)
		d.Why = (&satra.EndedError{Session: session.ID, End: *session.Ended, Idle: session.Idle}).Explain()
		v.Ended = append(v.Ended, d)
	}
	v.History = s.audit != nil
	v.Recent, _, err = s.historyOf(r.Context(), v.Session.Principal, audit.Entry{}, recentEntries)
	return v, err
}

func deviceOf(session satra.Session, here satra.ID) deviceView {
	how := map[string]string{method: "with the passphrase"}[session.Method]
	if how == "" {
		how = "by " + session.Method
	}
	return deviceView{
		ID: session.ID.String(), Name: deviceName(session.LastDevice), Here: session.ID == here, Address: session.LastDevice.Addr,
		SignedIn: formatIST(session.AuthenticatedAt) + ", " + how, Used: ago(session.Now.Sub(session.LastSeen)), Remembered: session.Persistent,
	}
}

// ago says how long ago something was. A session notes its use once a minute.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return "just now"
	case d < time.Hour:
		return spell(d.Truncate(time.Minute)) + " ago"
	case d < 48*time.Hour:
		return spell(d.Truncate(time.Hour)) + " ago"
	}
	return spellDays(d) + " ago"
}
