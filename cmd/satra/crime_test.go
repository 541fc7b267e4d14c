package main

import (
	"context"
	"database/sql"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
	"github.com/satra-sessions/satra/internal/testserver"
)

// An engine is a database as whoever can write to it has it before them.
type engine struct {
	driver, address string
	store           string // its name for the program
	words           []string
}

// engines are the databases that keep logs. Their words differ in some things.
var engines = map[string]func(*testing.T) engine{
	"sqlite": func(t *testing.T) engine {
		file := filepath.Join(t.TempDir(), "audit.db")
		return engine{"sqlite", file + "?_pragma=busy_timeout(20000)", "sqlite:" + file, []string{
			"{audit}", "audit", "{16 bytes}", "x'000102030405060708090a0b0c0d0e0f'", "{nothing}", "x''",
			// There is no exclusive or.
			"{body with another last byte}", "CAST(substr(body, 1, length(body) - 1) || CASE substr(body, -1) WHEN x'00' THEN x'01' ELSE x'00' END AS BLOB)",
		}}
	},
	"postgres": func(t *testing.T) engine {
		url := testserver.StartPostgres(t).URL("postgres")
		return engine{"pgx", url, url, []string{
			"{audit}", "satra.audit", "{16 bytes}", `'\x000102030405060708090a0b0c0d0e0f'::bytea`, "{nothing}", "''::bytea",
			"{body with another last byte}", "set_byte(body, length(body) - 1, get_byte(body, length(body) - 1) # 1)",
		}}
	},
}

// A crime is a log of three nodes in a database, with its checkpoints in a file, and
// what somebody does to it who has no key.
type crime struct {
	*kept
	engine
	t     *testing.T
	db    *sql.DB
	ring  *audit.Ring
	heads *audit.CheckpointFile
	now   time.Time
	names map[string]string // of the chains, by their nodes
}

func newCrimeScene(t *testing.T, e engine) *crime {
	t.Helper()
	c := &crime{kept: &kept{dir: t.TempDir()}, engine: e, t: t, now: time.Now().Add(-time.Hour), names: map[string]string{}}
	keys := filepath.Join(c.dir, "audit-keys")
	c.flags = []string{"-store", e.store, "-keys", keys}
	var err error
	if c.heads, err = audit.OpenCheckpointFile(filepath.Join(c.dir, "heads.jsonl")); err != nil {
		t.Fatal(err)
	}
	if c.db, err = sql.Open(e.driver, e.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.heads.Close(); c.db.Close() })
	c.newKey()
	return c
}

// newKey makes a key, which the logs that are opened after that use.
func (c *crime) newKey() {
	c.t.Helper()
	expect(c.t, exitOK, nil, "audit", "key", "-keys", filepath.Join(c.dir, "audit-keys"))
	var err error
	if c.ring, err = audit.ReadKeys(filepath.Join(c.dir, "audit-keys")); err != nil {
		c.t.Fatal(err)
	}
}

// log begins a node's chain. Nothing is cut unless the test says so.
func (c *crime) log(sink audit.Sink, node string, retention time.Duration) *audit.Log {
	c.t.Helper()
	var steps atomic.Int64
	began := c.now
	l, err := audit.Open(c.t.Context(), sink, &audit.Options{
		Keys: c.ring, Node: node, Checkpoints: c.heads, Retention: retention,
		Now: func() time.Time { return began.Add(time.Duration(steps.Add(1)) * 10 * time.Second) },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.names[node] = l.Writer()
	return l
}

// record has the logs write an entry each, at the scene's own time.
func (c *crime) record(logs ...*audit.Log) {
	c.t.Helper()
	for i, l := range logs {
		c.now = c.now.Add(10 * time.Second)
		e := audit.Entry{
			At: c.now, Kind: satra.EventSignedIn, Session: satra.ID{byte(i + 1)}, Principal: []string{"asha", "ravi"}[i%2],
			Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Detail: "passphrase",
		}
		if err := l.Record(c.t.Context(), e); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *crime) close(logs ...*audit.Log) {
	c.t.Helper()
	for _, l := range logs {
		if err := l.Close(context.Background()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// sql runs statements, in the words of say.
func (c *crime) sql(statements string) {
	c.t.Helper()
	for statement := range strings.SplitSeq(c.say(statements), "; ") {
		if _, err := c.db.ExecContext(c.t.Context(), statement); err != nil {
			c.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// scenes are how a text names places in a node's chain.
var scenes = regexp.MustCompile(`\{([a-z]) (begin|middle|end)([+-]\d+)?\}`)

// say puts in what the words in braces stand for: the chain of a node, where it begins
// and ends, and where it ended half-way.
func (c *crime) say(text string) string {
	words := c.words
	for node, writer := range c.names {
		words = append(words, "{"+node+"}", writer)
	}
	text = scenes.ReplaceAllStringFunc(text, func(place string) string {
		parts := scenes.FindStringSubmatch(place)
		what := map[string]string{"begin": "min(seq) FROM whole", "middle": "max(seq) FROM earlier", "end": "max(seq) FROM whole"}[parts[2]]
		var seq int
		if err := c.db.QueryRowContext(c.t.Context(), "SELECT "+what+" WHERE writer = '"+c.names[parts[1]]+"'").Scan(&seq); err != nil {
			c.t.Fatalf("%s: %v", place, err)
		}
		by, _ := strconv.Atoi(parts[3])
		return strconv.Itoa(seq + by)
	})
	return strings.NewReplacer(words...).Replace(text)
}

// verify runs the program, and holds it to what it finds: to these lines and to no
// others.
func (c *crime) verify(want string) {
	c.t.Helper()
	code, said, errs := program(c.t, c.run("verify", "-heads", filepath.Join(c.dir, "heads.jsonl"))...)
	var found []string
	for line := range strings.Lines(said) {
		if finding, is := strings.CutPrefix(line, "! "); is {
			found = append(found, finding)
		}
	}
	var wanted []string
	if want != "" {
		wanted = strings.Split(c.say(want), "; ")
	}
	right := len(found) == len(wanted) && code == exitOK == (want == "") && code != exitUsage
	for i := range min(len(found), len(wanted)) {
		right = right && strings.HasPrefix(found[i], wanted[i])
	}
	if !right {
		c.t.Errorf("got exit code %d:\n%s%s\nwant these to be found: %q", code, said, errs, wanted)
	}
}

// newCrime has three nodes write their chains into one database, at the same time. Two
// tables keep what is in it half-way and at the end.
func newCrime(t *testing.T, e engine) *crime {
	t.Helper()
	c := newCrimeScene(t, e)
	sink := open(t, e.store).Store.(audit.Sink)
	logs := []*audit.Log{c.log(sink, "a", satra.Never), c.log(sink, "b", satra.Never), c.log(sink, "c", satra.Never)}
	for i := range 20 {
		if i == 10 {
			c.sql("CREATE TABLE earlier AS SELECT * FROM {audit}")
		}
		c.record(logs...)
	}
	c.close(logs...)
	c.sql("CREATE TABLE whole AS SELECT * FROM {audit}")
	return c
}
