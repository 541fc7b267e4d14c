// Package bench measures Satra beside the session and CSRF packages that Go
// programs use most. It is a module of its own, so that nobody who adds Satra
// gets them along. From this folder:
//
//	go test -run '^$' -bench . -count 6 | tee new.txt
//	go run . new.txt   # the table of the README
//
// Every benchmark is a whole request through the package's middleware, on the
// package's own store in memory, without a network.
package main
