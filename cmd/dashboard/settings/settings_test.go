package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
)

// files answers for os.ReadFile.
func files(content map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := content[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

// load reads flags as one would type them, an environment, and the content of
// the file c.json.
func load(flags string, environ []string, file string) (*Settings, error) {
	return Load(strings.Fields(flags), environ, files(map[string]string{"c.json": file}))
}

func TestDefaults(t *testing.T) {
	s, err := Load(nil, nil, nil)
	if err != nil {
		t.Fatalf("got the error %v, want none", err)
	}
	if s.Addr != "127.0.0.1:8080" || s.DataDir != "./data" || s.Store != "sqlite" || s.SessionTimeout != time.Hour || s.SessionLifetime != 12*time.Hour ||
		s.RenewAfter != 30*time.Minute || s.SessionLimit != 10 || s.Remember != 30*24*time.Hour || s.DailyEnd != (satra.DailyEnd{}) ||
		s.DatabaseName() != "sqlite:data/app.db" || s.SignUp != "auto" || s.AddAccount != "" ||
		s.SecureCookie != "auto" || s.PublicOrigin != "" || s.TrustedProxies != nil || s.TLS() || s.InsecureListen || s.MarketCalendar != "" ||
		s.LogFormat != "text" || s.LogLevel != slog.LevelInfo || s.Config != "" || s.PrintConfig || s.Warnings != nil {
		t.Errorf("got %+v", s)
	}
	if s.CookieSecure() {
		t.Error("got a secure cookie, want none on loopback without TLS and without a public origin")
	}
}

func TestPrecedence(t *testing.T) {
	file, env := `{"session-timeout": 100}`, []string{"SESSION_TIMEOUT=200"}
	for _, c := range []struct {
		flags  string
		env    []string
		want   time.Duration
		origin string
	}{
		{"", nil, time.Hour, "default"},
		{"-config c.json", nil, 100 * time.Second, "file c.json, line 1, column 21"},
		{"-config c.json", env, 200 * time.Second, "environment SESSION_TIMEOUT"},
		{"-config c.json -session-timeout 300", env, 300 * time.Second, "flag -session-timeout"},
		{"-session-timeout=300", nil, 300 * time.Second, "flag -session-timeout"},
		{"--session-timeout 300", nil, 300 * time.Second, "flag -session-timeout"},
		{"", []string{"DASHBOARD_CONFIG=c.json"}, 100 * time.Second, "file c.json, line 1, column 21"},
		{"-config=", []string{"DASHBOARD_CONFIG=c.json"}, time.Hour, "default"},
		{"-config c.json", []string{"SESSION_TIMEOUT="}, 100 * time.Second, "file c.json, line 1, column 21"}, // empty: not set
	} {
		s, err := load(c.flags, c.env, file)
		if err != nil {
			t.Errorf("%q %q: got the error %v, want none", c.flags, c.env, err)
		} else if s.SessionTimeout != c.want || s.origins["session-timeout"] != c.origin {
			t.Errorf("%q %q: got %v from %q, want %v from %q", c.flags, c.env, s.SessionTimeout, s.origins["session-timeout"], c.want, c.origin)
		}
	}
}

// shown counts the settings that -print-config shows.
func shown() (n int) {
	for i := range table {
		if table[i].show != nil {
			n++
		}
	}
	return n
}

// Each setting is understood in all three sources.
func TestEverySettingInEverySource(t *testing.T) {
	values := map[string]string{
		"addr": "[::1]:9000", "data-dir": "/srv/d", "store": "memory", "seal-keys": "env:KEYS", "session-timeout": "1h30m", "session-lifetime": "24h",
		"renew-after": "45m", "session-limit": "3", "remember": "48h", "daily-end": "06:00 Asia/Kolkata", "database": "sqlite:/srv/app.db", "signup": "closed",
		"audit": "sqlite:/srv/audit.db", "audit-keys": "k", "audit-heads": "h.jsonl", "audit-retention": "720h",
		"detection": "enforce", "detection-actions": "two_places=revoke", "detection-places": "places.csv", "alert-webhook": "https://alerts.example/…", "alert-webhook-secret": "s",
		"alert-mail": "a@example.com,b@example.com", "alert-mail-from": "d@example.com", "alert-mail-server": "smtps://mail.example.com", "alert-mail-user": "u", "alert-mail-password": "p",
		"cookie-secure": "on", "public-origin": "https://dash.example", "trusted-proxies": "10.0.0.0/8,::1", "tls-cert": "c.pem", "tls-key": "k.pem",
		"insecure-listen": "true", "market-calendar": "m.json", "log-format": "json", "log-level": "debug",
	}
	var args, environ, members []string
	for i := range table {
		d := &table[i]
		if d.notInFile {
			continue
		}
		v := values[d.name]
		args = append(args, "-"+d.name+"="+v)
		environ = append(environ, d.env+"="+v)
		text := fmt.Sprintf("%q", v)
		if d.isSwitch() {
			text = v
		}
		members = append(members, fmt.Sprintf("%q: %s", d.name, text))
	}
	read := files(map[string]string{"c.json": "{" + strings.Join(members, ",\n") + "}"})
	for source, in := range map[string][2][]string{"flags": {args, nil}, "environment": {nil, environ}, "file": {{"-config", "c.json"}, nil}} {
		s, err := Load(in[0], in[1], read)
		if err != nil {
			t.Errorf("%s: got the error %v, want none", source, err)
			continue
		}
		for name, want := range values {
			if got := find(name).show(s); got != want || s.origins[name] == byDefault {
				t.Errorf("%s: got %s %q from %s, want %q from there", source, name, got, s.origins[name], want)
			}
		}
	}
}

func TestFileForms(t *testing.T) {
	s, err := load("-config c.json", nil, `{"session-timeout": "90m", "session-lifetime": 86400, "insecure-listen": false,
		"trusted-proxies": ["10.0.0.0/8", "192.0.2.7", "::ffff:198.51.100.0/120"]}`)
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("198.51.100.0/24")}
	if s.SessionTimeout != 90*time.Minute || s.SessionLifetime != 24*time.Hour || s.InsecureListen || !slices.Equal(s.TrustedProxies, want) {
		t.Errorf("got %+v", s)
	}
	if got := s.Proxies(); !slices.Equal(got, []string{"10.0.0.0/8", "192.0.2.7/32", "198.51.100.0/24"}) {
		t.Errorf("got the proxies %q", got)
	}
}

func TestHelp(t *testing.T) {
	for _, flags := range []string{"-h", "--help", "-nonsense -h"} {
		if _, err := load(flags, nil, ""); !errors.Is(err, ErrHelp) {
			t.Errorf("%s: got the error %v, want ErrHelp", flags, err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := load("-config c.json -adr :1 -session-timeout soon positional", []string{"SESSION_STORE=redis", "SESSION_LIFETME=1"}, `{"log-level": 3, "tls-crt": "x"}`)
	var p *Problems
	if !errors.As(err, &p) || len(p.List) != 7 {
		t.Fatalf("got the error %v, want seven problems", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if lines[0] != "settings: 7 problems" || len(lines) != 8 {
		t.Errorf("got %q, want a line for each", lines)
	}
}

func TestPrintIsGolden(t *testing.T) {
	s, err := load("-config c.json -store=memory -data-dir=/srv/x -print-config", []string{"SESSION_TIMEOUT=5400", "PUBLIC_ORIGIN=https://Dash.Example:443"},
		"{\n  \"trusted-proxies\": [\"127.0.0.1\", \"10.0.0.0/8\"],\n  \"log-level\": \"warn\", \"tls-cert\": \"my cert.pem\", \"tls-key\": \"key\"\n}")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "print-config.txt", s.Print)
	if !s.PrintConfig {
		t.Error("got no PrintConfig, want it: the flag is there")
	}
}

func TestUsageIsGolden(t *testing.T) { golden(t, "usage.txt", Usage) }

// TestTheGuideHasEverySetting holds the table in the guide; -update writes it anew.
func TestTheGuideHasEverySetting(t *testing.T) {
	var table strings.Builder
	if err := Markdown(&table); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(table.String(), "\n")
	golden(t, "../../../../docs/guide.md", func(w io.Writer) error {
		guide, err := os.ReadFile("../../../docs/guide.md")
		if err != nil {
			return err
		}
		before, rest, _ := strings.Cut(string(guide), head)
		_, after, found := strings.Cut(rest, "\n\n")
		if !found {
			return errors.New("the guide has no table of settings")
		}
		_, err = io.WriteString(w, before+table.String()+"\n"+after)
		return err
	})
}

// The store may be the address of a database one day.
func TestPrintHidesPasswords(t *testing.T) {
	s, err := Load(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Store = "redis://app:pa:ss/w@rd@db.example:6379/0?password=hush"
	s.Database = "postgres://app:hush@db.example/app"
	s.MarketCalendar = "a\tb\x1b[31m\n"
	var b bytes.Buffer
	s.Print(&b)
	if got := b.String(); strings.Contains(got, "pa:ss") || strings.Contains(got, "rd@") || strings.Contains(got, "hush") || !strings.Contains(got, "redis://app:[redacted]@db.example:6379/0?password=[redacted]") {
		t.Errorf("got %s\nwant the address without its passwords", got)
	}
	if got := b.String(); strings.ContainsAny(got, "\x1b\t") || strings.Count(got, "\n") != shown() {
		t.Errorf("got %q, want control characters in quotes", got)
	}
}
