package settings

import (
	"errors"
	"strings"

	"github.com/satra-sessions/satra/seal"
)

// The values of [Settings.SealKeys] that name no source of keys.
const (
	SealAuto = "auto" // keys.json in the data directory
	SealOff  = "off"  // values are kept as they are
)

// parseSealKeys looks at the form: whether the keys are there, and are good,
// is for the start to find out.
func parseSealKeys(s *Settings, v string) error {
	if v != SealAuto && v != SealOff {
		if _, err := seal.ParseSource(v); err != nil {
			return errors.New("no source of keys")
		}
	}
	return optional(func(s *Settings) *string { return &s.SealKeys })(s, v)
}

// showSealKeys leaves out the arguments of a command, which may hold a secret.
func showSealKeys(s *Settings) string {
	if rest, ok := strings.CutPrefix(s.SealKeys, "command:"); ok {
		if words := strings.Fields(rest); len(words) > 1 {
			return "command:" + words[0] + " …"
		}
	}
	return s.SealKeys
}
