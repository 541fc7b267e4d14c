package backend

import (
	"context"
	"fmt"

	"github.com/satra-sessions/satra/cmd/internal/storename"
	"github.com/satra-sessions/satra/pgstore"
	"github.com/satra-sessions/satra/redisstore"
	"github.com/satra-sessions/satra/sqlitestore"
)

// A Finding is what Inspect found out about a store.
type Finding struct {
	Setting string // "reachable", "schema", …
	Value   string
	Advice  string // what to do about it; "" if nothing
}

// Inspect looks at a store without changing it. Its errors hold no password.
func Inspect(ctx context.Context, n storename.Name) (all []Finding, err error) {
	switch n.Kind {
	case "sqlite":
		found, err := sqlitestore.Inspect(ctx, n.Path, nil)
		for _, f := range found {
			all = append(all, Finding(f))
		}
		return all, err
	case "redis":
		found, err := redisstore.Inspect(ctx, n.URL, nil)
		for _, f := range found {
			all = append(all, Finding(f))
		}
		return all, err
	case "postgres":
		found, err := pgstore.Inspect(ctx, n.URL, nil)
		for _, f := range found {
			all = append(all, Finding(f))
		}
		return all, err
	}
	return nil, fmt.Errorf("a store of the kind %q cannot be looked at from outside", n.Kind)
}
