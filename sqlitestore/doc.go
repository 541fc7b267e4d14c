// Package sqlitestore keeps sessions in one SQLite file, without cgo and without
// a server: the store for an application that runs on one machine.
//
//	store, err := sqlitestore.Open("/var/lib/app/sessions.db", nil)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	sessions, err := satra.New(store, nil)
//
// # What an answer means
//
// A change is acknowledged when it is on the disk: the file is in WAL mode with
// synchronous=FULL, and Open reads back that it is. All changes that wait
// are written in one transaction, so that many requests share the cost of one
// fsync. A touch, which notes activity and does nothing else, is the exception:
// it is acknowledged at once and written within a second, and a power cut may
// lose it.
//
// # Several processes
//
// Any number of processes may open the same file of a local disk. Changes are
// exact among them: whoever signs in, ends, renews or updates does so on what the
// file holds. Reads come from a cache that this process's own changes
// keep exact, and that is at most 50 ms behind what another process wrote. With
// [Options.Shared] every read that has to be fresh reads the file, and only
// then does the store declare that processes share it. SQLite's locks do not
// work on network file systems: share a redisstore or pgstore between machines.
//
// # How many
//
// The file is bounded, by [Options.Capacity]: a flood of anonymous sessions takes
// half of it at most, and lets the least recently used of them go, never one that
// is signed in. Processes that share a file count together. [Store.Stats] tells
// how full it is.
//
// # The file
//
// The file, and the -wal and -shm files beside it, can be read by its owner only. They
// hold the sessions' values and the hashes of their tokens, never a token. A
// file that is damaged, belongs to another program or was written by a newer
// version is left as it is, and Open says so. [Store.Backup] copies the file
// while it is in use. To restore a copy, stop the program, remove the -wal and
// -shm files and put the copy in the place of the file. Space that is free again
// is used again; the file does not shrink. A program that uses the file must not
// open and close it by other means than SQLite: on Unix that gives up
// SQLite's locks.
package sqlitestore
