package storename_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/internal/storename"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]storename.Name{
		"memory":                  {Kind: "memory"},
		"sqlite":                  {Kind: "sqlite", Path: filepath.Join("data", "sessions.db")},
		"sqlite:/var/x.db":        {Kind: "sqlite", Path: "/var/x.db"},
		"sqlite:x.db?shared=1":    {Kind: "sqlite", Path: "x.db", Shared: true},
		"redis://localhost":       {Kind: "redis", URL: "redis://localhost"},
		"rediss://h:1/0":          {Kind: "redis", URL: "rediss://h:1/0"},
		"redis+cluster://h:1,h:2": {Kind: "redis", URL: "redis+cluster://h:1,h:2"},
		"rediss+cluster://u:p@h":  {Kind: "redis", URL: "rediss+cluster://u:p@h"},
		"redis+sentinel://h/m/0":  {Kind: "redis", URL: "redis+sentinel://h/m/0"},
		"rediss+sentinel://h/m":   {Kind: "redis", URL: "rediss+sentinel://h/m"},
		"postgres://localhost/db": {Kind: "postgres", URL: "postgres://localhost/db"},
		"postgresql://u@h/db":     {Kind: "postgres", URL: "postgresql://u@h/db"},
	} {
		if got, err := storename.Parse(text, "./data"); got != want || err != nil {
			t.Errorf("%s: got %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestWrongNames(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "not the name of a store",
		"mongodb://u:hush@h":              "not the name of a store",
		"Memory":                          "not the name of a store",
		"memory:8":                        "memory and more",
		"sqlite:":                         "without the path",
		"sqlite:///x":                     "without the path",
		"sqlite:x.db?mode=memory":         "shared=1",
		"redis:localhost":                 "without its address",
		"redis://":                        "without its address",
		"redis+cluster://":                "without its address",
		"redis+sentinel:h":                "without its address",
		"redis+ring://u:hush@h":           "not the name of a store",
		"postgres+cluster://u:hush@h":     "not the name of a store",
		"postgres:user=x password=hush":   "without its address",
		"postgres user=x password=hush@h": "not the name of a store",
	} {
		_, err := storename.Parse(text, "./data")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: got error %v, want one that says %q and no password", text, err, want)
		}
	}
}

func TestANameIsShownWithoutItsPassword(t *testing.T) {
	for _, text := range []string{"memory", "sqlite:x.db", "sqlite:x.db?shared=1", "redis://u@h:1/0"} {
		n, err := storename.Parse(text, ".")
		if err != nil || n.String() != text {
			t.Errorf("got %s, %v; want %s", n, err, text)
		}
	}
	n, _ := storename.Parse("postgres://u:hush@h/db?sslpassword=hush", ".")
	if got, want := n.String(), "postgres://u:[redacted]@h/db?sslpassword=[redacted]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRedact(t *testing.T) {
	for value, want := range map[string]string{
		"redis://u:p@h":               "redis://u:[redacted]@h",
		"redis://:p@h:1/0":            "redis://:[redacted]@h:1/0",
		"pg://u:a/b?c#d@e:f@h/db":     "pg://u:[redacted]@h/db",
		"pg://u:p%zz\n@h":             "pg://u:[redacted]@h",
		"pg://h/db?Password=x&a=b":    "pg://h/db?Password=[redacted]&a=b",
		"host=h password=x user=u":    "host=h password=[redacted] user=u",
		"redis://u@h":                 "redis://u@h",
		"https://dash.example:8443":   "https://dash.example:8443",
		"/home/me/data":               "/home/me/data",
		"redis+cluster://u:p@a:1,b:2": "redis+cluster://u:[redacted]@a:1,b:2",
		"redis+cluster://a:1,b:2":     "redis+cluster://a:1,b:2",
		"redis+sentinel://u:p@a:1/main?sentinel_user=s&sentinel_password=p": "redis+sentinel://u:[redacted]@a:1/main?sentinel_user=s&sentinel_password=[redacted]",
		"redis://u:p":                   "redis://u:[redacted]", // the @ and the host forgotten
		"redis://u:6p/0":                "redis://u:[redacted]/0",
		"redis://[::1]:6379/0":          "redis://[::1]:6379/0",
		"https://[2001:db8::1]:443/@me": "https://[2001:[redacted]@me", // rather too much than too little
	} {
		if got := storename.Redact(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}
