package settings

import (
	"strings"
	"testing"
)

func TestRefused(t *testing.T) {
	const addrRight = "; right is host:port such as 127.0.0.1:8080 or [::1]:8080, or :8080 for all addresses"
	const timeRight = "; right is seconds such as 3600 or a duration such as 90m, from 1s to 720h"
	const originRight = "; right is https://host or https://host:port, without a path; http:// only for localhost and loopback addresses"
	for _, c := range []struct{ flags, want string }{
		{"-sesion-timeout 5", "-sesion-timeout: there is no such flag; did you mean -session-timeout?"},
		{"-session_timeout 5", "-session_timeout: there is no such flag; did you mean -session-timeout?"},
		{"-Addr=:1", "-Addr: there is no such flag; did you mean -addr?"},
		{"-colour red", "-colour: there is no such flag"},
		{"-x", "-x: there is no such flag"},
		{"start", `"start" is not a flag; settings are given as -name value, see -h`},
		{"--", `"--" is not a flag; settings are given as -name value, see -h`},
		{"-store", "-store: a value is missing; right is sqlite, "},
		{"-store -log-level debug", "-store: a value is missing; right is sqlite, "},
		{"-log-level debug -log-level info", "-log-level is given twice; right is once"},
		{"-addr=", "-addr: an empty value is not host:port" + addrRight},
		{"-addr 8080", `-addr: "8080" is not host:port` + addrRight},
		{"-addr localhost:http", `-addr: "localhost:http" is without a port from 0 to 65535` + addrRight},
		{"-addr localhost:65536", `-addr: "localhost:65536" is without a port from 0 to 65535` + addrRight},
		{"-addr localhost:+80", `-addr: "localhost:+80" is without a port from 0 to 65535` + addrRight},
		{"-addr 127.0.0.256:80", `-addr: "127.0.0.256:80" is without the name or the address of a host` + addrRight},
		{"-data-dir=", "-data-dir: an empty value is not enough; right is the name of a directory such as ./data"},
		{"-store memory:8", `-store: "memory:8" is memory and more; right is sqlite, `},
		{"-store mongodb://app:hush@db:6379", `-store: "mongodb://app:[redacted]@db:6379" is not the name of a store; right is sqlite, `},
		{"-session-timeout soon", `-session-timeout: "soon" is not a duration` + timeRight},
		{"-session-timeout 0", `-session-timeout: "0" is too short` + timeRight},
		{"-session-timeout -5", `-session-timeout: "-5" is too short` + timeRight},
		{"-session-timeout 0.5", `-session-timeout: "0.5" is not a duration` + timeRight},
		{"-session-timeout 1500ms", `-session-timeout: "1500ms" is not in whole seconds` + timeRight},
		{"-session-timeout 2592001", `-session-timeout: "2592001" is too long` + timeRight},
		{"-session-timeout 9223372036854775807", `-session-timeout: "9223372036854775807" is too long` + timeRight},
		{"-session-lifetime 8785h", `-session-lifetime: "8785h" is too long; right is seconds such as 3600 or a duration such as 90m, from 1s to 8784h`},
		{"-cookie-secure true", `-cookie-secure: "true" is not a choice; right is auto, on or off`},
		{"-public-origin dash.example", `-public-origin: "dash.example" is not an origin` + originRight},
		{"-public-origin ftp://dash.example", `-public-origin: "ftp://dash.example" is not an origin` + originRight},
		{"-public-origin https://dash.example/", `-public-origin: "https://dash.example/" is more than an origin` + originRight},
		{"-public-origin https://dash.example?", `-public-origin: "https://dash.example?" is more than an origin` + originRight},
		{"-public-origin https://dash.example#", `-public-origin: "https://dash.example#" is more than an origin` + originRight},
		{"-public-origin https://u:hush@dash.example", `-public-origin: "https://u:[redacted]@dash.example" is more than an origin` + originRight},
		{"-public-origin https://:443", `-public-origin: "https://:443" is without a valid host` + originRight},
		{"-public-origin https://सत्र.example", `-public-origin: "https://सत्र.example" is without a valid host` + originRight},
		{"-public-origin https://1.2.3", `-public-origin: "https://1.2.3" is without a valid host` + originRight},
		{"-public-origin https://dash.example:", `-public-origin: "https://dash.example:" is without the port after its colon` + originRight},
		{"-public-origin https://dash.example:0", `-public-origin: "https://dash.example:0" is without a valid port` + originRight},
		{"-public-origin http://dash.example", `-public-origin: "http://dash.example" is not encrypted` + originRight},
		{"-trusted-proxies 0.0.0.0/0", `-trusted-proxies: "0.0.0.0/0" is wrong: "0.0.0.0/0" is everybody, and everybody could then claim any address; right is`},
		{"-trusted-proxies ::ffff:0.0.0.0/96", `"::ffff:0.0.0.0/96" is everybody`},
		{"-trusted-proxies 10.0.0.1/8", `"10.0.0.1/8" has bits behind its length, perhaps 10.0.0.0/8 is meant; right is`},
		{"-trusted-proxies ::1,proxy", `"proxy" is neither an address nor a network; right is addresses and networks with commas between, such as 10.0.0.0/8,192.0.2.7`},
		{"-trusted-proxies ::1,", `an empty value is neither an address nor a network`},
		{"-tls-cert c", "tls-cert is given without tls-key; right is both or neither"},
		{"-tls-key k", "tls-key is given without tls-cert; right is both or neither"},
		{"-insecure-listen=yes", `-insecure-listen: "yes" is neither true nor false; right is true or false`},
		{"-log-format xml", `-log-format: "xml" is not a format; right is text or json`},
		{"-log-level DEBUG", `-log-level: "DEBUG" is not a level; right is debug, info, warn or error`},
		{"-config none.json", `-config: "none.json" cannot be read: file does not exist`},
	} {
		_, err := load(c.flags, nil, "")
		if err == nil || !strings.HasPrefix(err.Error(), "settings: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got the error %v\nwant one line with %s", c.flags, err, c.want)
		}
	}
}

