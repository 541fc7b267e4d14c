package settings

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/audit/detect"
)

func TestActions(t *testing.T) {
	s, err := Load([]string{"-detection-actions", " two_places=revoke , new_device=notify"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[detect.Rule]detect.Action{
		detect.ReusedToken: detect.Revoke, detect.BrowserChanged: detect.StepUp, detect.TwoPlaces: detect.Revoke, detect.NewDevice: detect.Notify,
	}
	if got := fmt.Sprint(s.Actions()); got != fmt.Sprint(want) {
		t.Errorf("got %s, want %s", got, fmt.Sprint(want))
	}
	if got := showActions(s); got != "new_device=notify,two_places=revoke" {
		t.Errorf("shown as %q", got)
	}
	for _, rule := range []detect.Rule{detect.ReusedToken, detect.BrowserChanged, detect.TwoPlaces} {
		if want := fmt.Sprintf("%s=%s", rule, defaultActions[rule]); !strings.Contains(helpOf("detection-actions"), want) {
			t.Errorf("the help does not say %s", want)
		}
	}
	if len(defaultActions) != 3 {
		t.Errorf("%d rules have actions of their own, and the help tells 3", len(defaultActions))
	}
	if _, err := detect.NewPolicy(&detect.PolicyOptions{Actions: defaultActions}); err != nil {
		t.Errorf("the usual actions: %v", err)
	}
}

func helpOf(name string) string {
	for i := range table {
		if table[i].name == name {
			return table[i].help
		}
	}
	return ""
}

func TestActionsThatAreNone(t *testing.T) {
	for value, want := range map[string]string{
		"two_places":                            "is not rule=action",
		"two_places=revoke,":                    "is not rule=action",
		"lazy=revoke":                           `there is no "lazy"`,
		"two_places=shout":                      "without an action for two_places",
		"two_places=":                           "without an action for two_places",
		"guessing_account=revoke":               "guessing_account may notify at most",
		"two_places=revoke,two_places=step-up":  "two actions for two_places",
		"new_device=revoke":                     "new_device may step-up at most",
		"two_places=revoke;browser_changed=off": "without an action for two_places",
	} {
		if _, err := Load([]string{"-detection-actions", value}, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", value, err, want)
		}
	}
}

func TestWhoIsTold(t *testing.T) {
	for _, right := range []string{"https://alerts.example/satra?team=1", "http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]/"} {
		s, err := Load([]string{"-alert-webhook", right, "-alert-webhook-secret", "/s"}, nil, nil)
		if err != nil || s.AlertWebhook != right {
			t.Errorf("%q: got %v", right, err)
		}
	}
	for _, wrong := range []string{"http://alerts.example/tok3n", "alerts.example/tok3n", "https://", "https://u:tok3n@alerts.example/", "ftp://alerts.example/tok3n", "https://alerts.example/tok3n#x", "https://al erts.example/tok3n"} {
		_, err := Load([]string{"-alert-webhook", wrong, "-alert-webhook-secret", "/s"}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "right is https://") || strings.Contains(err.Error(), "tok3n") {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
	for _, alone := range [][]string{{"-alert-webhook", "https://alerts.example/"}, {"-alert-webhook-secret", "/s"}} {
		if _, err := Load(alone, nil, nil); err == nil || !strings.Contains(err.Error(), "right is both or neither") {
			t.Errorf("%q alone: got %v", alone, err)
		}
	}
	s, err := Load([]string{"-alert-webhook", "https://alerts.example/tok3n", "-alert-webhook-secret", "/s"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	s.Print(&shown)
	if !strings.Contains(shown.String(), "https://alerts.example/…") || strings.Contains(shown.String(), "tok3n") {
		t.Errorf("shown as\n%s", shown.String())
	}
}

func TestDetectionNeedsAnAuditLog(t *testing.T) {
	for _, args := range [][]string{{"-audit", "off"}, {"-audit", "off", "-detection", "off"}, {"-detection", "enforce"}} {
		if _, err := Load(args, nil, nil); err != nil {
			t.Errorf("%q: got %v", args, err)
		}
	}
	if _, err := Load([]string{"-audit", "off", "-detection", "enforce"}, nil, nil); err == nil || !strings.Contains(err.Error(), "audit is off") {
		t.Errorf("got %v", err)
	}
}
