package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/satra-sessions/satra"
)

// A Finding is what Inspect found out about a server.
type Finding struct {
	Setting string // "fsync", …
	Value   string
	Advice  string // what to do about it; "" if nothing
}

// Inspect looks at a server and changes nothing: how soon it answers, its version,
// the schema's, what it keeps, and its clock. It returns an error for a server
// that Open would refuse, and satra.ErrUnavailable for one that cannot be
// reached.
func Inspect(ctx context.Context, url string, o *Options) ([]Finding, error) {
	all, err := o.withDefaults()
	config, configErr := all.configure("the URL", url)
	if err := errors.Join(err, configErr); err != nil {
		return nil, err
	}
	s := &Store{schema: all.Schema, timeout: all.Timeout}
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("pgstore: %w", err)
	}
	defer s.pool.Close()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("pgstore: Inspect: %w: %w", satra.ErrUnavailable, err)
	}
	defer conn.Release()
	findings, err := s.inspect(ctx, conn)
	if err != nil {
		return nil, explain("Inspect", err)
	}
	return findings, nil
}

func (s *Store) inspect(ctx context.Context, conn *pgxpool.Conn) ([]Finding, error) {
	found, err := look(ctx, conn)
	if err != nil {
		return nil, err
	}
	if err := found.usable(); err != nil {
		return nil, err
	}
	reach, clock, err := clock(ctx, conn)
	if err != nil {
		return nil, err
	}
	schema, err := s.inspectSchema(ctx, conn)
	if err != nil {
		return nil, err
	}
	findings := []Finding{
		reach,
		{Setting: "version", Value: fmt.Sprintf("PostgreSQL %d.%d", found.version/10000, found.version%10000)},
		schema,
		{Setting: "fsync", Value: found.fsync},
		{Setting: "full_page_writes", Value: found.fullPageWrites},
		{Setting: "synchronous_commit", Value: found.synchronousCommit},
	}
	for i, f := range findings {
		if why, weak := weaknesses[f.Setting]; weak && f.Value == "off" {
			findings[i].Advice = "set it to on: otherwise " + why
		}
	}
	return append(findings, clock), nil
}

// inspectSchema tells the version of the schema, and what Open would make of it.
func (s *Store) inspectSchema(ctx context.Context, conn *pgxpool.Conn) (Finding, error) {
	f := Finding{Setting: "schema"}
	var table bool
	err := conn.QueryRow(ctx, "select to_regclass($1::text) is not null", s.schema+".version").Scan(&table)
	if err != nil {
		return f, err
	}
	if !table {
		f.Value, f.Advice = fmt.Sprintf("%q is not there", s.schema), "the first program that opens the store makes it, if its role may"
		return f, nil
	}
	var version int
	if err := conn.QueryRow(ctx, s.in("select version from {schema}.version")).Scan(&version); err != nil {
		return f, err
	}
	f.Value = fmt.Sprintf("%q, version %d", s.schema, version)
	switch {
	case version > len(migrations):
		return f, fmt.Errorf("the schema %q is of version %d, and this program knows versions up to %d: run a newer one", s.schema, version, len(migrations))
	case version < len(migrations):
		f.Advice = fmt.Sprintf("the next program of this version that opens the store brings it to version %d", len(migrations))
	}
	return f, nil
}

// clockRounds is how often the server is asked for the time.
const clockRounds = 9

// clock tells how soon the server answers, and how far its clock is from this
// machine's, from the answer that came soonest.
func clock(ctx context.Context, conn *pgxpool.Conn) (reach, clock Finding, err error) {
	var took []time.Duration
	var offset time.Duration
	for range clockRounds {
		var theirs time.Time
		asked := time.Now()
		if err := conn.QueryRow(ctx, "select clock_timestamp()", pgx.QueryExecModeExec).Scan(&theirs); err != nil {
			return reach, clock, err
		}
		round := time.Since(asked)
		if len(took) == 0 || round < slices.Min(took) {
			offset = theirs.Sub(asked.Add(round / 2))
		}
		took = append(took, round)
	}
	slices.Sort(took)
	reach = Finding{Setting: "reachable", Value: fmt.Sprintf("in %v, the middle of %d", took[len(took)/2].Round(time.Microsecond), len(took))}
	clock = Finding{Setting: "clock", Value: fmt.Sprintf("%+d ms to this machine's", offset.Milliseconds())}
	if offset.Abs() > time.Second {
		clock.Advice = "sessions are judged by the server's clock, logs are written by this machine's: let both follow a time server"
	}
	return reach, clock, nil
}
