// Package redisstore keeps sessions in Redis, for as many processes as there
// are: Redis 6.2 or newer, one primary or a Cluster, or a server that speaks the
// same.
//
//	store, err := redisstore.Open(ctx, "redis://user:password@host:6379/0", nil)
//	…
//	defer store.Close()
//	sessions, err := satra.New(store, nil)
//
// # What is kept
//
// A session is one string: a header of fixed width, what is known of the
// session, its values. Finding it is a GET, a change is one script that merges
// key by key, and a touch rewrites eight bytes of the header. Sessions are
// spread over 64 shards by their first bits; a shard's keys are in one slot of a
// Cluster, and no command reaches further. A shard has an index of its sessions,
// by which they are listed and pruned: nothing ever uses KEYS or SCAN.
//
// A principal is one hash: its epoch, whether it is disabled, and its sessions.
// To sign in, a session reserves a place there, is bound, and confirms: three
// commands, and only then is the new token given out. What a crash leaves
// between two of them is finished by whoever signs in, lists or ends next.
//
// # What it costs
//
// A find, a touch, a commit and an end are one command each, a sign-in is four
// with [satra.BeginSignIn]. At its limit a sign-in looks at the principal's
// other sessions first, with one command more (on a Cluster one for each of
// their shards), and ends the oldest with one each. Rare changes (renewal by age
// and what belongs to it) are two, and more while others change the same
// session. A change that moves a signed-in session's absolute end is three. An
// import is two commands, and four when its principal has one session more by it. A
// page of the disabled principals is one command for each shard, sent together.
//
// # The read cache
//
// [Options.Cache] keeps records that were read lately, for routes that are declared
// by [satra.FromCache]. They are read on a connection of their own, on which the
// server tells of every change to them (CLIENT TRACKING), and go when it does; when
// that connection is lost, all go. A record is used while it is at most a second old
// and the server was heard on the connection within the last second. So a cached
// find may tell what was true a second ago, if the line is silent, and a few
// milliseconds ago if it is not; what this store itself has changed, or has found
// since, it tells at once. An unknown session is never kept.
//
// A connection that is made anew may lead to another server, behind an address that
// moved: then the cache rests until a write by that connection was told of on the
// line. The server remembers who has read what, up to its tracking-table-max-keys.
//
// # The audit log
//
// A Store is a sink of package audit. All rows are in one sorted set, by writer and
// Seq: the chains are listed from the rows themselves. Further sets have them in the
// order of time, all and those of one principal, address, session and kind. The log is
// in one slot, and an append is one command, whatever the number of its rows. Nothing
// of it expires: only retention removes rows. See docs/stores.md for what it takes of
// the server.
//
// # How long it is kept
//
// A session that is over goes [Options.Retention] later, by the server's own
// expiry. One that never expires has none. A principal's hash lasts as long as
// its sessions may, and while it is disabled; a shard has the names of those that
// are. Two small keys for each shard, and one for everybody, stay.
//
// # What it survives
//
// The operator declares it: see [Options.Durable]. The store looks at the
// server's settings when it is opened, refuses a declaration that they
// contradict, and tells in [Store.Findings] what it found. A failover to an
// asynchronous replica can lose changes that were acknowledged, ends included.
package redisstore
