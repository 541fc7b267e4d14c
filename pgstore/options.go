package pgstore

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options of a [Store]. The zero value is a good choice.
type Options struct {
	// Schema is where the tables are: a lower-case name of at most 40 letters,
	// digits and underscores. Default "satra".
	Schema string

	// Timeout bounds each call, the wait for a free connection included; then it
	// is answered with satra.ErrUnavailable. Ending everybody's sessions and a
	// sweep take it for every thousand. At least 10 ms. Default 2 s.
	Timeout time.Duration

	// MaxConns bounds the connections, besides one for each Watch. Default:
	// pool_max_conns in the URL, else the number of CPUs and at least 4.
	MaxConns int

	// MaxRecord bounds the values of one record, in bytes of their keys and
	// data. Default 1 MiB, at most 256 MiB.
	MaxRecord int

	// Pooled says that the URL leads to a pooler that hands out connections by
	// transaction. Then no statement is prepared and no parameter is set for a
	// connection, and WatchURL is required.
	Pooled bool

	// WatchURL leads to the server itself, for LISTEN. Default: the URL of Open.
	WatchURL string

	// Configure, if not nil, may change the configuration of the connections,
	// once for the pool and once for those of Watch: a tracer, a dialer, a
	// password that changes (BeforeConnect). What exactness rests on is set
	// afterwards.
	Configure func(*pgxpool.Config)
}

const (
	defaultSchema    = "satra"
	defaultTimeout   = 2 * time.Second
	defaultMaxRecord = 1 << 20
	largestMaxRecord = 256 << 20
)

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,39}$`)

// withDefaults returns the options that hold, or all that is wrong with them.
func (o *Options) withDefaults() (Options, error) {
	var all Options
	if o != nil {
		all = *o
	}
	if all.Schema == "" {
		all.Schema = defaultSchema
	}
	if all.Timeout == 0 {
		all.Timeout = defaultTimeout
	}
	if all.MaxRecord == 0 {
		all.MaxRecord = defaultMaxRecord
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("pgstore: "+format, args...)) }
	if !schemaName.MatchString(all.Schema) {
		wrong("Options.Schema: %q: want a lower-case name of at most 40 letters, digits and underscores, such as %q", all.Schema, defaultSchema)
	}
	if all.Timeout < 10*time.Millisecond {
		wrong("Options.Timeout: %v: want 10ms or more", all.Timeout)
	}
	if all.MaxConns < 0 || all.MaxConns > 10_000 {
		wrong("Options.MaxConns: %d: want 1 to 10000, or 0 for the default", all.MaxConns)
	}
	if all.MaxRecord < 0 || all.MaxRecord > largestMaxRecord {
		wrong("Options.MaxRecord: %d: want 1 to %d bytes, or 0 for the default", all.MaxRecord, largestMaxRecord)
	}
	if all.Pooled && all.WatchURL == "" {
		wrong("Options.WatchURL: a pooler cannot LISTEN: want the URL of the server itself")
	}
	return all, errors.Join(errs...)
}

const rightURL = "postgres://user:password@host:5432/database?sslmode=verify-full"

var sslModes = []string{"", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// parseURL reads a URL. What it says of a wrong one holds nothing of it: a
// password may be anywhere in a URL that cannot be read.
func parseURL(what, s string) (*pgxpool.Config, error) {
	wrong := func(why string) (*pgxpool.Config, error) {
		return nil, fmt.Errorf("pgstore: %s: %s: want one such as %s", what, why, rightURL)
	}
	u, err := url.Parse(s)
	switch {
	case s == "":
		return wrong("is empty")
	case err != nil:
		return wrong("is not a URL (a password in it has to be percent-encoded)")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return wrong("does not begin with postgres://")
	case u.Opaque != "":
		return wrong("lacks the // before the host")
	case u.Host == "" && u.Query().Get("host") == "":
		return wrong("names no host")
	case !slices.Contains(sslModes, u.Query().Get("sslmode")):
		return wrong("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")
	}
	config, err := pgxpool.ParseConfig(s)
	if err != nil {
		return wrong("has a port or parameter that cannot be read, or names a file that is not there")
	}
	return config, nil
}

// configure returns the configuration of the pool or of Watch.
func (o *Options) configure(what, url string) (*pgxpool.Config, error) {
	config, err := parseURL(what, url)
	if err != nil {
		return nil, err
	}
	if o.MaxConns > 0 {
		config.MaxConns = int32(o.MaxConns)
	}
	if _, named := config.ConnConfig.RuntimeParams["application_name"]; !named {
		config.ConnConfig.RuntimeParams["application_name"] = "satra"
	}
	// A connection that nobody answers must not keep its place in the pool.
	if t := config.ConnConfig.ConnectTimeout; t == 0 || t > o.Timeout {
		config.ConnConfig.ConnectTimeout = o.Timeout
	}
	if o.Configure != nil {
		o.Configure(config)
	}
	if o.Pooled {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		config.ConnConfig.StatementCacheCapacity = 0
		config.ConnConfig.DescriptionCacheCapacity = 0
		return config, nil
	}
	// One UPDATE that waited for another has to go on from what that one wrote.
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	// The server gives up a statement when its caller has.
	config.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(o.Timeout.Milliseconds(), 10)
	return config, nil
}
