package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
)

func TestAddressesAreRead(t *testing.T) {
	for url, want := range map[string]string{
		"redis://localhost":                                               "localhost:6379 db 0 user \"\" password \"\" TLS \"\"",
		"redis://:pass@10.0.0.1:7000/3":                                   "10.0.0.1:7000 db 3 user \"\" password \"pass\" TLS \"\"",
		"rediss://me:p%40s%2Fs@db.example:6380":                           "db.example:6380 db 0 user \"me\" password \"p@s/s\" TLS \"db.example\"",
		"redis://me:a@b:c@[::1]:7000/":                                    "[::1]:7000 db 0 user \"me\" password \"a@b:c\" TLS \"\"",
		"redis+cluster://a:1,b:2,c":                                       "a:1,b:2,c:6379 db 0 user \"\" password \"\" TLS \"\" Cluster",
		"rediss+cluster://me:p@a/0":                                       "a:6379 db 0 user \"me\" password \"p\" TLS \"each\" Cluster",
		"redis+sentinel://me:p@a,b:2/main/3":                              "a:26379,b:2 db 3 user \"me\" password \"p\" TLS \"\" of main, signed in as \"\" \"\"",
		"rediss+sentinel://a/x%2Fy?sentinel_user=s&sentinel_password=%40": "a:26379 db 0 user \"\" password \"\" TLS \"each\" of x/y, signed in as \"s\" \"@\"",
	} {
		o, err := parseURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		name := ""
		if o.TLSConfig != nil {
			if name = o.TLSConfig.ServerName; name == "" {
				name = "each"
			}
		}
		got := fmt.Sprintf("%s db %d user %q password %q TLS %q", strings.Join(o.InitAddress, ","), o.SelectDB, o.Username, o.Password, name)
		if o.cluster {
			got += " Cluster"
		}
		if m := o.Sentinel; m.MasterSet != "" {
			got += fmt.Sprintf(" of %s, signed in as %q %q", m.MasterSet, m.Username, m.Password)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

func TestWrongAddressesAreRefusedWithoutTheirPassword(t *testing.T) {
	const secret = "hunter2"
	for _, url := range []string{
		"", "localhost:6379", "http://me:hunter2@host", "me:hunter2@host:1", "redis://me:hunter2@", "redis://me:hunter2@host:port",
		"redis://me:hunter2@host:1/one", "redis://me:hunter2%@host", "redis://me:hunter2@host:1/0/1", "redis://me:hunter2@host:70000",
		"redis://me:hunter2@host?x=1", "redis+cluster://me:hunter2@a:1,,b:2", "REDIS://me:hunter2@host", "redis+http://me:hunter2@host",
		"redis://me:hunter2@a,b", "redis+cluster://me:hunter2@a,b/1", "redis+sentinel://me:hunter2@a,b", "redis+sentinel://me:hunter2@a/m/x",
		"redis+sentinel://me:hunter2@a/m?password=hunter2", "redis+sentinel://me:hunter2@a/m/0?sentinel_password=%hunter2", "redis+sentinel:///m",
		// with the host forgotten, or the @
		"redis://me:hunter2", "redis://hunter2:6379x", "redis://me:1/hunter2", "redis+cluster://me:hunter2", "redis+sentinel://a/m/hunter2",
	} {
		s, err := Open(t.Context(), url, nil)
		if err == nil {
			s.Close()
			t.Errorf("%q: got no error", url)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error tells the password: %v", url, err)
		}
		if !strings.Contains(err.Error(), "://user:password@") && !strings.Contains(err.Error(), "%25") {
			t.Errorf("%q: the error does not say what would be right: %v", url, err)
		}
	}
}

func TestThePasswordIsNeverTold(t *testing.T) {
	server := testserver.StartRedis(t, false, "--requirepass", "hunter2")
	right := "redis://:hunter2@" + server.Addr()
	k := openKit(t, right, Options{})
	k.create(nil)
	for _, text := range []string{fmt.Sprint(k.Store), k.Store.String(), fmt.Sprintf("%+v", k.Findings())} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the store tells the password: %.200s", text)
		}
	}
	_, err := Open(t.Context(), "redis://:hunter3@"+server.Addr(), nil)
	if err == nil || strings.Contains(err.Error(), "hunter") || !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("Open with a wrong password: got error %v, want ErrUnavailable without it", err)
	}
}

func TestProblemsWithTheOptionsComeAtOnce(t *testing.T) {
	_, err := Open(t.Context(), "nowhere", &Options{Prefix: "a{b}", Timeout: -1, Retention: time.Minute, MaxRecord: -1, Durable: 9})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, name := range []string{"address", "Prefix", "Timeout", "Retention", "MaxRecord", "Durable"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

func TestOpenOfNoServerIsUnavailable(t *testing.T) {
	server := testserver.StartRedis(t, false)
	server.Kill()
	if _, err := Open(t.Context(), server.URL(), nil); !errors.Is(err, satra.ErrUnavailable) {
		t.Errorf("got error %v, want ErrUnavailable", err)
	}
}

func TestWhatTheServerContradictsCannotBeDeclared(t *testing.T) {
	lax := testserver.StartRedis(t, false, "--maxmemory-policy", "allkeys-lru")
	_, err := Open(t.Context(), lax.URL(), &Options{Durable: satra.DurablePower})
	for _, want := range []string{"appendonly", "appendfsync", "maxmemory-policy"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("DurablePower on a server that keeps nothing: the error does not name %s: %v", want, err)
		}
	}
	k := openKit(t, lax.URL(), Options{})
	advice := map[string]string{}
	for _, f := range k.Findings() {
		advice[f.Setting] = f.Value + ": " + f.Advice
	}
	if !strings.HasPrefix(advice["maxmemory-policy"], "allkeys-lru: set it to noeviction") || !strings.HasPrefix(advice["redis_version"], "") {
		t.Errorf("Findings: %v", advice)
	}
	if k.Features().Durable != satra.DurableNot {
		t.Errorf("nothing was declared, and the features say %v", k.Features().Durable)
	}

	// A user that may not ask for the settings is believed, and told so.
	k.do("ACL", "SETUSER", "app", "on", ">pass", "~*", "&*", "+@all", "-config", "-info")
	app := openKit(t, "redis://app:pass@"+lax.Addr(), Options{Durable: satra.DurablePower})
	if f := app.Findings(); len(f) != 4 || f[0].Value != "" || f[1].Value != "" || !strings.Contains(f[1].Advice, "CONFIG GET") {
		t.Errorf("Findings of a user that may not look: %+v", f)
	}

	strict := testserver.StartRedis(t, true)
	for _, f := range openKit(t, strict.URL(), Options{Durable: satra.DurablePower}).Findings() {
		if f.Advice != "" || f.Value == "" {
			t.Errorf("a server that is as it should be: %+v", f)
		}
	}
}

func TestOldServersAreToldApart(t *testing.T) {
	for version, want := range map[string]bool{"5.0.14": true, "6.0.16": true, "6.2.0": false, "7.0.15": false, "10.1": false, "": false, "x.y": false} {
		if got := tooOld(version); got != want {
			t.Errorf("tooOld(%q): got %v, want %v", version, got, want)
		}
	}
}

func TestCloseEndsTheWatchers(t *testing.T) {
	k := newKit(t, testserver.StartRedis(t, false))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	first := make(chan satra.Notice, 1)
	go func() { over <- k.Watch(ctx, func(n satra.Notice) { first <- n }) }()
	<-first
	k.Close()
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: got error %v, want its context's", err)
	}
}
