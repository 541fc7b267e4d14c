package backend_test

import (
	"strings"
	"testing"

	"github.com/satra-sessions/satra/cmd/internal/backend"
	"github.com/satra-sessions/satra/cmd/internal/storename"
	"github.com/satra-sessions/satra/internal/testserver"
)

func open(t *testing.T, text string) (*backend.Store, error) {
	t.Helper()
	name, err := storename.Parse(text, t.TempDir())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return backend.Open(t.Context(), name)
}

func TestAClusterAndSentinelsAreOpenedByName(t *testing.T) {
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{})
	sentinel := testserver.StartRedisSentinel(t, "main")
	for _, name := range []string{
		"redis+cluster://" + cluster.Primaries[0].Addr() + "," + cluster.Primaries[1].Addr(),
		"redis+sentinel://" + sentinel.Addr() + "/main",
	} {
		s, err := open(t, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := s.Principal(t.Context(), "alice"); err != nil {
			t.Errorf("%s: Principal: %v", name, err)
		}
		if !strings.HasPrefix(s.Summary, name+",") || len(s.Notes) == 0 { // these servers keep nothing
			t.Errorf("%s: the summary is %q, the notes are %q", name, s.Summary, s.Notes)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
	}
}

func TestAWrongRedisAddressIsRefusedWithARightOne(t *testing.T) {
	for name, want := range map[string]string{
		"redis://app:hush@a,b":             "for a Cluster write redis+cluster://",
		"redis+cluster://app:hush@a:1/7":   "for example redis+cluster://user:password@10.0.0.1:6379",
		"redis+sentinel://app:hush@a:1":    "for example redis+sentinel://user:password@10.0.0.1:26379",
		"rediss+sentinel://app:hush@a/m/x": "for example redis+sentinel://user:password@10.0.0.1:26379",
		"redis://app:hush":                 "for example redis://user:password@localhost:6379/0",
	} {
		s, err := open(t, name)
		if err == nil {
			s.Close()
			t.Errorf("%s: got no error", name)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got error %v, want one that says %q and no password", name, err, want)
		}
	}
}
