// Package audit keeps a log of what happened to sessions, so that it can be
// shown afterwards that nobody has changed it.
package audit
