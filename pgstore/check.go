package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// settings are those of the server that a store rests on.
type settings struct {
	version           int
	isolation         string
	fsync             string
	fullPageWrites    string
	synchronousCommit string
}

func look(ctx context.Context, conn *pgxpool.Conn) (found settings, err error) {
	err = conn.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('default_transaction_isolation'),
		current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')`).
		Scan(&found.version, &found.isolation, &found.fsync, &found.fullPageWrites, &found.synchronousCommit)
	return found, err
}

// usable says what makes the server unfit.
func (f settings) usable() error {
	var errs []error
	if f.version < 12_00_00 {
		errs = append(errs, fmt.Errorf("the server is PostgreSQL %d: want 12 or newer", f.version/10000))
	}
	if f.isolation != "read committed" { // only behind a pooler: else it was set
		errs = append(errs, fmt.Errorf("default_transaction_isolation is %q: want \"read committed\" (alter role … set default_transaction_isolation = 'read committed')", f.isolation))
	}
	return errors.Join(errs...)
}

// durability is what the server's settings allow to declare.
func (f settings) durability() satra.Durability {
	switch {
	case f.synchronousCommit == "off":
		return satra.DurableNot // a crash of the server loses the last moment
	case f.fsync == "off" || f.fullPageWrites == "off":
		return satra.DurableProcess
	}
	return satra.DurablePower
}

// weaknesses are the settings that must not be off, and what comes of it.
var weaknesses = map[string]string{
	"fsync":              "a power cut may lose or corrupt everything",
	"full_page_writes":   "a power cut may corrupt pages",
	"synchronous_commit": "a crash of the server loses what was acknowledged last",
}

// weaker says what keeps the server from surviving a power cut.
func (f settings) weaker() error {
	var errs []error
	for setting, value := range map[string]string{"fsync": f.fsync, "full_page_writes": f.fullPageWrites, "synchronous_commit": f.synchronousCommit} {
		if value == "off" {
			errs = append(errs, fmt.Errorf("pgstore: %s is off: %s", setting, weaknesses[setting]))
		}
	}
	return errors.Join(errs...)
}

// Check looks at the server and returns what is wrong with it, for a report at the
// start or a health check: that it cannot be reached, or which setting keeps what
// was acknowledged from surviving a power cut. Features tells what Open found.
func (s *Store) Check(ctx context.Context) error {
	var found settings
	err := s.read(ctx, "Check", func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		found, err = look(ctx, conn)
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(found.usable(), found.weaker())
}
