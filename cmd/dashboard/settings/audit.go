package settings

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// Where the audit log is, and how long.

const (
	minRetention = 24 * time.Hour
	maxRetention = 10 * 365 * 24 * time.Hour
)

func parseAudit(s *Settings, v string) error {
	if v != off {
		name, err := storename.Parse(v, s.DataDir)
		switch {
		case err != nil:
			return errors.New("not the name of a store")
		case name.Kind == "memory":
			return errors.New("not a store that keeps an audit log")
		}
	}
	s.Audit = v
	return nil
}

// AuditName is the store of the audit log for storename.Parse: "sqlite" alone is
// audit.db in the data directory. It may hold a password. "" is none.
func (s *Settings) AuditName() string {
	switch s.Audit {
	case off:
		return ""
	case "sqlite":
		return "sqlite:" + filepath.Join(s.DataDir, "audit.db")
	}
	return s.Audit
}

// AuditKeysFile is the file of the log's keys.
func (s *Settings) AuditKeysFile() string { return s.fileOr(s.AuditKeys, "audit-keys") }

// AuditHeadsFile is where it is noted how far the log is.
func (s *Settings) AuditHeadsFile() string { return s.fileOr(s.AuditHeads, "audit-heads.jsonl") }

func (s *Settings) fileOr(given, name string) string {
	if given == "" {
		return filepath.Join(s.DataDir, name)
	}
	return given
}
