package web

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
)

// A problemView is a page that tells what is wrong.
type problemView struct {
	layoutView
	Kicker, Text, Hint string
	Reference          string // the request's ID, where somebody should look into the log
	Action             *action
}

type action struct{ Href, Label string }

// writeProblem answers with the dashboard's own page where a page is wanted. It
// is called inside the manager's handler, so the page has the session's theme,
// if there is one to be had.
func (s *Site) writeProblem(w http.ResponseWriter, r *http.Request, p *satra.Problem) {
	theme, _ := themeKey.Get(r.Context())
	s.answerProblem(w, r, p, s.signedInView(r, theme))
}

// signedInView is the layout of a page that tells of a problem to somebody who is
// signed in: the sign-out is on every page (ASVS 7.4.4). What cannot be had just
// now is left out.
func (s *Site) signedInView(r *http.Request, theme string) layoutView {
	v := layoutView{Theme: theme}
	if session, err := satra.From(r.Context()); err == nil && session.Principal != "" {
		name, nameErr := nameKey.Get(r.Context())
		token, tokenErr := csrf.Token(r.Context())
		if nameErr == nil && tokenErr == nil {
			v.Account, v.CSRFToken = name, token
		}
	}
	return v
}

// answerProblem is writeProblem for where there is no session.
func (s *Site) answerProblem(w http.ResponseWriter, r *http.Request, p *satra.Problem, around layoutView) {
	if !satra.AcceptsHTML(r) {
		satra.WriteProblem(w, r, p)
		return
	}
	p.SetHeaders(w.Header(), r)
	view := viewOf(p, r)
	around.Title = view.Title
	view.layoutView = around
	if err := s.write(w, r, p.Status, s.pages.problem, view); err != nil {
		s.log.ErrorContext(r.Context(), "the page of a problem could not be sent", "error", err)
	}
}

// viewOf says what happened, and what to do next.
func viewOf(p *satra.Problem, r *http.Request) problemView {
	v := problemView{layoutView: layoutView{Title: "Something is wrong"}, Text: p.Message, Action: &action{"/", "To the dashboard"}}
	switch {
	case p.Ended != nil:
		v.Kicker, v.Title, v.Text = "Session ended", "Your session has ended", p.Ended.Explain()
		v.Hint = "Nothing you see from now on belongs to it. A new session begins when you go on."
		v.Action = &action{"/", "Begin a new session"}
	case p.Status == http.StatusUnauthorized:
		v.Kicker, v.Title, v.Text = "No session", "You have no session", "The page that you came from had none, or it was ended in another tab."
		v.Action = &action{"/", "Begin a new session"}
	case p.Code == satra.CodeCSRFInvalid:
		v.Kicker, v.Title = "Refused", "This form is out of date"
		v.Text = "Its security token is not the one of your session. That happens when the session changed while the page was open, or when the request did not come from this page. Nothing was changed."
	case p.Code == satra.CodeCrossOrigin:
		v.Kicker, v.Title = "Refused", "That request came from another site"
		v.Text = "Another site tried to act in your name. Nothing was changed."
	case p.Status == http.StatusForbidden:
		v.Kicker, v.Title = "Refused", "That is not allowed"
	case p.Status == http.StatusNotFound:
		v.Kicker, v.Title = "404", "There is nothing here"
	case p.Status == http.StatusMisdirectedRequest:
		v.Kicker, v.Title, v.Action = "421", "Wrong address", nil
	case p.Code == satra.CodeSessionRetry:
		v.Kicker, v.Title, v.Text = "One moment", "Your session was just renewed", "This page repeats itself in a moment."
		if !satra.SafeMethod(r.Method) {
			v.Text = "Nothing was changed. Please go back and try again."
		}
	case p.Code == satra.CodeRateLimited:
		v.Kicker, v.Title, v.Action = "Too often", "Please wait a moment", &action{r.URL.Path, "Try again"}
		v.Text = "There were too many tries. The next one is possible in " + spell(p.RetryAfter.Truncate(time.Second)+time.Second) + "."
	case p.Code == codeAccountsUnavailable:
		v.Kicker, v.Title, v.Hint = "503", "Accounts cannot be reached just now", "You can go on with what you have open, and sign in again in a few seconds."
		v.Action = &action{r.URL.Path, "Try again"}
	case p.Status == http.StatusServiceUnavailable:
		v.Kicker, v.Title, v.Hint = "503", "Sessions cannot be reached just now", "Your session is not lost. Please try again in a few seconds."
		v.Action = &action{"", "Try again"}
	case p.Status >= 500:
		v.Kicker, v.Title, v.Text = "500", "Something went wrong on our side", "It was nothing that you did. Trying again may help."
		v.Reference = RequestID(r.Context())
	default:
		v.Kicker, v.Title = http.StatusText(p.Status), "That did not work"
	}
	return v
}

// refuseHost answers a request for a host that is not ours, and says in the log
// which: somebody rebinds a name, or the settings lack one.
func (s *Site) refuseHost(w http.ResponseWriter, r *http.Request) {
	host := satra.ClientOf(r).Host
	s.log.LogAttrs(r.Context(), slog.LevelWarn, "host refused", slog.String("host", host[:min(len(host), 255)]), slog.String("request", RequestID(r.Context())))
	s.answerProblem(w, r, &satra.Problem{
		Status: http.StatusMisdirectedRequest, Code: satra.CodeMisdirected,
		Message: "This server does not answer for the host that was asked for. If it should, set its public origin.",
	}, layoutView{})
}

// endedPage is where "End session" leads. It begins no session, and says
// nothing of an end to whoever has one.
func (s *Site) endedPage(w http.ResponseWriter, r *http.Request) {
	_, err := satra.From(r.Context())
	var ended *satra.EndedError
	switch {
	case err == nil:
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	case !errors.Is(err, satra.ErrNoSession) || errors.As(err, &ended):
		s.fail(w, r, err)
		return
	}
	view := problemView{
		layoutView: layoutView{Title: "You ended the session"}, Kicker: "Session ended",
		Text: "It is gone on the server, too: its cookie opens nothing any more.",
		Hint: "A new session begins when you go on.", Action: &action{"/", "Begin a new session"},
	}
	if err := s.write(w, r, http.StatusOK, s.pages.problem, view); err != nil {
		s.fail(w, r, err)
	}
}
