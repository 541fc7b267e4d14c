package web

import (
	"errors"
	"net/http"
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

// backTo is the page that a request is for, or that its form is on. What was
// interrupted is for the person to do again: an act is not repeated by a link.
func backTo(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI()
	}
	return "/security?done=proven"
}

func (s *Site) reauthPage(w http.ResponseWriter, r *http.Request) {
	s.ownForm(w, r, http.StatusOK, "reauth", formView{Next: localPath(r.URL.Query().Get("next"))})
}

// ownForm shows a form to who is signed in.
func (s *Site) ownForm(w http.ResponseWriter, r *http.Request, status int, page string, v formView) {
	var err error
	if v.layoutView, err = s.layout(r, map[string]string{"reauth": "Confirm that it is you", "passphrase": "Change your passphrase"}[page]); err == nil {
		v.Name = v.Account
		err = s.write(w, r, status, s.pages.forms[page], v)
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

func (s *Site) reauth(w http.ResponseWriter, r *http.Request) {
	view := formView{Next: localPath(r.PostForm.Get("next"))}
	switch err := s.prove(r); {
	case errors.Is(err, accounts.ErrWrong):
		view.Faults = []fault{{"passphrase", "That is not your passphrase."}}
		s.ownForm(w, r, http.StatusUnauthorized, "reauth", view)
	case err != nil:
		s.fail(w, r, err)
	default:
		http.Redirect(w, r, view.Next, http.StatusSeeOther)
	}
}

// prove notes a fresh proof, if the passphrase is the account's.
func (s *Site) prove(r *http.Request) error {
	session, err := satra.From(r.Context())
	if err != nil {
		return err
	}
	candidate, err := s.accounts.Again(r.Context(), session.Principal)
	if err != nil {
		return s.accountsDown(r, err)
	}
	name, err := s.accountName(r, session)
	if err != nil {
		return err
	}
	if err := s.allow(r, name, candidate); err != nil {
		return err
	}
	if _, err := s.verify(r, candidate, r.PostForm.Get("passphrase")); err != nil {
		if errors.Is(err, accounts.ErrWrong) {
			satra.Observe(r.Context(), satra.Event{Kind: satra.EventSignInRefused, Principal: session.Principal, Detail: "wrong passphrase at a fresh proof"})
		}
		return err
	}
	return satra.Reauthenticate(r.Context(), method)
}
