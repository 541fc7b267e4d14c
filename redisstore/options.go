package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
)

// Options of a [Store]. The zero value is a good choice.
type Options struct {
	// Prefix begins every key and the channel of ends, so that several
	// applications share a server. It has no braces: they choose a Cluster's
	// slot. Default "satra:".
	Prefix string

	// Timeout bounds every call, and how long Open waits for the server.
	// Afterwards the answer is ErrUnavailable. At most a minute. Default 2 s.
	Timeout time.Duration

	// Retention is how long a session is kept when it is over. At least the
	// manager's Options.Tombstone, and an hour. Default 24 h.
	Retention time.Duration

	// MaxRecord bounds the values of one session, in bytes of their keys and
	// data, at most 64 MiB. Every commit moves all of them through the server's
	// script, so they had better be few. Default 64 KiB.
	MaxRecord int

	// Durable is what the operator of the server declares that an acknowledged
	// change survives. DurableProcess: of this process, which the zero value
	// does not claim, since most servers lose a second or more. DurablePower
	// asks for one primary with "appendonly yes", "appendfsync always" and
	// "maxmemory-policy noeviction"; Open refuses it if the server says
	// otherwise. Default DurableNot.
	Durable satra.Durability

	// Cache is how many bytes of records the store keeps in memory, about, for
	// requests that [satra.FromCache] lets read a session that may be a moment
	// old. 1 MiB to 1 GiB; a record that takes more than a sixteenth of it is not
	// kept. A record from the cache is never older than a second, nor than what
	// this store itself has written or read; the server tells of a change within
	// milliseconds. It takes one primary, neither a Cluster nor behind Sentinels,
	// and RESP3 with CLIENT TRACKING, or Open refuses it. Default 0: no cache.
	Cache int

	// TLS is used with rediss://, rediss+cluster:// and rediss+sentinel://, and
	// refused with another address. Default: the system's authorities, TLS 1.2 or
	// newer. A ServerName is looked for in every server's certificate; without one
	// that is the host of a rediss:// address, else each server's own address.
	TLS *tls.Config

	now func() time.Time // the cache's clock; nil: time.Now
}

// lease is how long a reservation is good for, as the scripts have it, and
// leaseMargin how much earlier its session must be bound: the clocks of a
// Cluster's nodes differ.
const (
	lease       = 5 * time.Second
	leaseMargin = time.Second
)

func (o *Options) withDefaults() (Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Prefix == "" {
		v.Prefix = "satra:"
	}
	if v.Timeout == 0 {
		v.Timeout = 2 * time.Second
	}
	if v.Retention == 0 {
		v.Retention = 24 * time.Hour
	}
	if v.MaxRecord == 0 {
		v.MaxRecord = 64 << 10
	}
	if v.now == nil {
		v.now = time.Now
	}
	var errs []error
	problem := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("redisstore: Options."+format, args...))
		}
	}
	problem(strings.ContainsAny(v.Prefix, "{}"), "Prefix: %q has braces; for example \"shop:\"", v.Prefix)
	problem(v.Timeout < time.Millisecond || v.Timeout > time.Minute, "Timeout: %v is not between 1ms and 1m", v.Timeout)
	problem(v.Retention < time.Hour, "Retention: %v is shorter than 1h", v.Retention)
	problem(v.MaxRecord < 0 || v.MaxRecord > 64<<20, "MaxRecord: %d is not between 1 and %d (64 MiB)", v.MaxRecord, 64<<20)
	problem(v.Cache != 0 && (v.Cache < 1<<20 || v.Cache > 1<<30),
		"Cache: %d is neither 0 nor between %d (1 MiB) and %d (1 GiB)", v.Cache, 1<<20, 1<<30)
	problem(v.Durable > satra.DurablePower, "Durable: %d is none of satra.DurableNot, DurableProcess and DurablePower", v.Durable)
	return v, errors.Join(errs...)
}
