package settings_test

import (
	"fmt"
	"os"

	"github.com/satra-sessions/satra/cmd/dashboard/settings"
)

func ExampleLoad() {
	environ := []string{"SESSION_TIMEOUT=90m"}
	s, err := settings.Load([]string{"-addr", "localhost:9000"}, environ, os.ReadFile)
	fmt.Println(s.Addr, s.SessionTimeout, s.CookieSecure(), err)

	_, err = settings.Load([]string{"-adr", ":9000"}, nil, os.ReadFile)
	fmt.Println(err)
	// Output:
	// localhost:9000 1h30m0s false <nil>
	// settings: -adr: there is no such flag; did you mean -addr?
}
