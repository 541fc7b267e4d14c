package browser

import (
	"testing"

	"github.com/satra-sessions/satra/cmd/internal/chrome"
)

func TestTheSurfaceOfTheOriginal(t *testing.T) {
	s := play(t, "")
	got := chrome.Eval[[]string](s.Tab, `["init", "getCSRFToken", "refreshCSRFToken", "getSessionInfo", "refreshSessionInfo",
		"extendSession", "clearSession", "startSessionMonitoring", "stopSessionMonitoring", "checkSession", "addCSRFToken",
		"fetch", "setAutoExtend", "setWarningThreshold", "destroy", "adoptSession"].filter((name) => typeof sessionManager[name] !== "function")`)
	if len(got) > 0 {
		t.Errorf("missing: %v", got)
	}
	if !chrome.Eval[bool](s.Tab, `sessionManager instanceof SessionManagerClient`) {
		t.Error("window.SessionManagerClient is not the class")
	}
	if got := chrome.Eval[string](s.Tab, `sessionManager.getCSRFToken()`); got != s.token {
		t.Errorf("getCSRFToken: got %q, want %q", got, s.token)
	}
	s.change(s.newToken)
	if got := chrome.Eval[string](s.Tab, `sessionManager.refreshCSRFToken()`); got != s.token {
		t.Errorf("refreshCSRFToken: got %q, want %q", got, s.token)
	}
	if got := chrome.Eval[string](s.Tab, `sessionManager.getSessionInfo().then((i) => i.principal)`); got != "alice" {
		t.Errorf("getSessionInfo: got %q", got)
	}
	if !chrome.Eval[bool](s.Tab, `sessionManager.checkSession()`) {
		t.Error("checkSession: got false")
	}
	if got := chrome.Eval[string](s.Tab, `(() => {
		const mine = { method: "POST", headers: [["X-Own", "1"]] };
		const made = sessionManager.addCSRFToken(mine);
		return [made.method, made.headers.get("X-CSRF-Token"), made.headers.get("X-Own"), mine.headers.length].join(" ");
	})()`); got != "POST "+s.token+" 1 1" {
		t.Errorf("addCSRFToken: got %q", got)
	}
}

func TestAScriptLoadedLateStarts(t *testing.T) {
	s := &stage{fake: newFake(t), t: t, Tab: chrome.New(t)}
	s.Navigate(s.URL + "/?late")
	s.Until(`document.readyState === "complete"`)
	s.wantCount("GET", "/info", 0)
	s.Run(`load()`)
	s.Wait("the first question", func() bool { return s.count("GET", "/info") == 1 })
	s.Until(`sessionManager.session !== null`)
}

func TestTheClassicScriptTwiceIsOneClient(t *testing.T) {
	s := play(t, "")
	s.Run(`window.before = sessionManager; fetch(document.body.dataset.client).then((r) => r.text()).then((code) => { window.code = code; })`)
	s.Run(chrome.Eval[string](s.Tab, `code`))
	if !chrome.Eval[bool](s.Tab, `window.before === window.sessionManager`) {
		t.Error("the second script has replaced the first one's client")
	}
}

func TestTheModule(t *testing.T) {
	s := &stage{fake: newFake(t), t: t, Tab: chrome.New(t)}
	s.Navigate(s.URL + "/?module")
	s.Until(`window.made`)
	if chrome.Eval[bool](s.Tab, `"sessionManager" in window`) {
		t.Error("the module makes globals")
	}
	s.wantCount("GET", "/info", 0) // it starts when it is told to
	if !chrome.Eval[bool](s.Tab, `made.init()`) {
		t.Error("init: got false")
	}
}

func TestTheClockAndTheNetworkCanBeReplaced(t *testing.T) {
	s := play(t, "")
	got := chrome.Eval[string](s.Tab, `(async () => {
		const asked = [];
		const client = new SessionManagerClient({ base: "/elsewhere/", dialog: false, env: {
			now: () => 5000, wall: () => 5000, setTimeout: () => 1, clearTimeout() {},
			fetch: async (url) => { asked.push(url); return Response.json({ status: "success", session: {
				session_id: "AAAAAAAAAAAAAAAAAAAAAA", principal: "alice", now: "2026-01-01T00:00:00Z",
				last_activity: "2026-01-01T00:00:00Z", expires_at: "2026-01-01T01:00:00Z", extendable: true } }); },
		} });
		await client.init();
		client.destroy();
		return asked.join() + " " + client.deadline.left();
	})()`)
	if want := "/elsewhere/info 3600000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
