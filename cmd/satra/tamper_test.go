package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/audit"
)

// tamperings are what somebody does by SQL, in the words of [crime.say], and what
// verification finds.
var tamperings = map[string]struct{ sql, want string }{
	"nothing": {"SELECT 1", ""},

	"another writer":    {"UPDATE {audit} SET writer = '{b}x' WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: removed; {b}x, entries 1 to 4: removed; {b}x, entry 5: moved: it was written as entry 5 of {b}"},
	"another place":     {"UPDATE {audit} SET seq = {b end+2} WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: removed; {b}, entry {b end+1}: removed; {b}, entry {b end+2}: moved: it was written as entry 5"},
	"another time":      {"UPDATE {audit} SET at = at + 1 WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"another kind":      {"UPDATE {audit} SET kind = 'renewed' WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"another session":   {"UPDATE {audit} SET session = 'AQAAAAAAAAAAAAAAAAAAAA' WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"another principal": {"UPDATE {audit} SET principal = {16 bytes} WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"another address":   {"UPDATE {audit} SET address = {16 bytes} WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"a byte of a body":  {"UPDATE {audit} SET body = {body with another last byte} WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"no body":           {"UPDATE {audit} SET body = {nothing} WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"another MAC":       {"UPDATE {audit} SET mac = (SELECT mac FROM {audit} WHERE writer = '{b}' AND seq = 6) WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"no MAC":            {"UPDATE {audit} SET mac = {nothing} WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: altered"},
	"no principals":     {"UPDATE {audit} SET principal = NULL WHERE writer = '{b}' AND seq IN (SELECT min(seq) FROM {audit} WHERE writer = '{b}' AND principal IS NOT NULL)", "{b}, entry 2: altered"},
	"the first entry":   {"UPDATE {audit} SET at = at - 1 WHERE writer = '{b}' AND seq = 1", "{b}, entry 1: altered"},
	"the last entry":    {"UPDATE {audit} SET at = at + 1 WHERE writer = '{b}' AND seq = {b end}", "{b}, entry {b end}: altered"},
	"a chain's times":   {"UPDATE {audit} SET at = at + 1 WHERE writer = '{b}'", "{b}, entries 1 to {b end}: altered"},

	"one removed":                     {"DELETE FROM {audit} WHERE writer = '{b}' AND seq = 5", "{b}, entry 5: removed"},
	"three removed":                   {"DELETE FROM {audit} WHERE writer = '{b}' AND seq BETWEEN 5 AND 7", "{b}, entries 5 to 7: removed"},
	"one of each removed":             {"DELETE FROM {audit} WHERE seq = 5", "{a}, entry 5: removed; {b}, entry 5: removed; {c}, entry 5: removed"},
	"the old end removed":             {"DELETE FROM {audit} WHERE writer = '{b}' AND seq <= 3", "{b}, entries 1 to 3: removed"},
	"the new end removed":             {"DELETE FROM {audit} WHERE writer = '{b}' AND seq > 6", "{b}, entries 7 to {b end}: truncated"},
	"the last removed":                {"DELETE FROM {audit} WHERE writer = '{b}' AND seq = {b end}", "{b}, entry {b end}: truncated"},
	"a chain removed":                 {"DELETE FROM {audit} WHERE writer = '{b}'", "{b}, entries 1 to {b end}: truncated: the whole chain is missing"},
	"all removed":                     {"DELETE FROM {audit}", "{a}, entries 1 to {a end}: truncated; {b}, entries 1 to {b end}: truncated; {c}, entries 1 to {c end}: truncated"},
	"what tells of the others":        {"DELETE FROM {audit} WHERE writer = '{b}' AND kind = 'audit_opened'", "{b}, entry 1: removed"},
	"two swapped":                     {"UPDATE {audit} SET seq = -seq WHERE writer = '{b}' AND seq IN (5, 6); UPDATE {audit} SET seq = 11 + seq WHERE writer = '{b}' AND seq < 0", "{b}, entry 5: moved: it was written as entry 6; {b}, entry 6: moved: it was written as entry 5"},
	"one removed, and the gap closed": {"DELETE FROM {audit} WHERE writer = '{b}' AND seq = {b end-2}; UPDATE {audit} SET seq = -seq WHERE writer = '{b}' AND seq > {b end-2}; UPDATE {audit} SET seq = -seq - 1 WHERE writer = '{b}' AND seq < 0", "{b}, entry {b end-2}: moved: it was written as entry {b end-1}; {b}, entry {b end-1}: moved: it was written as entry {b end}; {b}, entry {b end}: truncated"},

	"one moved to another chain":    {"UPDATE {audit} SET writer = '{a}', seq = {a end+1} WHERE writer = '{b}' AND seq = 5", "{a}, entry {a end+1}: moved: it was written as entry 5 of {b}; {b}, entry 5: removed"},
	"one in the place of another's": {"DELETE FROM {audit} WHERE writer = '{a}' AND seq = 6; INSERT INTO {audit} SELECT '{a}', 6, at, kind, session, principal, address, body, mac FROM {audit} WHERE writer = '{b}' AND seq = 5", "{a}, entry 6: moved: it was written as entry 5 of {b}"},
	"one copied to the end":         {"INSERT INTO {audit} SELECT writer, {b end+1}, at, kind, session, principal, address, body, mac FROM {audit} WHERE writer = '{b}' AND seq = 5", "{b}, entry {b end+1}: moved: it was written as entry 5"},
	"one replayed":                  {"DELETE FROM {audit} WHERE writer = '{b}' AND seq = 9; INSERT INTO {audit} SELECT writer, 9, at, kind, session, principal, address, body, mac FROM {audit} WHERE writer = '{b}' AND seq = 5", "{b}, entry 9: moved: it was written as entry 5"},
	"one copied out of all chains":  {"INSERT INTO {audit} SELECT '', seq, at, kind, session, principal, address, body, mac FROM {audit} WHERE writer = '{b}' AND seq = 5", "without a chain, entry 5: moved: it was written as entry 5 of {b}"},
	"one of one's own":              {"INSERT INTO {audit} (writer, seq, at, kind, body, mac) VALUES ('{b}', {b end+1}, 1, 'signed_in', {16 bytes}, {16 bytes})", "{b}, entry {b end+1}: altered"},
	"a chain of one's own":          {"INSERT INTO {audit} (writer, seq, at, kind, body, mac) VALUES ('{b}.', 1, 1, 'audit_opened', {16 bytes}, {16 bytes})", "{b}., entry 1: altered"},

	"a chain set back":      {"DELETE FROM {audit} WHERE writer = '{b}'; INSERT INTO {audit} SELECT * FROM earlier WHERE writer = '{b}'", "{b}, entries {b middle+1} to {b end}: truncated"},
	"everything set back":   {"DELETE FROM {audit}; INSERT INTO {audit} SELECT * FROM earlier", "{a}, entries {a middle+1} to {a end}: truncated; {b}, entries {b middle+1} to {b end}: truncated; {c}, entries {c middle+1} to {c end}: truncated"},
	"back, and goes on new": {"DELETE FROM {audit}; INSERT INTO {audit} SELECT * FROM earlier; INSERT INTO {audit} SELECT * FROM whole WHERE writer <> '{b}' AND seq > (SELECT max(seq) FROM earlier e WHERE e.writer = whole.writer)", "{b}, entries {b middle+1} to {b end}: truncated"},
}

// TestVerifyFindsWhatSQLHasDone tampers by SQL with a log of three nodes, in a file and
// on a server.
func TestVerifyFindsWhatSQLHasDone(t *testing.T) {
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			c := newCrime(t, start(t))
			for what, done := range tamperings {
				t.Run(what, func(t *testing.T) {
					there := *c
					there.t = t
					there.sql("DELETE FROM {audit}; INSERT INTO {audit} SELECT * FROM whole")
					there.sql(done.sql)
					there.verify(done.want)
				})
			}
		})
	}
}

// A cutSink tells when retention has cut all that it wants to.
type cutSink struct {
	audit.Sink
	done chan struct{}
}

func (s *cutSink) CutAuditKeys(ctx context.Context, before int64, limit int) (int, error) {
	n, err := s.Sink.CutAuditKeys(ctx, before, limit)
	if n == 0 && err == nil {
		close(s.done)
	}
	return n, err
}

// TestVerifyFindsNothingWhereNobodyTampered has retention cut a chain and a part of
// another, changes the key, and erases a person. What is then taken from what is left
// is found as it was before.
func TestVerifyFindsNothingWhereNobodyTampered(t *testing.T) {
	const day = 24 * time.Hour
	for name, start := range engines {
		t.Run(name, func(t *testing.T) {
			c := newCrimeScene(t, start(t))
			sink := open(t, c.store).Store.(audit.Sink)
			c.now = time.Now().Add(-100 * day)
			a, b := c.log(sink, "a", satra.Never), c.log(sink, "b", satra.Never)
			c.record(a, b, a, b, a, b)
			c.close(b)
			c.now = time.Now().Add(-10 * day)
			c.record(a, a, a)
			c.close(a)
			c.verify("")
			c.sql("CREATE TABLE earlier AS SELECT * FROM {audit}")

			c.newKey()
			c.now = time.Now().Add(-time.Hour)
			cut := &cutSink{sink, make(chan struct{})}
			d := c.log(cut, "d", 50*day)
			<-cut.done
			c.record(d, d)
			c.close(d)
			said := expect(t, exitOK, []string{"The log is as it was written.", "1 chains were cut", "in 2 chains"}, c.run("verify", "-heads", filepath.Join(c.dir, "heads.jsonl"))...)
			expect(t, exitOK, nil, c.run("erase", "asha", "-actor", "operator")...)
			c.verify("")
			if shown := expect(t, exitOK, nil, c.run("show")...); strings.Contains(shown, "asha") || !strings.Contains(shown, "ravi") {
				t.Errorf("after %s, got %s\nwant ravi in it, and no asha", said, shown)
			}

			c.sql("CREATE TABLE whole AS SELECT * FROM {audit}")
			c.sql("DELETE FROM {audit} WHERE writer = '{a}' AND seq = (SELECT min(seq) FROM whole WHERE writer = '{a}')")
			c.verify("{a}, entry {a begin}: removed")
			c.sql("DELETE FROM {audit} WHERE writer = '{a}'")
			c.verify("{a}, entries {a begin} to {a end}: truncated")
			c.sql("INSERT INTO {audit} SELECT * FROM whole WHERE writer = '{a}'; DELETE FROM {audit} WHERE kind = 'audit_cut'")
			c.verify("{a}, entries 1 to {a begin-1}: removed; {b}, entries 1 to {b middle}: truncated; {d}, entry 2: removed")
		})
	}
}
