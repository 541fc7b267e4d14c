package settings

import (
	"strings"
	"testing"
)

func TestSealKeys(t *testing.T) {
	for value, shown := range map[string]string{
		"auto": "auto", "off": "off", "file:/srv/keys.json": "file:/srv/keys.json", "env:KEYS": "env:KEYS",
		"command:vault": "command:vault", "command:vault kv get hunter2": "command:vault …",
	} {
		s, err := Load([]string{"-seal-keys", value}, nil, nil)
		if err != nil {
			t.Errorf("%q: got the error %v, want none", value, err)
			continue
		}
		if got := find("seal-keys").show(s); s.SealKeys != value || got != shown {
			t.Errorf("%q: got %q, shown as %q; want it shown as %q", value, s.SealKeys, got, shown)
		}
	}
	for _, wrong := range []string{"hunter2", "on", "file:", "env:A B", "command:", "https://hunter2"} {
		_, err := Load(nil, []string{"SEAL_KEYS=" + wrong}, nil)
		if err == nil || !strings.Contains(err.Error(), "SEAL_KEYS (environment): what is given is no source of keys; right is auto, off, file:PATH") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got the error %v", wrong, err)
		}
	}
}
