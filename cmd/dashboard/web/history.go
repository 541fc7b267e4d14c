package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// observers are told of what happens to sessions: the log, and the audit log.
func (s *Site) observers() []func(context.Context, satra.Event) {
	all := []func(context.Context, satra.Event){s.observe}
	if s.audit != nil {
		all = append(all, s.audit.Observe)
	}
	return all
}

func (s *Site) before() func(context.Context, satra.Act) error {
	if s.audit == nil {
		return nil
	}
	return s.audit.Before
}

func (s *Site) history() *audit.Reader {
	if s.audit == nil {
		return nil
	}
	return s.audit.Reader
}

// How many entries of one's own history a page has.
const (
	recentEntries = 5
	historyPage   = 25
)

// A historyView is the page of what happened to an account.
type historyView struct {
	layoutView
	Entries []entryView
	Older   string // the address of the page that follows, or ""
	Newer   bool   // this is not the first
}

// An entryView is an entry as its owner reads it.
type entryView struct {
	When, Text string
	Doubtful   bool // it may be somebody else's doing: there is a way to say so
}

// doubtful are the kinds of what somebody else may have done.
var doubtful = []satra.Kind{
	satra.EventSignedIn, satra.EventSignInRefused, satra.EventReauthenticated, satra.EventReusedToken, audit.KindFinding,
}

// historyOf reads a page of the history of whoever is signed in.
func (s *Site) historyOf(ctx context.Context, principal string, after audit.Entry, limit int) (views []entryView, older string, err error) {
	if s.audit == nil {
		return nil, "", nil
	}
	entries, more, err := s.audit.History(ctx, principal, after, limit)
	for _, e := range entries {
		views = append(views, entryView{When: formatIST(e.At), Text: capital(audit.Tell(e, nil)) + ".", Doubtful: slices.Contains(doubtful, e.Kind)})
	}
	if more && len(entries) > 0 {
		older = "/security/history?after=" + entries[len(entries)-1].Cursor()
	}
	return views, older, err
}

func capital(s string) string { return strings.ToUpper(s[:min(len(s), 1)]) + s[min(len(s), 1):] }

func (s *Site) historyPage(w http.ResponseWriter, r *http.Request) {
	if s.audit == nil {
		notFound(w, r)
		return
	}
	view, err := s.historyView(r)
	if err == nil {
		err = s.write(w, r, http.StatusOK, s.pages.history, view)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Site) historyView(r *http.Request) (v historyView, err error) {
	after, err := audit.ParseCursor(r.URL.Query().Get("after"))
	if err != nil {
		return v, badRequest("There is no such page of your activity.")
	}
	if v.layoutView, err = s.layout(r, "Your activity"); err != nil {
		return v, err
	}
	v.Newer = after.Writer != ""
	v.Entries, v.Older, err = s.historyOf(r.Context(), v.Session.Principal, after, historyPage)
	return v, err
}

// wasNotMe ends all other sessions, and leads to a new passphrase.
func (s *Site) wasNotMe(r *http.Request) (string, error) {
	_, err := satra.RevokeOthers(r.Context())
	return "/security/passphrase?why=not-me", err
}
