package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/satra-sessions/satra"
	"github.com/satra-sessions/satra/memstore"
)

// A story that was made up: what a memory store did, which loses nothing, and
// what is then made of it.
type madeUp struct {
	*testing.T
	h    *history
	seen observation
	rec  *recorder
	ids  map[string]satra.ID
}

func (m *madeUp) do(name string, o operation) {
	m.Helper()
	if name != "" {
		if _, ok := m.ids[name]; !ok {
			m.ids[name] = newID()
		}
		o.ID = m.ids[name]
	}
	if got, err := m.rec.do(m.Context(), &o); got != acknowledged || err != nil {
		m.Fatalf("%s of %s: %s, %v", o.Kind, name, got, err)
	}
}

// asks writes down an operation that nobody has answered, and returns it.
func (m *madeUp) asks(name string, o operation) *done {
	m.Helper()
	o.ID = m.ids[name]
	if err := m.rec.write(line{Begun: &o}); err != nil {
		m.Fatal(err)
	}
	return m.h.byOp[o.Op]
}

func (m *madeUp) answers(d *done, got answer) {
	m.Helper()
	if err := m.h.add(line{Over: &outcome{Of: d.Op, Got: got}}); err != nil {
		m.Fatal(err)
	}
}

func (m *madeUp) record(name string) *satra.Record { return m.seen.records[m.ids[name]] }

func (m *madeUp) replace(name string, edit func(*satra.Record)) {
	r := *m.record(name)
	r.Values = slices.Clone(r.Values)
	edit(&r)
	m.seen.records[r.ID] = &r
}

// older puts a session back to a state that it was in before, so many changes ago.
func (m *madeUp) older(name string, changes int) {
	m.Helper()
	all, err := m.h.sessions[m.ids[name]].states()
	if err != nil {
		m.Fatal(err)
	}
	m.seen.records[m.ids[name]] = all.before[len(all.before)-changes]
}

func set(r *satra.Record, key, text string) {
	for i, v := range r.Values {
		if v.Key == key {
			r.Values[i].Data = []byte(text)
		}
	}
}

func newMadeUp(t *testing.T) *madeUp {
	h := newHistory()
	m := &madeUp{T: t, h: h, ids: map[string]satra.ID{}, rec: &recorder{store: memstore.New(nil), to: h.add}}
	for _, name := range []string{"alice's", "alice's other", "bob's", "carol's", "nobody's", "dave's", "counted"} {
		m.do(name, operation{Kind: create})
	}
	m.do("alice's", operation{Kind: commit, N: 1})
	for _, name := range []string{"alice's", "alice's other"} {
		m.do(name, operation{Kind: signIn, N: 1, Principal: "alice", Limit: 2, EndOldest: true})
	}
	m.do("alice's", operation{Kind: renew, From: 1, N: 2})
	m.do("alice's", operation{Kind: commit, N: 2})
	m.do("alice's", operation{Kind: touch})
	m.do("bob's", operation{Kind: commit, N: 3})
	m.do("bob's", operation{Kind: end})
	m.do("carol's", operation{Kind: signIn, N: 1, Principal: "carol"})
	m.do("", operation{Kind: endAll, Principal: "carol", Access: satra.AccessDeny})
	m.do("nobody's", operation{Kind: commit, N: 1})
	m.asks("nobody's", operation{Kind: commit, N: 2})
	m.asks("dave's", operation{Kind: signIn, N: 1, Principal: "dave"})
	m.do("counted", operation{Kind: count, N: 1})
	m.do("counted", operation{Kind: count, N: 2, Rev: 2})
	var err error
	if m.seen, err = observe(t.Context(), m.rec.store, h); err != nil {
		t.Fatal(err)
	}
	return m
}

