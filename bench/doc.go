// Package bench measures Satra beside the session and CSRF packages that Go
// programs use most. It is a module of its own, so that nobody who adds Satra
// gets them along. From this folder:
//
//	go test -run '^$' -bench . -count 6 | tee new.txt
//	go run . new.txt   # the table of the README
//
// Every benchmark but those of the stores is a whole request through the package's
// middleware, on the package's own store in memory, without a network.
//
//	go test -run '^$' -bench Stores -benchtime 200ms -count 3 | tee stores.txt
//	go run . stores.txt   # the tables of docs/stores.md
//
// These start Redis and PostgreSQL, and take some minutes. Command million fills
// each store with a million sessions.
package main
