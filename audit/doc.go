// Package audit keeps a log of what happened to sessions, so that it can be shown
// afterwards what happened, and that nobody has changed the record.
//
//	keys, err := audit.ReadKeys("/etc/app/audit-keys")     // not where the log is
//	log, err := audit.Open(ctx, store, &audit.Options{Keys: keys})
//	sessions, err := satra.New(store, &satra.Options{
//		Observers: []func(context.Context, satra.Event){log.Observe},
//		Before:    log.Before,
//	})
//
// # What it promises
//
// Each process writes a chain: an entry holds a MAC over all of itself and that of
// the entry before it, under a key that the database does not have. The chains name
// each other's ends, and a [Checkpoints] in another place names them too. [Reader.Verify]
// finds and locates an entry that was changed, removed, moved or added, an end that
// was cut off, and a chain that is gone. A process that is killed leaves nothing to
// repair: the next one begins a chain of its own.
//
// What happened to sessions is never missing: while the sink fails, entries wait, and
// when too many do, sign-ins are refused; ends go on. What anybody can cause without a
// session (unknown tokens, refused forms) is counted together, by network, and may
// be missing when there is no room; an entry tells how many.
//
// What an entry tells of a person is encrypted under a key of that person's, which
// [Log.Erase] throws away; indexes are keyed hashes. So the database alone names
// nobody, and what was erased is gone while the chain stays verifiable.
//
// # What it does not
//
// Whoever has the keys can write a log that verifies. What was never recorded, because
// the program itself was changed, is not to be found. Entries after the last that a
// checkpoint or another chain has named, of a minute as a rule, can be cut off unseen.
package audit
