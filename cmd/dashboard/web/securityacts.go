package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
)

// endDevice ends one session of the account; this one is signed out.
func (s *Site) endDevice(r *http.Request) (string, error) {
	id, err := satra.ParseID(r.PostForm.Get("id"))
	if err != nil {
		return "", badRequest("The form names no session.")
	}
	session, err := satra.From(r.Context())
	if err != nil {
		return "", err
	}
	switch err := satra.Revoke(r.Context(), id); {
	case err == nil && id == session.ID:
		return "/ended", nil
	case errors.Is(err, satra.ErrNotFound), errors.Is(err, satra.ErrEnded):
		return "/security?done=gone", nil
	case err != nil:
		return "", err
	}
	return "/security?done=ended", nil
}

func (s *Site) endOthers(r *http.Request) (string, error) {
	_, err := satra.RevokeOthers(r.Context())
	return "/security?done=others", err
}

// endEvery ends the others first: should that fail, somebody is left to try again.
func (s *Site) endEvery(r *http.Request) (string, error) {
	if _, err := satra.RevokeOthers(r.Context()); err != nil {
		return "", err
	}
	return "/ended", satra.SignOut(r.Context())
}

func (s *Site) passphrasePage(w http.ResponseWriter, r *http.Request) {
	v := formView{}
	if r.URL.Query().Get("why") == "not-me" {
		v.Notice = "All other sessions were ended. Now choose a passphrase that nobody else knows."
	}
	s.ownForm(w, r, http.StatusOK, "passphrase", v)
}

// changePassphrase also gives this session a new token, and ends the others if
// that is wanted. They end after the change: a sign-in with the old passphrase
// that is under way is refused.
func (s *Site) changePassphrase(w http.ResponseWriter, r *http.Request) {
	faults := twice(r)
	var err error
	if faults == nil {
		faults, err = s.setPassphrase(r)
	}
	next := "/security?done=passphrase"
	if err == nil && faults == nil {
		err = satra.Reauthenticate(r.Context(), method)
		if err == nil && r.PostForm.Has("end-others") {
			next = "/security?done=changed"
			_, err = satra.RevokeOthers(r.Context())
		}
	}
	switch {
	case err != nil:
		s.fail(w, r, err)
	case faults != nil:
		s.ownForm(w, r, http.StatusUnprocessableEntity, "passphrase", formView{Faults: faults})
	default:
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

func (s *Site) setPassphrase(r *http.Request) ([]fault, error) {
	session, err := satra.From(r.Context())
	if err != nil {
		return nil, err
	}
	if err := s.take(r, "passphrase", session.Principal, triesOfAccount); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), hashPatience)
	defer cancel()
	err = s.accounts.SetPassphrase(ctx, session.Principal, r.PostForm.Get("passphrase"))
	if faults := faultsOf(err); err == nil || faults != nil {
		return faults, nil
	}
	return nil, s.accountsDown(r, err)
}

// accountName is what the account is called: the session has it since the
// sign-in.
func (s *Site) accountName(r *http.Request, session satra.Session) (string, error) {
	if session.Principal == "" {
		return "", nil
	}
	name, err := nameKey.Get(r.Context())
	switch {
	case err != nil && !errors.Is(err, satra.ErrUnreadable):
		return "", err
	case name != "":
		return name, nil
	}
	account, err := s.accounts.Account(r.Context(), session.Principal)
	switch {
	case errors.Is(err, accounts.ErrNone):
		return "an account that is gone", nil
	case err != nil:
		return "", s.accountsDown(r, err)
	}
	return account.Name, nil
}
