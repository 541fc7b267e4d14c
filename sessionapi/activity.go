package sessionapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// maxActivity is how many entries a page of one's own history has at most.
const maxActivity = 100

// An activity as the API tells it: an entry of the principal's own history.
type activity struct {
	At      time.Time    `json:"at"`
	Kind    satra.Kind   `json:"kind"`
	Text    string       `json:"text"`
	Session *satra.ID    `json:"session_id"`
	Reason  satra.Reason `json:"reason,omitempty"`
	Browser string       `json:"browser"`
	System  string       `json:"os"`
	Address string       `json:"address"`
	Count   int          `json:"count"`
}

// activity tells the principal's own history, the newest first, a page at a time.
func (a *api) activity(w http.ResponseWriter, r *http.Request) error {
	if err := satra.CheckRecent(r.Context(), satra.Never); err != nil {
		return err
	}
	s, err := satra.From(r.Context())
	if err != nil {
		return err
	}
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	entries, more, err := a.history.History(r.Context(), s.Principal, after, limit)
	if err != nil {
		return fmt.Errorf("sessionapi: activity: %w: %w", satra.ErrUnavailable, err)
	}
	answer := struct {
		Status   string     `json:"status"`
		Activity []activity `json:"activity"`
		Next     string     `json:"next"`
	}{Status: success, Activity: make([]activity, 0, len(entries))}
	for _, e := range entries {
		answer.Activity = append(answer.Activity, a.tellActivity(e))
	}
	if more && len(entries) > 0 {
		answer.Next = entries[len(entries)-1].Cursor()
	}
	return write(w, r, answer)
}

// tellActivity leaves out where an administrator sat.
func (a *api) tellActivity(e audit.Entry) activity {
	told := activity{At: e.At, Kind: e.Kind, Text: audit.Tell(e, a.describe), Reason: e.Reason, Count: e.Count}
	if !e.Session.IsZero() {
		told.Session = &e.Session
	}
	if e.Actor == "" || e.Actor == e.Principal {
		told.Browser, told.System = a.describe(e.UserAgent)
		if e.Address.IsValid() {
			told.Address = e.Address.String()
		}
	}
	return told
}

// pageOf reads which page is asked for.
func pageOf(r *http.Request) (after audit.Entry, limit int, err error) {
	q := r.URL.Query()
	limit = 25
	if q.Has("limit") {
		if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > maxActivity {
			return after, 0, badPage(fmt.Sprintf("limit is a number from 1 to %d.", maxActivity))
		}
	}
	if after, err = audit.ParseCursor(q.Get("after")); err != nil {
		return after, 0, badPage("after is what the page before gave as next.")
	}
	return after, limit, nil
}

func badPage(message string) error {
	return &satra.Problem{Status: http.StatusBadRequest, Code: satra.CodeBadRequest, Message: message}
}
