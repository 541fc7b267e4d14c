// Package pgstore keeps sessions in PostgreSQL (12 or newer), for many processes
// and for what has to survive a power cut.
//
//	store, err := pgstore.Open(ctx, "postgres://satra@db.example.com:5432/app?sslmode=verify-full", nil)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	sessions, err := satra.New(store, nil)
//
// The tables are made by Open, in a schema of their own ("satra"), and brought
// up to date by it: any number of nodes may do so at once. The database's role
// needs the right to create that schema, or an existing one that it owns.
//
// # What it costs
//
// A find, a commit, a touch and an end are one statement and one round trip
// each; a statement that a connection has not seen yet takes one more, once. A
// sign-in takes one for its epoch and two for itself, whatever it ends; a renewal
// takes two, and so does, on top, a change that is refused: to be told why. A touch
// does not wait for the disk: a power cut or a crash of the server may lose the last
// of them, and loses nothing else that was acknowledged.
//
// # Behind a connection pooler
//
// Nothing depends on the state of a connection, so that a pooler like PgBouncer
// may hand out connections by transaction: say so with Options.Pooled. Ends are
// announced by LISTEN, which such a pooler cannot do: Options.WatchURL is then the
// address of the server itself. Open refuses a pooler that it was not told of, and a
// WatchURL that hears nothing.
//
// # What the server has to be
//
// A primary. With fsync or full_page_writes off the store declares that it
// survives no power cut, with synchronous_commit off that it is not durable at all;
// [Store.Check] says which setting it is.
package pgstore
