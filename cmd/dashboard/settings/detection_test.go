package settings

import (
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
