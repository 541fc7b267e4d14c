package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/satra-sessions/satra"
)

// A Store keeps sessions in Redis. It is safe for concurrent use. One
// connection to each server carries all calls; one that is lost is made anew by
// the next call.
type Store struct {
	satra.UnimplementedStore
	options  Options
	client   rueidis.Client
	cluster  bool
	findings []Finding
	prune    pruning
	turns    turns
	cache    *cache // nil: there is none

	// pause runs between the steps of what is several commands. Tests hold the
	// gaps open with it.
	pause func(step string)
}

// Open connects to the server of a URL, for example
// "redis://user:password@localhost:6379/0". A Cluster is given by some of its
// nodes, "redis+cluster://10.0.0.1:6379,10.0.0.2:6379", and a primary that
// Sentinels watch over by theirs and its name,
// "redis+sentinel://user:password@10.0.0.1:26379,10.0.0.2:26379/mymaster/0"; the
// user and password are the servers', and the Sentinels' own may be added:
// "?sentinel_user=…&sentinel_password=…".
//
// rediss://, rediss+cluster:// and rediss+sentinel:// are TLS. With one host its
// name is in every certificate, with several each server's own; see
// [Options.TLS]. nil options are the defaults.
//
// Errors: all problems with the address and the options at once; ErrUnavailable;
// a server that is too old, is a replica, contradicts [Options.Durable] or cannot
// do what [Options.Cache] needs; rights that the server's user lacks, by the rules
// that would give them. None of them holds the user or the password.
func Open(ctx context.Context, address string, o *Options) (*Store, error) {
	options, err := o.withDefaults()
	where, err2 := parseURL(address)
	if err := errors.Join(err, err2, where.with(options)); err != nil {
		return nil, err
	}
	client := where.ClientOption
	client.DisableRetry = true // a change is never made twice
	client.DisableCache = true
	client.ConnWriteTimeout = options.Timeout
	client.Dialer = net.Dialer{Timeout: options.Timeout, KeepAlive: time.Second}
	client.AlwaysPipelining = true // a lost connection is noticed when it is lost, not by the next change
	client.PipelineMultiplex = -1  // one connection: what goes out together costs one write, and the server one read
	client.MaxFlushDelay = 20 * time.Microsecond
	client.ClientName = "satra"
	s := &Store{options: options, pause: func(string) {}}
	if options.Cache > 0 {
		s.cache = newCache(options.Cache, options.now)
		client.DialCtxFn = s.dial
	}
	s.client, err = where.connect(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("redisstore: connecting to %v: %w: %w", client.InitAddress, err, satra.ErrUnavailable)
	}
	s.cluster = s.client.Mode() == rueidis.ClientModeCluster
	if err = s.mayAll(ctx); err == nil {
		err = s.look(ctx)
	}
	if err == nil && s.cache != nil {
		err = s.openCache(ctx)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the connections. Calls under way fail.
func (s *Store) Close() {
	if s.cache != nil {
		s.cache.close()
	}
	s.client.Close()
}

// String names the store, without its address.
func (s *Store) String() string { return "redisstore " + s.options.Prefix }

// Features tells what the options declare.
func (s *Store) Features() satra.Features {
	return satra.Features{
		Name: "redis", Durable: s.options.Durable, Shared: true,
		MaxRecord: s.options.MaxRecord, Retention: s.options.Retention,
	}
}

// Now is the server's clock.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	call, cancel := s.bounded(ctx)
	defer cancel()
	parts, err := s.time(call).AsStrSlice()
	if err != nil {
		return time.Time{}, fault(call, err)
	}
	if len(parts) != 2 {
		return time.Time{}, fmt.Errorf("redisstore: TIME answered %d parts", len(parts))
	}
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	micros, err2 := strconv.ParseInt(parts[1], 10, 64)
	return time.Unix(seconds, micros*1000).UTC(), errors.Join(err, err2)
}

// Sessions are spread by the first bits of their IDs, so that the shards in
// order are the IDs in order; principals by a hash of their names.
const shards = 64

func shardOf(id satra.ID) int { return int(id[0]) * shards / 256 }

func shardOfName(name string) int {
	h := uint32(2166136261) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return int(h>>16^h) % shards
}

const hexDigits = "0123456789abcdef"

// key returns a key of a shard. What stands in braces chooses its slot.
func (s *Store) key(shard int, rest string) string {
	return s.options.Prefix + "{" + string([]byte{hexDigits[shard>>4], hexDigits[shard&15]}) + "}" + rest
}

func (s *Store) recordKey(id satra.ID) string    { return s.key(shardOf(id), "s:"+id.String()) }
func (s *Store) indexKey(shard int) string       { return s.key(shard, "sessions") }
func (s *Store) epochsKey(shard int) string      { return s.key(shard, "epochs") }
func (s *Store) principalKey(name string) string { return s.key(shardOfName(name), "p:"+name) }
func (s *Store) everybodyKey() string            { return s.options.Prefix + "everybody" }
func (s *Store) channel() string                 { return s.options.Prefix + "ended" }
