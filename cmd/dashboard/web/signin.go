package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
)

// method is how people sign in here, for their list of devices.
const method = "passphrase"

// A formView is a page with a form for an account: to sign in, to make an
// account, to prove who one is, to change the passphrase.
type formView struct {
	layoutView
	Next     string
	Name     string // what was typed, or the account's
	Notice   string
	Faults   []fault
	Remember bool // offered
	Chosen   bool // and chosen
	SignUp   bool // open

	Doubted       bool   // the proof is demanded of the session
	Act, What, ID string // of an act that is done along with a proof; see guardedAct
}

// A fault is what is wrong with a field.
type fault struct{ Field, Message string }

// Fault is what is wrong with that field, for the text below it.
func (v formView) Fault(field string) string {
	for _, f := range v.Faults {
		if f.Field == field {
			return f.Message
		}
	}
	return ""
}

// signInPage begins a session for whoever has none: the form's token is bound to
// it, so that nobody is signed in by a form of another site (login CSRF).
func (s *Site) signInPage(w http.ResponseWriter, r *http.Request) {
	v := formView{Next: localPath(r.URL.Query().Get("next"))}
	if r.URL.Query().Has("again") {
		v.Notice = "That form had been open for too long, or this browser's session changed. Please sign in again."
	}
	s.accountForm(w, r, http.StatusOK, "signin", v)
}

// accountForm shows a form for somebody who is not signed in.
func (s *Site) accountForm(w http.ResponseWriter, r *http.Request, status int, page string, v formView) {
	err := s.begin(r)
	if err == nil {
		v.layoutView, err = s.layout(r, map[string]string{"signin": "Sign in", "signup": "Make an account"}[page])
	}
	switch {
	case err != nil:
		s.fail(w, r, err)
		return
	case v.Account != "":
		http.Redirect(w, r, localPath(v.Next), http.StatusSeeOther)
		return
	}
	v.Remember, v.SignUp = s.remember, s.signUpOpen
	v.plain()
	if err := s.write(w, r, status, s.pages.forms[page], v); err != nil {
		s.fail(w, r, err)
	}
}

// entering is a POST of somebody who is not signed in yet. A form whose token is
// not the session's leads to a new form, or to where it wanted to go: another tab
// may have signed in meanwhile. Nothing is done for it.
func (s *Site) entering(page string, act func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		err := s.protection.VerifyRequest(r)
		if parseErr := r.ParseForm(); parseErr != nil {
			satra.WriteError(w, r, badForm(parseErr))
			return
		}
		ended := (*satra.EndedError)(nil)
		if p := satra.ProblemOf(err); err != nil && satra.AcceptsHTML(r) &&
			(p.Code == satra.CodeCSRFInvalid || errors.Is(err, satra.ErrNoSession) && !errors.As(err, &ended)) {
			next := with(page, r.PostForm.Get("next"))
			http.Redirect(w, r, next+map[bool]string{true: "&", false: "?"}[strings.Contains(next, "?")]+"again", http.StatusSeeOther)
			return
		}
		if err == nil {
			err = act(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

// wrong is the one message for a name that nobody has, a wrong passphrase and an
// account that is disabled.
var wrong = []fault{{"name", "The name or the passphrase is wrong."}}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), strings.TrimSpace(r.PostForm.Get("name"))
	candidate, err := s.accounts.Candidate(ctx, name)
	if err != nil {
		return s.accountsDown(r, err)
	}
	if err := s.allow(r, name, candidate); err != nil {
		return err
	}
	attempt, refused := satra.BeginSignIn(ctx, candidate.Principal())
	if refused != nil && !errors.Is(refused, satra.ErrDisabled) {
		return refused
	}
	account, err := s.verify(r, candidate, r.PostForm.Get("passphrase")) // it takes its time for who is refused, too
	view := formView{Next: localPath(r.PostForm.Get("next")), Name: name, Chosen: r.PostForm.Has("remember")}
	switch {
	case errors.Is(err, accounts.ErrWrong):
		satra.Observe(ctx, satra.Event{Kind: satra.EventSignInRefused, Principal: candidate.Known(), Detail: "wrong name or passphrase"})
		fallthrough
	case refused != nil && err == nil:
		view.Faults = wrong
		s.accountForm(w, r, http.StatusUnauthorized, "signin", view)
		return nil
	case err != nil:
		return err
	}
	if s.remember && view.Chosen {
		attempt = attempt.Remembered()
	}
	return s.enter(w, r, attempt, account, view)
}

// enter completes a sign-in and leads to where it was wanted.
func (s *Site) enter(w http.ResponseWriter, r *http.Request, attempt satra.Attempt, account accounts.Account, view formView) error {
	err := attempt.Complete(r.Context(), method)
	if errors.Is(err, satra.ErrEpoch) {
		view.Notice = "All sessions of this account were ended while you signed in. Please sign in again."
		s.accountForm(w, r, http.StatusConflict, "signin", view)
		return nil
	}
	if err == nil {
		err = nameKey.Set(r.Context(), account.Name)
	}
	if err != nil {
		return err
	}
	s.devices.set(w, r, account.ID)
	http.Redirect(w, r, view.Next, http.StatusSeeOther)
	return nil
}
