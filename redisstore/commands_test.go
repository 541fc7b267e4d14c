package redisstore

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ofRedis62 are the commands that the store uses, with what it says to them beyond
// keys and values. All of it is in Redis 6.2, by the history of each in its
// documentation; who adds one looks it up there.
var ofRedis62 = map[string][]string{
	"DEL": nil, "EXISTS": nil, "GET": nil, "GETRANGE": nil, "HDEL": nil, "HEXISTS": nil, "HGET": nil, "HGETALL": nil,
	"HMGET": nil, "HSET": nil, "PERSIST": nil, "PEXPIREAT": nil, "PTTL": nil, "PUBLISH": nil,
	"SET":      {"PXAT", "KEEPTTL", "PX"}, // 6.2, 6.0, 2.6.12
	"SETRANGE": nil, "TIME": nil, "ZADD": nil, "ZREM": nil,
	"ZRANGEBYLEX": {"LIMIT"},
	"ZRANGE":      {"BYLEX", "BYSCORE", "REV", "LIMIT"}, // 6.2, but for LIMIT
	"ZCOUNT":      nil, "BGREWRITEAOF": nil,
	"SUBSCRIBE": nil, "EVAL": nil, "EVALSHA": nil, "PING": nil, "INFO": nil, "HELLO": nil,
	"CONFIG|GET":      nil,
	"CLIENT|TRACKING": {"ON"},
}

// driversOwn are those that the driver sends of its own accord, and the rules for
// them. HELLO is allowed to everybody.
var driversOwn = []string{"cluster|slots", "role", "unsubscribe", "punsubscribe", "sunsubscribe", "discard"}

func TestTheStoreUsesWhatRedis62HasAndItsUserMay(t *testing.T) {
	used := map[string]bool{}
	inLua := regexp.MustCompile(`(?:redis\.p?call|try)\('([A-Z]+)'`)
	words := regexp.MustCompile(`'([A-Z]{2,})'`)
	err := fs.WalkDir(lua, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := lua.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			calls := inLua.FindAllStringSubmatch(line, -1)
			for _, m := range calls {
				used[m[1]] = true
			}
			for _, m := range words.FindAllStringSubmatch(line, -1) {
				isOption := slices.ContainsFunc(calls, func(c []string) bool { return slices.Contains(ofRedis62[c[1]], m[1]) })
				if len(calls) > 0 && !isOption && !used[m[1]] {
					t.Errorf("%s says %s to %s, which the test does not know", path, m[1], calls[0][1])
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range commandsInGo(t) {
		used[name] = true
	}
	rules := append(leastRights(t), auditRights(t)...)
	for name := range used {
		if _, ok := ofRedis62[name]; !ok {
			t.Errorf("the store uses %s; has Redis 6.2 got it?", name)
		}
		if name != "HELLO" && !slices.Contains(rules, "+"+strings.ToLower(name)) {
			t.Errorf("the store uses %s, and the user in docs/stores.md may not", name)
		}
	}
	for name := range ofRedis62 {
		if !used[name] {
			t.Errorf("the store no longer uses %s", name)
		}
	}
	for _, rule := range rules {
		name, ok := strings.CutPrefix(rule, "+")
		if ok && !used[strings.ToUpper(name)] && !slices.Contains(driversOwn, name) {
			t.Errorf("the user in docs/stores.md may do %s, which nobody needs", name)
		}
	}
}

// commandsInGo are those that the Go code builds itself.
func commandsInGo(t *testing.T) map[string]bool {
	t.Helper()
	inGo := regexp.MustCompile(`B\(\)\.(?:Arbitrary\("([A-Z]+)"|([A-Z][a-z]+)([A-Z][a-z]+)?\()`)
	found := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inGo.FindAllStringSubmatch(string(text), -1) {
			name := strings.ToUpper(m[1] + m[2])
			if m[3] != "" {
				name += "|" + strings.ToUpper(m[3])
			}
			found[name] = true
		}
	}
	return found
}
