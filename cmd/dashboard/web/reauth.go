package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
)

// recently is how fresh a proof must be for what an unattended session must not
// do.
const recently = 5 * time.Minute

// signedIn shows a page to who is signed in, and leads others to the sign-in and
// back.
func (s *Site) signedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		session, err := satra.From(r.Context())
		ended := (*satra.EndedError)(nil)
		switch {
		case err == nil && session.Principal != "":
			next(w, r)
		case err == nil, errors.Is(err, satra.ErrNoSession) && !errors.As(err, &ended):
			http.Redirect(w, r, with("/signin", backTo(r)), http.StatusSeeOther)
		default:
			s.fail(w, r, err)
		}
	}
}

// proven is signedIn for what needs a fresh proof, and leads to it and back.
func (s *Site) proven(next http.HandlerFunc) http.HandlerFunc {
	return s.signedIn(func(w http.ResponseWriter, r *http.Request) {
		switch err := satra.CheckRecent(r.Context(), recently); {
		case err == nil:
			next(w, r)
		case errors.Is(err, satra.ErrStale) && satra.AcceptsHTML(r):
			http.Redirect(w, r, with("/reauth", backTo(r)), http.StatusSeeOther)
		default:
			s.fail(w, r, err)
		}
	})
}

// undoubted leads a session that a fresh proof is demanded of to where it is given. What
// nobody has proved to be the owner's sees nothing of the account but its name, and
// changes nothing.
func (s *Site) undoubted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := satra.CheckRecent(r.Context(), satra.Never)
		switch {
		case !errors.Is(err, satra.ErrStale): // whether anybody is signed in is for next to say
			next(w, r)
		case satra.AcceptsHTML(r):
			http.Redirect(w, r, with("/reauth", backTo(r)), http.StatusSeeOther)
		default:
			s.fail(w, r, err)
		}
	}
}

// backTo is the page that a request is for, or that its form is on.
func backTo(r *http.Request) string {
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return r.URL.RequestURI()
	case r.URL.Path == "/security/passphrase":
		return r.URL.Path
	case r.URL.Path == "/reauth" || strings.HasPrefix(r.URL.Path, "/security/"):
		return "/security"
	}
	return "/" // which has all other forms
}

// A guardedAct is what only a fresh proof allows. One that is asked for without is
// done along with the proof, which the page asks for in its name.
type guardedAct struct {
	what string // "… needs your passphrase again"
	do   func(*http.Request) (next string, err error)
}

// guarded carries out the act, or asks for the proof in a form that takes it along.
func (s *Site) guarded(path string) http.HandlerFunc {
	act := s.acts[path]
	return s.signedIn(s.formed(func(w http.ResponseWriter, r *http.Request) {
		err := satra.CheckRecent(r.Context(), recently)
		if errors.Is(err, satra.ErrStale) && satra.AcceptsHTML(r) {
			s.ownForm(w, r, http.StatusForbidden, "reauth", s.proofFor(path, r))
			return
		}
		next := ""
		if err == nil {
			next, err = act.do(r)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	}))
}

// proofFor is the form that asks for a proof: for an act, or for a page.
func (s *Site) proofFor(act string, r *http.Request) formView {
	return formView{Next: localPath(r.PostForm.Get("next")), Act: act, What: s.acts[act].what, ID: r.PostForm.Get("id")}
}

func (s *Site) reauthPage(w http.ResponseWriter, r *http.Request) {
	s.ownForm(w, r, http.StatusOK, "reauth", formView{Next: localPath(r.URL.Query().Get("next"))})
}

// ownForm shows a form to who is signed in.
func (s *Site) ownForm(w http.ResponseWriter, r *http.Request, status int, page string, v formView) {
	var err error
	if v.layoutView, err = s.layout(r, map[string]string{"reauth": "Confirm that it is you", "passphrase": "Change your passphrase"}[page]); err == nil {
		v.Name, v.Doubted = v.Account, v.Session.StepUp != nil
		err = s.write(w, r, status, s.pages.forms[page], v)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Site) reauth(w http.ResponseWriter, r *http.Request) {
	path := r.PostForm.Get("act")
	act, acts := s.acts[path]
	if path != "" && !acts {
		s.fail(w, r, badRequest("There is nothing of that name to be done."))
		return
	}
	view := s.proofFor(path, r)
	doubted, err := s.prove(r)
	switch {
	case err != nil:
	case acts:
		view.Next, err = act.do(r)
	case doubted:
		view.Next = "/security?done=proven"
	}
	switch {
	case errors.Is(err, accounts.ErrWrong):
		view.Faults = []fault{{"passphrase", "That is not your passphrase."}}
		s.ownForm(w, r, http.StatusUnauthorized, "reauth", view)
	case err != nil:
		s.fail(w, r, err)
	default:
		http.Redirect(w, r, view.Next, http.StatusSeeOther)
	}
}

// prove notes a fresh proof, if the passphrase is the account's, and reports whether it
// was demanded of the session.
func (s *Site) prove(r *http.Request) (doubted bool, err error) {
	session, err := satra.From(r.Context())
	if err != nil {
		return false, err
	}
	candidate, err := s.accounts.Again(r.Context(), session.Principal)
	if err != nil {
		return false, s.accountsDown(r, err)
	}
	name, err := s.accountName(r, session)
	if err != nil {
		return false, err
	}
	if err := s.allow(r, name, candidate); err != nil {
		return false, err
	}
	if _, err := s.verify(r, candidate, r.PostForm.Get("passphrase")); err != nil {
		if errors.Is(err, accounts.ErrWrong) {
			satra.Observe(r.Context(), satra.Event{Kind: satra.EventSignInRefused, Principal: session.Principal, Detail: "wrong passphrase at a fresh proof"})
		}
		return false, err
	}
	return session.StepUp != nil, satra.Reauthenticate(r.Context(), method)
}
