package redisstore

import (
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/internal/testserver"
	"github.com/satra-sessions/satra/storetest"
)

// documented are the words of the first line of docs/stores.md that begins so.
func documented(t *testing.T, start string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, start) {
			return strings.Fields(line)
		}
	}
	t.Fatalf("docs/stores.md has no line that begins %q", start)
	return nil
}

// leastRights is how docs/stores.md makes the user of a store, as the user app
// with the password hunter2.
func leastRights(t *testing.T) []string {
	t.Helper()
	line := documented(t, "ACL SETUSER ")
	line[2] = "app"
	line[slices.Index(line, ">PASSWORD")] = ">hunter2"
	return line
}

// without returns the rules without one, and with more.
func without(rules []string, one string, more ...string) []string {
	rest := slices.DeleteFunc(slices.Clone(rules), func(s string) bool { return s == one })
	return append(rest, more...)
}

// set makes the user anew.
func set(server interface{ CLI(...string) string }, rules []string) {
	server.CLI("acl", "deluser", "app")
	server.CLI(rules...)
}

func TestTheLeastRightsAreEnough(t *testing.T) {
	server := testserver.StartRedis(t, false)
	set(server, leastRights(t))
	address := strings.Replace(server.URL(), "://", "://app:hunter2@", 1)
	prefixOf := map[satra.Store]string{}
	open := func(t storetest.TB, prefix string) satra.Store {
		t.Helper()
		s, err := Open(t.Context(), address, &Options{Prefix: prefix, MaxRecord: 2 << 20, Timeout: 20 * time.Second, Cache: 1 << 20})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(s.Close)
		prefixOf[s] = prefix
		return s
	}
	h := storetest.Harness{
		Open: func(t storetest.TB) satra.Store {
			server.CLI("flushall")
			return open(t, "satra:")
		},
		Node:   func(t storetest.TB, s satra.Store) satra.Store { return open(t, prefixOf[s]) },
		Rounds: 5,
	}
	storetest.Run(t, h)
	if refused := server.CLI("acl", "log"); strings.TrimSpace(refused) != "" {
		t.Errorf("the server has refused something:\n%s", refused)
	}
}

func TestEveryRightThatLacksIsNamedAtOnce(t *testing.T) {
	server := testserver.StartRedis(t, false)
	address := strings.Replace(server.URL(), "://", "://app:hunter2@", 1)
	rules := leastRights(t)
	optional := []string{"+info", "+config|get", "+client|tracking", "+cluster|slots", "+role", "+unsubscribe", "+punsubscribe", "+sunsubscribe", "+discard"}
	for _, rule := range rules {
		if !strings.ContainsAny(rule[:1], "+~&") || slices.Contains(optional, rule) {
			continue
		}
		set(server, without(rules, rule))
		s, err := Open(t.Context(), address, nil)
		if err == nil {
			s.Close()
			t.Errorf("without %s: got no error", rule)
			continue
		}
		if !strings.HasSuffix(err.Error(), ": "+rule) || strings.Contains(err.Error(), "app") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("without %s: got error %v, want one that names it, and not the user", rule, err)
		}
	}
	set(server, without(rules, "+hset", "-get", "-ping"))
	if _, err := Open(t.Context(), address, nil); err == nil || !strings.HasSuffix(err.Error(), ": +get +hset +ping") {
		t.Errorf("without three: got error %v, want one that names them", err)
	}
	set(server, rules)
	openKit(t, address, Options{})
	if strings.TrimSpace(server.CLI("dbsize")) != "0" {
		t.Errorf("the look for rights has left keys behind: %s", server.CLI("keys", "*"))
	}
}

func TestARightThatIsTakenAwayIsNoUsersName(t *testing.T) {
	server := testserver.StartRedis(t, false)
	rules := leastRights(t)
	set(server, rules)
	k := openKit(t, strings.Replace(server.URL(), "://", "://app:hunter2@", 1), Options{})
	id := k.create(nil)
	server.CLI("acl", "setuser", "app", "-get")
	_, err := k.Find(t.Context(), id, satra.Fresh)
	_, err2 := k.Apply(t.Context(), id, &satra.Change{At: k.now, Delete: []string{"a"}})
	for _, err := range []error{err, err2} {
		if !errors.Is(err, satra.ErrUnavailable) || !strings.Contains(err.Error(), "any more") || strings.Contains(err.Error(), "app") {
			t.Errorf("got error %v, want ErrUnavailable that says why, and no name", err)
		}
	}
}

func TestTheLeastRightsOnAClusterAndWithSentinels(t *testing.T) {
	rules := leastRights(t)
	cluster := testserver.StartRedisCluster(t, testserver.RedisClusterOptions{})
	for _, n := range cluster.Primaries {
		set(n, rules)
	}
	address := "redis+cluster://app:hunter2@" + cluster.Primaries[0].Addr()
	k := openKit(t, address, Options{})
	for range 20 {
		k.signIn("alice")
	}
	if n := len(k.live("alice")); n != 20 {
		t.Errorf("%d live sessions, want 20", n)
	}
	notices, _, cancel := k.watch()
	<-notices
	cancel()
	set(cluster.Primaries[2], without(rules, "+hset"))
	if _, err := Open(t.Context(), address, nil); err == nil || !strings.HasSuffix(err.Error(), ": +hset") {
		t.Errorf("one node of three lacks a right: got error %v, want one that names it", err)
	}
	for _, form := range []string{"redis://", "redis+cluster://"} {
		set(cluster.Primaries[0], without(rules, "+cluster|slots"))
		_, err := Open(t.Context(), form+"app:hunter2@"+cluster.Primaries[0].Addr(), nil)
		if err == nil || !strings.Contains(err.Error(), "+cluster|slots") || strings.Contains(err.Error(), "app") {
			t.Errorf("%s without the right to ask for the slots: got error %v, want one that names it", form, err)
		}
	}

	s := testserver.StartRedisSentinel(t, "main")
	set(s.Primary, rules)
	watcher := documented(t, "ACL SETUSER satra-sentinel ")
	watcher[2] = "app"
	watcher[slices.Index(watcher, ">PASSWORD")] = ">hunter2"
	set(s, watcher)
	address = "redis+sentinel://app:hunter2@" + s.Addr() + "/main?sentinel_user=app&sentinel_password=hunter2"
	openKit(t, address, Options{Prefix: "satra:" /* its default */}).signIn(rand.Text())
	if refused := s.CLI("acl", "log"); strings.TrimSpace(refused) != "" {
		t.Errorf("the Sentinel has refused something:\n%s", refused)
	}
	set(s.Primary, without(rules, "+role"))
	if _, err := Open(t.Context(), address, nil); err == nil || !strings.Contains(err.Error(), "+role") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("without the right to ask for the role: got error %v, want one that names it", err)
	}
}
