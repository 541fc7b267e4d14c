package web

import (
	"net/http"

	"github.com/satra-sessions/satra"
)

// A problemView is a page that tells what is wrong.
type problemView struct {
	layoutView
	Kicker, Text, Hint string
	Action             *action
}

type action struct{ Href, Label string }

// writeProblem answers with the dashboard's own page where a page is wanted.
func (s *Site) writeProblem(w http.ResponseWriter, r *http.Request, p *satra.Problem) {
	if !satra.AcceptsHTML(r) {
		satra.WriteProblem(w, r, p)
		return
	}
	p.SetHeaders(w.Header(), r)
	if err := s.write(w, r, p.Status, s.pages.problem, viewOf(p)); err != nil {
		s.log.ErrorContext(r.Context(), "the page of a problem could not be sent", "error", err)
	}
}

// viewOf says what happened, and what to do next.
func viewOf(p *satra.Problem) problemView {
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
	case p.Status == http.StatusServiceUnavailable:
		v.Kicker, v.Title, v.Hint = "503", "Sessions cannot be reached just now", "Your session is not lost. Please try again in a few seconds."
		v.Action = &action{"", "Try again"}
	case p.Status >= 500:
		v.Kicker, v.Title, v.Hint = "500", "Something went wrong on our side", "It was written down. Trying again may help."
	default:
		v.Kicker, v.Title = http.StatusText(p.Status), "That did not work"
	}
	return v
}

// refuseHost answers a request for a host that is not ours.
func (s *Site) refuseHost(w http.ResponseWriter, r *http.Request) {
	s.writeProblem(w, r, &satra.Problem{
		Status: http.StatusMisdirectedRequest, Code: satra.CodeMisdirected,
		Message: "This server does not answer for the host that was asked for. If it should, set its public origin.",
	})
}

// endedPage is where "End session" leads. It begins no session.
func (s *Site) endedPage(w http.ResponseWriter, r *http.Request) {
	view := problemView{
		layoutView: layoutView{Title: "You ended the session"}, Kicker: "Session ended", Text: "You ended the session. It is gone on the server, too: its cookie opens nothing any more.",
		Hint: "A new session begins when you go on.", Action: &action{"/", "Begin a new session"},
	}
	if err := s.write(w, r, http.StatusOK, s.pages.problem, view); err != nil {
		s.fail(w, r, err)
	}
}
