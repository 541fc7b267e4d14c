package settings

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestWhereTheAuditLogIs(t *testing.T) {
	for value, want := range map[string]string{"sqlite": "sqlite:" + filepath.Join("d", "audit.db"), "sqlite:/srv/a.db": "sqlite:/srv/a.db", "postgres://localhost/app": "postgres://localhost/app", "redis://localhost": "redis://localhost", "off": ""} {
		s, err := Load([]string{"-data-dir", "d", "-audit", value}, nil, nil)
		if err != nil || s.AuditName() != want {
			t.Errorf("%q: got %q and %v, want %q", value, s.AuditName(), err, want)
		}
		if s.AuditKeysFile() != filepath.Join("d", "audit-keys") || s.AuditHeadsFile() != filepath.Join("d", "audit-heads.jsonl") {
			t.Errorf("%q: got %q and %q", value, s.AuditKeysFile(), s.AuditHeadsFile())
		}
	}
	s, err := Load([]string{"-audit-keys", "/k", "-audit-heads", "/h"}, nil, nil)
	if err != nil || s.AuditKeysFile() != "/k" || s.AuditHeadsFile() != "/h" {
		t.Errorf("got %q, %q and %v", s.AuditKeysFile(), s.AuditHeadsFile(), err)
	}
	for _, wrong := range []string{"memory", "redis:", "mysql://x", ""} {
		if _, err := Load([]string{"-audit", wrong}, nil, nil); err == nil || !strings.Contains(err.Error(), "right is sqlite") {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}