func TestFileRefused(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "c.json, line 1, column 1: the file is empty; right is at least {}"},
		{"[]", `c.json, line 1, column 1: the file is a list; right is an object such as {"addr": "127.0.0.1:8080"}`},
		{"{\n \"session_timeout\": 5}", `c.json, line 2, column 2: unknown key "session_timeout"; did you mean session-timeout?`},
		{`{"colour": 5}`, `c.json, line 1, column 2: unknown key "colour"`},
		{`{"addr": ":1", "addr": ":2"}`, `c.json, line 1, column 16: the key "addr" is given twice`},
		{`{} {}`, "c.json, line 1, column 4: invalid character '{' after the end of the object"},
		{`{"addr": 8080}`, `c.json, line 1, column 10: "addr" is a number; right is a text in quotes: host:port`},
		{`{"addr": null}`, `c.json, line 1, column 10: "addr" is null; right is a text in quotes: host:port`},
		{`{"insecure-listen": "true"}`, `"insecure-listen" is a text in quotes; right is true or false: true or false`},
		{`{"session-timeout": true}`, `"session-timeout" is true or false; right is a number or a text in quotes: seconds such as 3600`},
		{`{"session-timeout": 1e3}`, `c.json, line 1, column 21: session-timeout: "1e3" is not a duration; right is`},
		{`{"trusted-proxies": [1]}`, `"trusted-proxies" is a list; right is a list of texts or a text in quotes: addresses`},
		{`{"trusted-proxies": ["::1,::2"]}`, `"trusted-proxies" is a list; right is a list of texts`},
		{`{"config": "d.json"}`, `c.json, line 1, column 2: "config" cannot stand in the file; right is the flag -config`},
		{`{"print-config": true}`, `"print-config" cannot stand in the file; right is the flag -print-config`},
	} {
		_, err := load("-config c.json", nil, c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got the error %v\nwant one line with %s", c.file, err, c.want)
		}
	}
}

// A wrong value counts even where a flag overrides it: it is there to be used
// when the flag is not.
func TestOverriddenValuesAreChecked(t *testing.T) {
	_, err := load("-config c.json -log-level info", []string{"LOG_LEVEL=loud"}, `{"log-level": "quiet"}`)
	for _, want := range []string{`c.json, line 1, column 15: log-level: "quiet" is not a level`, `LOG_LEVEL (environment): "loud" is not a level`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want one with %s", err, want)
		}
	}
}

func TestMisspeltEnvironment(t *testing.T) {
	for _, c := range []struct{ name, problem, warning string }{
		{"SESSION_TIMOUT", "SESSION_TIMOUT (environment): there is no such setting; did you mean SESSION_TIMEOUT?", ""},
		{"SESSION_COOKIE_SECRUE", "did you mean SESSION_COOKIE_SECURE?", ""},
		{"DASHBOARD_ADR", "did you mean DASHBOARD_ADDR?", ""},
		{"PUBLIC_ORIGN", "", "PUBLIC_ORIGN (environment) is no setting and not used; perhaps PUBLIC_ORIGIN is meant"},
		{"DASHBOARD_PORT", "", "DASHBOARD_PORT (environment) is no setting and not used"},
		{"SESSION_MANAGER", "", ""}, // every Linux desktop has it
		{"XDG_SESSION_ID", "", ""},
		{"PATH", "", ""},
		{"", "", ""},
	} {
		s, err := load("", []string{c.name + "=x"}, "")
		switch {
		case c.problem != "":
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: got the error %v, want %s", c.name, err, c.problem)
			}
		case err != nil:
			t.Errorf("%s: got the error %v, want none", c.name, err)
		case strings.Join(s.Warnings, "\n") != c.warning:
			t.Errorf("%s: got the warnings %q, want %q", c.name, s.Warnings, c.warning)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"addr", "addr", 0}, {"adr", "addr", 1}, {"addrr", "addr", 1}, {"adrd", "addr", 1}, {"axxr", "addr", 2}, {"", "addr", 4}, {"addr", "", 4}} {
		if got := distance(c.a, c.b, 9); got != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if got := distance(strings.Repeat("a", 1<<20), "addr", 3); got != 3 {
		t.Errorf("a long word: got %d, want the limit", got)
	}
}
