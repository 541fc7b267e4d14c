package web_test

import (
	"testing"

	"github.com/satra-sessions/satra/cmd/dashboard/web"
)

// TestTheSessionAPIIsBounded holds the limits of the calls: of one's own session,
// while another behind the same address goes on.
func TestTheSessionAPIIsBounded(t *testing.T) {
	v := newVisitor(t, web.Config{})
	v.get("/signin") // begins a session
	other := v.another()
	other.get("/signin")
	for i := range 31 {
		resp, body := v.get("/api/session/devices")
		want := 401 // nobody is signed in
		if i == 30 {
			want = 429
		}
		v.want(resp, body, want)
		if want == 429 && (resp.Header.Get("Retry-After") != "2" || resp.Header.Get("RateLimit") == "") {
			t.Errorf("got headers %v", resp.Header)
		}
	}
	resp, body := other.get("/api/session/devices")
	other.want(resp, body, 401)
	resp, body = v.get("/api/session/info")
	v.want(resp, body, 200)
	resp, body = v.get("/api/session/nothing")
	v.want(resp, body, 404)
}
