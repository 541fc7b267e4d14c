package sessionapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/sessionapi"
)

const firefox = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// listed is an answer of devices.
type listed struct {
	Devices, Ended []struct {
		ID      satra.ID `json:"session_id"`
		Current bool
		Browser string
		System  string `json:"os"`
		Address string
		Method  string
		Reason  string
		EndedAt *time.Time `json:"ended_at"`
	}
}

func (a *app) devices(cookie string) (l listed) {
	a.t.Helper()
	got := a.send(request("GET", base+"/devices", cookie, firefox))
	if got.StatusCode != 200 {
		a.t.Fatalf("devices: got %d, %s", got.StatusCode, got.raw)
	}
	if err := json.Unmarshal([]byte(got.raw), &l); err != nil {
		a.t.Fatal(err)
	}
	return l
}

// device signs a principal in on a new browser, and returns its cookie and
// token.
func (a *app) device(principal string) (cookie, token string) {
	a.t.Helper()
	cookie, _ = a.session()
	cookie = a.with(cookie, signIn(principal))
	return cookie, a.send(request("GET", base+"/csrf-token", cookie)).Token
}

func TestDevicesAreListedAndEnded(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	mine, token := a.device("alice")
	other, _ := a.device("alice")
	third, _ := a.device("alice")
	a.device("bob")
	l := a.devices(mine)
	if len(l.Devices) != 3 || !l.Devices[0].Current || l.Devices[0].ID != a.id(mine) || l.Devices[1].Current || len(l.Ended) != 0 {
		t.Fatalf("got %+v", l)
	}
	a.clock.Advance(2 * time.Minute)
	a.with(mine, func(ctx context.Context) error { return satra.Extend(ctx) })

	got := a.send(request("POST", base+"/devices/"+a.id(other).String()+"/revoke", mine, "X-CSRF-Token: "+token))
	if got.StatusCode != 200 || got.Header["Set-Cookie"] != nil {
		t.Errorf("revoking another device: got %d, %s", got.StatusCode, got.raw)
	}
	if got := a.send(request("GET", base+"/info", other)); got.StatusCode != 401 || got.Reason != "signed_out_elsewhere" {
		t.Errorf("the device that was ended: got %d, %s", got.StatusCode, got.raw)
	}
	l = a.devices(mine)
	if len(l.Devices) != 2 || len(l.Ended) != 1 || l.Ended[0].Reason != "signed_out_elsewhere" || l.Ended[0].EndedAt == nil {
		t.Errorf("afterwards: got %+v", l)
	}

	got = a.send(request("POST", base+"/devices/revoke-others", mine, "X-CSRF-Token: "+token))
	if got.StatusCode != 200 || !strings.Contains(got.raw, `"revoked":1`) {
		t.Errorf("revoking the others: got %d, %s", got.StatusCode, got.raw)
	}
	if got := a.send(request("GET", base+"/info", third)); got.StatusCode != 401 {
		t.Errorf("another device after revoking the others: got %d", got.StatusCode)
	}
	got = a.send(request("POST", base+"/devices/"+a.id(mine).String()+"/revoke", mine, "X-CSRF-Token: "+token))
	if got.StatusCode != 200 || len(got.Header["Set-Cookie"]) != 1 {
		t.Errorf("revoking this one: got %d with %q, want its cookie deleted", got.StatusCode, got.Header["Set-Cookie"])
	}
}

func TestADeviceIsDescribed(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	mine, _ := a.device("alice")
	a.clock.Advance(2 * time.Minute) // the browser is noted with the next activity
	w := a.with(mine, func(ctx context.Context) error { return satra.Extend(ctx) })
	l := a.devices(w)
	d := l.Devices[0]
	if d.Address != "192.0.2.1" || d.Method != "password" {
		t.Errorf("got %+v", d)
	}
	described, err := sessionapi.New(a.m, a.p, &sessionapi.Options{Describe: func(string) (string, string) { return "Lynx", "VMS" }})
	if err != nil {
		t.Fatal(err)
	}
	a.handler = a.m.Handler(described)
	if d := a.devices(mine).Devices[0]; d.Browser != "Lynx" || d.System != "VMS" {
		t.Errorf("described by the application: got %+v", d)
	}
}

