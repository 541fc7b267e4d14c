package web

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/ratelimit"
)

func (s *Site) signUpPage(w http.ResponseWriter, r *http.Request) {
	if !s.signUpOpen {
		satra.WriteError(w, r, signUpClosed())
		return
	}
	s.accountForm(w, r, http.StatusOK, "signup", formView{Next: localPath(r.URL.Query().Get("next"))})
}

func signUpClosed() error {
	return &satra.Problem{Status: http.StatusForbidden, Code: satra.CodeForbidden, Message: "Accounts are made by whoever runs this dashboard. Please ask them for one."}
}

// signUp makes an account and signs in. That a name is taken it has to say.
func (s *Site) signUp(w http.ResponseWriter, r *http.Request) error {
	if !s.signUpOpen {
		return signUpClosed()
	}
	ctx, cancel := context.WithTimeout(r.Context(), hashPatience)
	defer cancel()
	view := formView{Next: localPath(r.PostForm.Get("next")), Name: strings.TrimSpace(r.PostForm.Get("name"))}
	view.Faults = append(twice(r), faultsOf(accounts.Check(view.Name, r.PostForm.Get("passphrase")))...)
	var account accounts.Account
	if len(view.Faults) == 0 {
		// Only what makes work counts: a form that is refused keeps nobody out.
		err := s.take(r, "sign-up", ratelimit.Address(r), newAccounts)
		if err != nil {
			return err
		}
		account, err = s.accounts.Create(ctx, view.Name, r.PostForm.Get("passphrase"))
		if view.Faults = faultsOf(err); err != nil && view.Faults == nil {
			return s.accountsDown(r, err)
		}
	}
	if len(view.Faults) > 0 {
		s.accountForm(w, r, http.StatusUnprocessableEntity, "signup", view)
		return nil
	}
	attempt, err := satra.BeginSignIn(r.Context(), account.ID)
	if err != nil {
		return err
	}
	return s.enter(w, r, attempt, account, view)
}

// twice wants a new passphrase to be typed alike two times.
func twice(r *http.Request) []fault {
	if r.PostForm.Get("passphrase") != r.PostForm.Get("again") {
		return []fault{{"again", "The two passphrases are not the same. Please type both anew."}}
	}
	return nil
}

// faultsOf lists what is wrong with what was typed, nil for other errors.
func faultsOf(err error) []fault {
	var faults []fault
	if errors.Is(err, accounts.ErrTaken) {
		faults = append(faults, fault{"name", "This name is taken. Please choose another."})
	}
	for _, refusal := range accounts.Refusals(err) {
		faults = append(faults, fault{refusal.Field, refusal.Message})
	}
	return faults
}
