// Package storename reads the name of a store of sessions as settings and
// commands have it: "sqlite:./data/sessions.db", "redis://localhost:6379/0".
package storename

import (
	"errors"
	"path/filepath"
	"strings"
)

// Right tells what a right name looks like.
const Right = "sqlite, sqlite:./data/sessions.db, memory, redis://user:password@localhost:6379/0, " +
	"redis+cluster://user:password@10.0.0.1:6379,10.0.0.2:6379, redis+sentinel://user:password@10.0.0.1:26379,10.0.0.2:26379/mymaster, " +
	"rediss… for TLS or postgres://user:password@localhost:5432/app"

// A Name says which store is meant.
type Name struct {
	Kind   string // "memory", "sqlite", "redis" or "postgres"
	Path   string // sqlite: the file
	Shared bool   // sqlite: other processes use the file as well
	URL    string // redis and postgres: it may hold a password
}

// Parse reads a name. "sqlite" alone is sessions.db in the data directory. The
// errors say what text is, to stand behind it: "… is not the name of a store".
func Parse(text, dataDir string) (Name, error) {
	scheme, rest, more := strings.Cut(text, ":")
	switch scheme {
	case "memory":
		if more {
			return Name{}, errors.New("memory and more")
		}
		return Name{Kind: scheme}, nil
	case "sqlite":
		if !more {
			return Name{Kind: scheme, Path: filepath.Join(dataDir, "sessions.db")}, nil
		}
		return parseFile(rest)
	case "redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel":
		return parseServer("redis", text, rest)
	case "postgres", "postgresql":
		return parseServer("postgres", text, rest)
	}
	return Name{}, errors.New("not the name of a store")
}

// parseFile reads PATH[?shared=1].
func parseFile(rest string) (Name, error) {
	path, query, _ := strings.Cut(rest, "?")
	if path == "" || strings.HasPrefix(path, "//") {
		return Name{}, errors.New("sqlite: without the path of a file")
	}
	if query != "" && query != "shared=1" {
		return Name{}, errors.New("a file with more behind its ? than shared=1")
	}
	return Name{Kind: "sqlite", Path: path, Shared: query != ""}, nil
}

// parseServer looks at the form alone: the rest is for the store to say.
func parseServer(kind, text, rest string) (Name, error) {
	if !strings.HasPrefix(rest, "//") || len(rest) == len("//") {
		return Name{}, errors.New("a server without its address")
	}
	return Name{Kind: kind, URL: text}, nil
}

// String is the name without a password.
func (n Name) String() string {
	switch {
	case n.Kind == "sqlite" && n.Shared:
		return "sqlite:" + n.Path + "?shared=1"
	case n.Kind == "sqlite":
		return "sqlite:" + n.Path
	case n.URL != "":
		return Redact(n.URL)
	}
	return n.Kind
}
