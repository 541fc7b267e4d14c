package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/cmd/dashboard/accounts"
	"github.com/satra-sessions/satra/ratelimit"
)

// The limits of tries. A success counts as well: whether it is one is known only
// after the work that is bounded here.
var (
	triesOfAccount = ratelimit.PerMinute(5)   // from one address, or from one browser that is known
	triesOfAddress = ratelimit.PerMinute(100) // for all accounts
	newAccounts    = ratelimit.Limit{Count: 30, Per: time.Hour}

	// Sessions that begin from one address, a carrier's perhaps: far more than people
	// open pages, and far fewer than it takes to push theirs out of a store.
	newSessions = ratelimit.Limit{Count: 3000, Per: 10 * time.Minute}
)

// hashPatience is how long a sign-in waits for its turn to hash.
const hashPatience = 10 * time.Second

// allow counts a try for an account, or returns the 429. A browser that the
// account was on before has tries of its own: neither somebody who guesses nor a
// crowd behind the same carrier's address keeps its owner out.
func (s *Site) allow(r *http.Request, name string, candidate accounts.Candidate) error {
	if device := s.devices.find(r, candidate.Principal()); device != "" {
		return s.take(r, "sign-in of a device", device, triesOfAccount)
	}
	address := ratelimit.Address(r)
	if err := s.take(r, "sign-in of an address", address, triesOfAddress); err != nil {
		return err
	}
	return s.take(r, "sign-in", strings.ToLower(name)+" "+address, triesOfAccount)
}

// begin makes sure that the request has a session, and bounds how many begin from one
// address.
func (s *Site) begin(r *http.Request) error {
	if _, err := satra.From(r.Context()); errors.Is(err, satra.ErrNoSession) {
		if address := ratelimit.Address(r); address != "" {
			result, err := s.limiter.Take(r.Context(), "begin", address, newSessions)
			if err != nil {
				return err
			}
			if !result.Allowed() {
				return result.Problem()
			}
		}
	}
	return satra.Start(r.Context())
}

func (s *Site) take(r *http.Request, name, key string, limit ratelimit.Limit) error {
	result, err := s.limiter.Take(r.Context(), name, key, limit)
	switch {
	case err != nil:
		return err
	case !result.Allowed():
		satra.Observe(r.Context(), satra.Event{Kind: satra.EventSignInRefused, Detail: "too often: " + name})
		return result.Problem()
	}
	return nil
}

// verify checks the passphrase. A database that cannot be reached and a wait that
// was too long are a 503.
func (s *Site) verify(r *http.Request, candidate accounts.Candidate, passphrase string) (accounts.Account, error) {
	ctx, cancel := context.WithTimeout(r.Context(), hashPatience)
	defer cancel()
	account, err := candidate.Verify(ctx, passphrase)
	if err != nil && !errors.Is(err, accounts.ErrWrong) {
		err = s.accountsDown(r, err)
	}
	return account, err
}

// codeAccountsUnavailable says that accounts cannot be reached, or that too many
// sign-ins wait.
const codeAccountsUnavailable = "ACCOUNTS_UNAVAILABLE"

func (s *Site) accountsDown(r *http.Request, err error) error {
	s.log.ErrorContext(r.Context(), "accounts cannot be used", "error", err, "request", RequestID(r.Context()))
	return &satra.Problem{
		Status: http.StatusServiceUnavailable, Code: codeAccountsUnavailable, RetryAfter: 5 * time.Second,
		Message: "Accounts cannot be reached just now. Please try again shortly.",
	}
}