func TestEndingDevicesNeedsAFreshProof(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	mine, token := a.device("alice")
	other, _ := a.device("alice")
	bobs, _ := a.device("bob")
	paths := []string{base + "/devices/revoke-others", base + "/devices/" + a.id(other).String() + "/revoke"}
	for _, path := range paths {
		if got := a.send(request("POST", path, mine)); got.StatusCode != 403 || got.Code != "CSRF_INVALID" {
			t.Errorf("%s without a token: got %d, %s", path, got.StatusCode, got.raw)
		}
		if got := a.send(request("POST", path)); got.StatusCode != 401 || got.Code != "SESSION_REQUIRED" {
			t.Errorf("%s without a session: got %d, %s", path, got.StatusCode, got.raw)
		}
		anonymous, own := a.session()
		if got := a.send(request("POST", path, anonymous, "X-CSRF-Token: "+own)); got.StatusCode != 401 || got.Code != "SIGN_IN_REQUIRED" {
			t.Errorf("%s of nobody: got %d, %s", path, got.StatusCode, got.raw)
		}
	}
	for _, id := range []string{a.id(bobs).String(), strings.Repeat("A", 22), "x", "revoke"} {
		got := a.send(request("POST", base+"/devices/"+id+"/revoke", mine, "X-CSRF-Token: "+token))
		if got.StatusCode != 404 || got.Code != "NOT_FOUND" || got.Msg != "There is no such session." {
			t.Errorf("another's session, or none: got %d, %s", got.StatusCode, got.raw)
		}
	}
	a.clock.Advance(5*time.Minute + time.Microsecond)
	for _, path := range paths {
		if got := a.send(request("POST", path, mine, "X-CSRF-Token: "+token)); got.StatusCode != 403 || got.Code != "REAUTH_REQUIRED" {
			t.Errorf("%s with an old proof: got %d, %s", path, got.StatusCode, got.raw)
		}
	}
	if l := a.devices(mine); len(l.Devices) != 2 {
		t.Errorf("to see them needs no fresh proof, and nothing was ended: got %+v", l)
	}
	mine = a.with(mine, func(ctx context.Context) error { return satra.Reauthenticate(ctx, "password") })
	token = a.send(request("GET", base+"/csrf-token", mine)).Token
	if got := a.send(request("POST", paths[1], mine, "X-CSRF-Token: "+token)); got.StatusCode != 200 {
		t.Errorf("after a fresh proof: got %d, %s", got.StatusCode, got.raw)
	}
}

// A session that is doubted shows nobody what there is to know of the account.
func TestADemandedProofComesBeforeTheLists(t *testing.T) {
	a := newApp(t, satra.Options{}, nil)
	mine, _ := a.device("alice")
	a.with(mine, func(ctx context.Context) error { return theme.Set(ctx, "dark") })
	if got := a.send(request("GET", base+"/info", mine)); !strings.Contains(got.raw, `"reauth_required":false`) || !strings.Contains(got.raw, `"user_data":{"theme":"dark"}`) {
		t.Errorf("before: got %s", got.raw)
	}
	if err := a.m.StepUp(t.Context(), a.id(mine), satra.StepUp{Reason: "two_places"}); err != nil {
		t.Fatal(err)
	}
	if got := a.send(request("GET", base+"/info", mine)); !strings.Contains(got.raw, `"reauth_required":true`) || !strings.Contains(got.raw, `"user_data":{}`) {
		t.Errorf("after: got %s", got.raw)
	}
	if got := a.send(request("GET", base+"/devices", mine)); got.StatusCode != 403 || got.Code != "REAUTH_REQUIRED" {
		t.Errorf("devices: got %d, %s", got.StatusCode, got.raw)
	}
	mine = a.with(mine, func(ctx context.Context) error { return satra.Reauthenticate(ctx, "test") })
	if l := a.devices(mine); len(l.Devices) != 1 {
		t.Errorf("after the proof: got %+v", l)
	}
}
