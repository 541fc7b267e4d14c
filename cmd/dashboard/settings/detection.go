package settings

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/satra-sessions/satra/audit/detect"
)

// What is done about what looks wrong in the audit log.

// The values of [Settings.Detection], and off.
const (
	DetectionTry     = "try"     // findings are written and told; what else would be done is logged
	DetectionEnforce = "enforce" // and it is done
)

// defaultActions do the least that helps against a copied session: what a proof settles
// is settled by a proof. All other rules' findings are told if they are strong.
var defaultActions = map[detect.Rule]detect.Action{
	detect.ReusedToken:    detect.Revoke,
	detect.BrowserChanged: detect.StepUp,
	detect.TwoPlaces:      detect.StepUp,
}

// Detects reports whether anybody looks for what is wrong.
func (s *Settings) Detects() bool { return s.Detection != off && s.Audit != off }

// Actions are the actions of all rules that have other ones than those of package
// detect: the dashboard's, and on top of them the given ones.
func (s *Settings) Actions() map[detect.Rule]detect.Action {
	actions := maps.Clone(defaultActions)
	maps.Copy(actions, s.DetectionActions)
	return actions
}

// parseActions takes rule=action with commas between.
func parseActions(s *Settings, v string) error {
	actions := map[detect.Rule]detect.Action{}
	for pair := range strings.SplitSeq(v, ",") {
		if strings.TrimSpace(v) == "" {
			break
		}
		name, does, ok := strings.Cut(strings.TrimSpace(pair), "=")
		rule := detect.Rule(strings.TrimSpace(name))
		most, known := detect.Rules()[rule]
		action, err := detect.ParseAction(strings.TrimSpace(does))
		switch _, twice := actions[rule]; {
		case !ok:
			return errors.New("not rule=action with commas between")
		case !known:
			return fmt.Errorf("without a rule of its name: there is no %s", quote(string(rule)))
		case err != nil:
			return fmt.Errorf("without an action for %s", rule)
		case action > most:
			return fmt.Errorf("too much: %s may %s at most, because anybody could bring it about against anybody", rule, most)
		case twice:
			return fmt.Errorf("two actions for %s", rule)
		}
		actions[rule] = action
	}
	s.DetectionActions = actions
	return nil
}

func showActions(s *Settings) string {
	var pairs []string
	for _, rule := range slices.Sorted(maps.Keys(s.DetectionActions)) {
		pairs = append(pairs, fmt.Sprintf("%s=%s", rule, s.DetectionActions[rule]))
	}
	return strings.Join(pairs, ",")
}

var detectionRules = []rule{
	{[]string{"detection", "audit"}, func(s *Settings) string {
		if s.Audit != off || s.Detection == off || s.origins["detection"] == byDefault {
			return ""
		}
		return "detection: " + s.Detection + " reads the audit log, and audit is off; right is detection off, or an audit log"
	}},
}
