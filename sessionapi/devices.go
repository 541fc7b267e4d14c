package sessionapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
)

// A device as the API tells it: a session of the principal, live or over.
type device struct {
	ID           satra.ID     `json:"session_id"`
	Current      bool         `json:"current"`
	CreatedAt    time.Time    `json:"created_at"`
	SignedInAt   time.Time    `json:"signed_in_at"`
	Method       string       `json:"method"`
	LastActivity time.Time    `json:"last_activity"`
	ExpiresAt    *time.Time   `json:"expires_at"`
	Browser      string       `json:"browser"`
	System       string       `json:"os"`
	Address      string       `json:"address"`
	Remembered   bool         `json:"remembered"`
	Program      bool         `json:"program"`
	EndedAt      *time.Time   `json:"ended_at,omitempty"`
	Reason       satra.Reason `json:"reason,omitempty"`
}

// devices lists the sessions of the principal. To see them needs no fresh proof.
func (a *api) devices(w http.ResponseWriter, r *http.Request) error {
	if err := satra.CheckRecent(r.Context(), satra.Never); err != nil {
		return err
	}
	live, err := satra.Devices(r.Context())
	if err != nil {
		return err
	}
	own, err := satra.From(r.Context())
	if err != nil {
		return err
	}
	over, err := satra.EndedDevices(r.Context())
	if err != nil {
		return err
	}
	return write(w, r, struct {
		Status  string   `json:"status"`
		Devices []device `json:"devices"`
		Ended   []device `json:"ended"`
	}{success, a.tellDevices(live, own.ID), a.tellDevices(over, satra.ID{})})
}

func (a *api) tellDevices(all []satra.Session, own satra.ID) []device {
	told := make([]device, 0, len(all))
	for _, s := range all {
		browser, system := a.describe(s.LastDevice.UserAgent)
		d := device{
			ID: s.ID, Current: s.ID == own, CreatedAt: s.Created, SignedInAt: s.AuthenticatedAt, Method: s.Method,
			LastActivity: s.LastSeen, ExpiresAt: optional(s.ExpiresAt), Browser: browser, System: system,
			Address: s.LastDevice.Addr, Remembered: s.Persistent, Program: s.Transport == satra.TransportBearer,
		}
		if s.Ended != nil {
			d.ExpiresAt, d.EndedAt, d.Reason = nil, optional(s.Ended.At), s.Ended.Reason
		}
		told = append(told, d)
	}
	return told
}

// sensitive asks for what ending sessions needs: the CSRF token, and a fresh
// proof of who is there.
func (a *api) sensitive(r *http.Request) error {
	if err := a.protection.VerifyRequest(r); err != nil {
		return err
	}
	return satra.CheckRecent(r.Context(), a.recent)
}

// revoke ends one session of the principal. Another's is not found, as one that
// never was.
func (a *api) revoke(w http.ResponseWriter, r *http.Request) error {
	if err := a.sensitive(r); err != nil {
		return err
	}
	id, err := satra.ParseID(r.PathValue("id"))
	if err != nil {
		return satra.ErrNotFound
	}
	if err := satra.Revoke(r.Context(), id); err != nil {
		return err
	}
	return write(w, r, struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}{success, "Session revoked"})
}

// revokeOthers ends all sessions of the principal but this one.
func (a *api) revokeOthers(w http.ResponseWriter, r *http.Request) error {
	if err := a.sensitive(r); err != nil {
		return err
	}
	n, err := satra.RevokeOthers(r.Context())
	if err != nil {
		return err
	}
	return write(w, r, struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Revoked int    `json:"revoked"`
	}{success, "Other sessions revoked", n})
}

// find returns the call of a path. The one name in a path is that of a device.
func (a *api) find(r *http.Request) (call, bool) {
	if c, ok := a.calls[r.URL.Path]; ok {
		return c, true
	}
	rest, ok := strings.CutPrefix(r.URL.Path, a.base+"/devices/")
	id, ok2 := strings.CutSuffix(rest, "/revoke")
	if !ok || !ok2 || id == "" || strings.Contains(id, "/") {
		return call{}, false
	}
	r.SetPathValue("id", id)
	return call{http.MethodPost, a.revoke}, true
}
