package main

import (
	"fmt"
	"strings"

	"github.com/satra-sessions/satra/cmd/internal/storename"
)

// parseStore reads the name of a store that this program can reach.
func parseStore(text string) (storename.Name, error) {
	name, err := storename.Parse(text, "data")
	switch {
	case err != nil:
		return name, fmt.Errorf("%q: %w; a store is, for example, %s", storename.Redact(text), err, right)
	case name.Kind == "memory":
		return name, fmt.Errorf("%q: the sessions of another program's memory cannot be reached", text)
	}
	return name, nil
}

// right tells what a right name looks like.
const right = "sqlite:./data/sessions.db, redis://user:password@localhost:6379/0 or postgres://user:password@localhost:5432/app"

// oneLine is an error in one line: drivers like several.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