// What is done to the made-up story, and what the check has to say of it. Nothing
// is wrong with those that want nothing.
var spoiled = []struct {
	name  string
	spoil func(*madeUp)
	want  fate
	text  string
}{
	{"nothing", func(*madeUp) {}, "", ""},
	{"a session is gone", func(m *madeUp) { delete(m.seen.records, m.ids["nobody's"]) }, lost, "is not there"},
	{"the last commit is gone", func(m *madeUp) { m.older("alice's", 1) }, lost, "an older state"},
	{"the renewal is gone", func(m *madeUp) { m.older("alice's", 2) }, lost, "an older state"},
	{"a sign-in is gone", func(m *madeUp) {
		m.older("alice's other", 1)
		delete(m.seen.listed["alice"], m.ids["alice's other"])
	}, lost, "an older state"},
	{"the touch is gone", func(m *madeUp) {
		m.replace("alice's", func(r *satra.Record) { r.Seen = r.Begun })
	}, "", ""},
	{"somebody was there when nobody was", func(m *madeUp) {
		m.replace("alice's", func(r *satra.Record) { r.Seen = r.Seen.Add(time.Hour) })
	}, half, "no state"},
	{"the unknown commit was made", func(m *madeUp) {
		all, _ := m.h.sessions[m.ids["nobody's"]].states()
		m.seen.records[m.ids["nobody's"]] = all.after[0]
	}, "", ""},
	{"half of the unknown commit was made", func(m *madeUp) {
		m.replace("nobody's", func(r *satra.Record) { set(r, left, "2") })
	}, half, "Values"},
	{"a commit was made that nobody asked for", func(m *madeUp) {
		m.replace("nobody's", func(r *satra.Record) { set(r, left, "3"); set(r, right, "3"); r.Version++ })
	}, half, "Values"},
	{"a session that was signed out lives", func(m *madeUp) { m.older("bob's", 1) }, revived, "was ended by end"},
	{"a session lives that an end of all has told of", func(m *madeUp) {
		m.older("carol's", 0+1)
		m.seen.listed["carol"] = map[satra.ID]bool{}
	}, revived, "was ended by end all"},
	{"a session lives that an end of all should have told of", func(m *madeUp) {
		story := m.h.sessions[m.ids["carol's"]]
		story.ends = nil
		all, _ := story.states()
		m.seen.records[m.ids["carol's"]] = all.after[0]
		m.seen.listed["carol"] = map[satra.ID]bool{m.ids["carol's"]: true}
	}, revived, "came after its sign-in"},
	{"a commit was acknowledged after the end", func(m *madeUp) {
		m.answers(m.asks("bob's", operation{Kind: commit, N: 4}), acknowledged)
	}, revived, "after its end"},
	{"a tombstone has values", func(m *madeUp) {
		m.replace("bob's", func(r *satra.Record) { r.Values = []satra.Value{{Key: left}} })
	}, half, "Values"},
	{"a session ended by itself", func(m *madeUp) {
		m.replace("nobody's", func(r *satra.Record) { r.Ended = &satra.End{Reason: satra.ReasonSignedOut}; r.Values = nil })
	}, wrong, "nobody asked"},
	{"a session was ended by what ended another", func(m *madeUp) {
		m.seen.records[m.ids["nobody's"]] = withEnd(m.record("nobody's"), *m.record("bob's").Ended)
	}, wrong, "nobody asked"},
	{"a session was ended by an end that was refused", func(m *madeUp) {
		d := m.asks("alice's", operation{Kind: end})
		m.answers(d, refused(satra.ErrEnded))
		m.seen.records[d.ID] = withEnd(m.record("alice's"), d.endOf(satra.ReasonSignedOut))
		delete(m.seen.listed["alice"], d.ID)
	}, wrong, "nobody asked"},
	{"an end whose answer was lost", func(m *madeUp) {
		d := m.asks("alice's", operation{Kind: end})
		m.seen.records[d.ID] = withEnd(m.record("alice's"), d.endOf(satra.ReasonSignedOut))
		delete(m.seen.listed["alice"], d.ID)
	}, "", ""},
	{"a counter went back", func(m *madeUp) {
		m.replace("counted", func(r *satra.Record) { set(r, left, "1"); set(r, right, "1"); r.Version-- })
	}, lost, "counts to 1"},
	{"two were told that they had counted to the same number", func(m *madeUp) {
		m.answers(m.asks("counted", operation{Kind: count, N: 2, Rev: 2}), acknowledged)
	}, lost, "2 increments to 2"},
	{"a counter went further than anybody asked", func(m *madeUp) {
		m.replace("counted", func(r *satra.Record) { set(r, left, "3"); set(r, right, "3"); r.Version++ })
	}, wrong, "counts to 3"},
	{"half of an increment was made", func(m *madeUp) {
		m.replace("counted", func(r *satra.Record) { set(r, left, "3") })
	}, half, "written together"},
	{"an increment's version was not", func(m *madeUp) {
		m.replace("counted", func(r *satra.Record) { r.Version-- })
	}, half, "in its version"},
	{"a live session is in no list", func(m *madeUp) { delete(m.seen.listed["alice"], m.ids["alice's"]) }, wrong, "not in the list"},
	{"a session of nobody is in a list", func(m *madeUp) { m.seen.listed["alice"][m.ids["nobody's"]] = true }, wrong, "no live one"},
	{"there are more than the limit allows", func(m *madeUp) {
		for _, d := range m.h.all {
			d.Limit = min(d.Limit, 1)
		}
	}, wrong, "at most 1"},
	{"a sign-in is under way", func(m *madeUp) {
		all, _ := m.h.sessions[m.ids["dave's"]].states()
		m.seen.records[m.ids["dave's"]] = all.after[0]
	}, "", ""},
	{"a sign-in stays under way", func(m *madeUp) {
		all, _ := m.h.sessions[m.ids["dave's"]].states()
		m.seen.records[m.ids["dave's"]] = all.after[0]
		m.seen.at = m.seen.at.Add(lease)
	}, wrong, "not in the list"},
	{"a sign-in was not completed", func(m *madeUp) {
		all, _ := m.h.sessions[m.ids["dave's"]].states()
		m.seen.records[m.ids["dave's"]] = withEnd(all.after[0], satra.End{At: m.seen.at, Reason: satra.ReasonIncomplete})
	}, "", ""},
	{"a sign-in that was acknowledged was not completed", func(m *madeUp) {
		m.seen.records[m.ids["alice's"]] = withEnd(m.record("alice's"), satra.End{At: m.seen.at, Reason: satra.ReasonIncomplete})
		delete(m.seen.listed["alice"], m.ids["alice's"])
	}, wrong, "nobody asked"},
	{"an epoch comes back", func(m *madeUp) { m.seen.states["carol"] = satra.PrincipalState{Disabled: true} }, revived, "epoch"},
	{"a principal that was disabled is not", func(m *madeUp) {
		m.seen.states["carol"] = satra.PrincipalState{Epoch: m.seen.states["carol"].Epoch}
	}, lost, "is disabled: false"},
	{"a session that was refused is there", func(m *madeUp) {
		m.h.sessions[m.ids["nobody's"]].asked[0].got = refused(satra.ErrFull)
	}, wrong, "was refused"},
	{"a session was not found while it was worked on", func(m *madeUp) {
		m.answers(m.asks("nobody's", operation{Kind: commit, N: 3}), refused(satra.ErrNotFound))
	}, lost, "did not find it"},
	{"a commit met a conflict where there is nobody else", func(m *madeUp) {
		m.answers(m.asks("nobody's", operation{Kind: commit, N: 3}), refused(satra.ErrConflict))
	}, wrong, "the answer to a commit"},
	{"a commit was answered with what no store answers", func(m *madeUp) {
		m.answers(m.asks("nobody's", operation{Kind: commit, N: 3}), answerOf(errors.New("a bug")))
	}, wrong, "a bug"},
}

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	for _, test := range spoiled {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			m := newMadeUp(t)
			test.spoil(m)
			faults := check(m.h, m.seen)
			if test.want == "" {
				if len(faults) > 0 {
					t.Errorf("got %v, want that nothing is wrong", faults)
				}
				return
			}
			if !slices.ContainsFunc(faults, func(f fault) bool { return f.what == test.want && strings.Contains(f.text, test.text) }) {
				t.Errorf("got %v, want %s: …%s…", faults, test.want, test.text)
			}
		})
	}
}

