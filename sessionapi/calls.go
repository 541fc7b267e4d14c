package sessionapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/csrf"
)

// A session as the API tells it. Times are RFC 3339 in UTC.
type session struct {
	ID               satra.ID                   `json:"session_id"`
	CreatedAt        time.Time                  `json:"created_at"`
	LastActivity     time.Time                  `json:"last_activity"`
	ElapsedSeconds   int64                      `json:"elapsed_seconds"`   // since the last activity
	RemainingSeconds *int64                     `json:"remaining_seconds"` // to the nearer end; null: none
	IsActive         bool                       `json:"is_active"`
	UserData         map[string]json.RawMessage `json:"user_data"`
	Now              time.Time                  `json:"now"` // the server's, to tell the client's clock by
	ExpiresAt        *time.Time                 `json:"expires_at"`
	AbsoluteExpires  *time.Time                 `json:"absolute_expires_at"`
	Extendable       bool                       `json:"extendable"`
	Principal        string                     `json:"principal"`
	AuthenticatedAt  *time.Time                 `json:"authenticated_at"`
	ReauthRequired   bool                       `json:"reauth_required"` // a fresh proof is demanded of it
}

const success = "success"

// tell describes the request's session.
func tell(r *http.Request) (*session, error) {
	s, err := satra.From(r.Context())
	if err != nil {
		return nil, err
	}
	values := map[string]json.RawMessage{}
	if s.StepUp == nil { // what is the owner's is not told before the proof
		if values, err = satra.VisibleValues(r.Context()); err != nil {
			return nil, err
		}
	}
	told := &session{
		ID: s.ID, CreatedAt: s.Created, LastActivity: s.LastSeen, Now: s.Now,
		ElapsedSeconds: int64(max(0, s.Now.Sub(s.LastSeen)) / time.Second),
		IsActive:       true, UserData: values, Extendable: s.Extendable(), Principal: s.Principal,
		ExpiresAt: optional(s.ExpiresAt), AbsoluteExpires: optional(s.AbsoluteExpires), AuthenticatedAt: optional(s.AuthenticatedAt),
		ReauthRequired: s.StepUp != nil,
	}
	told.RemainingSeconds = remaining(s)
	return told, nil
}

// remaining is in whole seconds, nil if there is no end.
func remaining(s satra.Session) *int64 {
	left := s.Remaining()
	if left == satra.Never {
		return nil
	}
	seconds := int64(left / time.Second)
	return &seconds
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// isNone reports that there is no session and never was one to speak of: a
// session that is over is another answer.
func isNone(err error) bool {
	var ended *satra.EndedError
	return errors.Is(err, satra.ErrNoSession) && !errors.As(err, &ended)
}

func (a *api) info(w http.ResponseWriter, r *http.Request) error {
	s, err := tell(r)
	if isNone(err) {
		return write(w, r, struct {
			Status  string   `json:"status"`
			Session *session `json:"session"`
			Message string   `json:"message"`
		}{success, nil, "No active session"})
	}
	if err != nil {
		return err
	}
	return write(w, r, struct {
		Status  string   `json:"status"`
		Session *session `json:"session"`
	}{success, s})
}

// csrfToken tells the token, and begins a session for it if there is none. A
// GET is not checked for where it comes from, so this one is judged as a POST
// would be: another site must not be able to give a visitor a session.
func (a *api) csrfToken(w http.ResponseWriter, r *http.Request) error {
	if err := a.checkAsPost(r); err != nil {
		return err
	}
	err := satra.Start(r.Context())
	if err == nil {
		err = satra.Save(r.Context()) // now, so that this call writes the answer if it cannot
	}
	if err != nil {
		return err
	}
	token, err := csrf.StableToken(r.Context())
	if err != nil {
		return err
	}
	return write(w, r, struct {
		Status string `json:"status"`
		Token  string `json:"csrf_token"`
	}{success, token})
}

func (a *api) extend(w http.ResponseWriter, r *http.Request) error {
	err := a.protection.VerifyRequest(r)
	if err == nil {
		err = satra.Extend(r.Context())
	}
	if isNone(err) {
		return &satra.Problem{Status: http.StatusBadRequest, Code: satra.CodeBadRequest, Message: "No active session to extend"}
	}
	if err != nil {
		return err
	}
	s, err := tell(r)
	if err != nil {
		return err
	}
	return write(w, r, struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Session *session `json:"session"`
	}{success, "Session extended", s})
}

func (a *api) clear(w http.ResponseWriter, r *http.Request) error {
	err := a.protection.VerifyRequest(r)
	if err == nil {
		err = satra.SignOut(r.Context())
	}
	if err != nil && !isNone(err) {
		return err
	}
	return write(w, r, struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}{success, "Session cleared"})
}

// validateCSRF only answers: it asks for no token itself. That the session is
// over counts more than what is wrong with the body: an expired page must learn
// why. A token of before a sign-in that has just happened is still valid, as it
// is for a form that was open.
func (a *api) validateCSRF(w http.ResponseWriter, r *http.Request) error {
	token, unreadable := readToken(w, r)
	valid, err := csrf.Valid(r.Context(), token)
	switch {
	case err != nil && !isNone(err):
		return err
	case unreadable != nil:
		return unreadable
	}
	return write(w, r, struct {
		Status string `json:"status"`
		Valid  bool   `json:"valid"`
	}{success, valid})
}