func TestASignInAfterTheKillKeepsTheLimit(t *testing.T) {
	full := refused(satra.ErrLimit)
	oldest, newest := rule{3, true}, rule{3, false}
	for _, test := range []struct {
		try
		right bool
	}{
		{try{got: acknowledged, before: 7, after: 8}, true},
		{try{got: acknowledged, before: 7, after: 7}, false},
		{try{got: unknown, before: 7, after: 7}, false},
		{try{rule: oldest, got: acknowledged, before: 2, after: 3}, true},
		{try{rule: oldest, got: acknowledged, before: 3, after: 3}, true},
		{try{rule: oldest, got: acknowledged, before: 3, after: 4}, false},
		{try{rule: oldest, got: acknowledged, before: 3, after: 2}, false},
		{try{rule: oldest, got: acknowledged, before: 3, after: 2, uncertain: 1}, true},
		{try{rule: oldest, got: full, before: 3, after: 3}, false},
		{try{rule: newest, got: acknowledged, before: 2, after: 3}, true},
		{try{rule: newest, got: full, before: 2, after: 2}, false},
		{try{rule: newest, got: full, before: 2, after: 2, uncertain: 1}, true},
		{try{rule: newest, got: full, before: 3, after: 3}, true},
		{try{rule: newest, got: acknowledged, before: 3, after: 3}, false},
		{try{rule: newest, got: full, before: 3, after: 4}, false},
	} {
		if got := test.fault(); (got == "") != test.right {
			t.Errorf("%+v: got %q, want that it is right: %v", test.try, got, test.right)
		}
	}
}

func TestHalfALineIsNone(t *testing.T) {
	var written strings.Builder
	to := intoPipe(&written)
	id := newID()
	for _, l := range []line{{Begun: &operation{Op: 7, Kind: create, ID: id}}, {Over: &outcome{Of: 7, Got: acknowledged, Ended: []satra.ID{id}}}} {
		if err := to(l); err != nil {
			t.Fatal(err)
		}
	}
	begun, over, _ := strings.Cut(written.String(), "\n")
	if l, ok, err := readLine([]byte(begun + "\n")); err != nil || !ok || l.Begun == nil || l.Begun.ID != id {
		t.Errorf("got %+v, %v, %v; want the operation", l, ok, err)
	}
	if l, ok, err := readLine([]byte(over)); err != nil || !ok || l.Over == nil || l.Over.Ended[0] != id {
		t.Errorf("got %+v, %v, %v; want the outcome", l, ok, err)
	}
	for n := range len(begun) {
		if _, ok, err := readLine([]byte(begun[:n])); ok || err != nil {
			t.Fatalf("%q: got a line, %v", begun[:n], err)
		}
	}
	for _, text := range []string{"\n", "{}\n", "x\n", fmt.Sprintf("{%q:{},%q:{}}\n", "Begun", "Over")} {
		if _, ok, err := readLine([]byte(text)); ok || err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}
